/** What bak loads when it starts: what the command at hand needs, and nothing that only others need. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import module from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { BakUser } from "../helpers/bak-process.js";
import { projectFolder } from "../helpers/project.js";

/** The modules that `bak ARGS` loads, which must end well, by their paths in the project: what a bundled file is made of. */
async function loadedBy(t: Test, user: BakUser, args: string[]): Promise<string[]> {
  const folder = join(user.home, `coverage of ${args[0]}`);
  const { code, stderr } = await user.run(args, { env: { NODE_V8_COVERAGE: folder } }); // Node lists there what it ran
  t.equal(code, 0, stderr);
  const loaded = readdirSync(folder).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(folder, name), "utf8")) as { result: { url: string }[] };
    return result.filter(({ url }) => url.startsWith("file:")).flatMap(({ url }) => modulesIn(fileURLToPath(url)));
  });
  t.ok(loaded.includes("bin/run.js"));
  return loaded;
}

function modulesIn(file: string): string[] {
  const paths = [file];
  if (existsSync(`${file}.map`)) {
    const { sources } = JSON.parse(readFileSync(`${file}.map`, "utf8")) as { sources: string[] };
    paths.push(...sources.map((source) => join(dirname(file), source)));
  }
  return paths.map((path) => relative(fileURLToPath(projectFolder), path));
}

const inRooms = (loaded: string[], ...rooms: string[]): string[] =>
  loaded.filter((path) => rooms.some((room) => path.startsWith(`src/${room}`)));
const inPackages = (loaded: string[], ...names: string[]): string[] =>
  loaded.filter((path) => names.some((name) => path.startsWith(`node_modules/${name}/`)));

t.test("nothing of bak but what tends stdout and stderr is loaded to say its version", async (t) => {
  const loaded = await loadedBy(t, new BakUser(t, t.testdir()), ["--version"]);
  t.strictSame(inRooms(loaded, ""), [
    "src/cli/oclif.ts",
    "src/cli/standard-streams.ts",
    "src/client/source-failure.ts",
    "src/errors.ts",
  ]);
});

t.test("a command is loaded alone, and its help does not load what it works with", async (t) => {
  const loaded = await loadedBy(t, new BakUser(t, t.testdir()), ["log", "--help"]);
  t.strictSame(inRooms(loaded, "store/", "server/"), []);
  t.strictSame(
    inRooms(loaded, "commands/").filter((path) => path !== "src/commands/log.ts"),
    [],
  );
});

t.test("a push to a server loads nothing of a store", async (t) => {
  const user = new BakUser(t, t.testdir({ folder: { file: "content" } }));
  const serving = await user.serve(join(user.home, "served"));
  const toServer = await loadedBy(t, user, ["push", "folder", "-s", serving.url]);
  await serving.stop();
  t.strictSame(inRooms(toServer, "commands/"), ["src/commands/push.ts"]);
  t.ok(inRooms(toServer, "protocol/websocket-dial.ts").length === 1);
  t.strictSame(inRooms(toServer, "store/", "server/", "protocol/websocket-accept"), []);
  t.strictSame(inPackages(toServer, "msgpackr-extract"), []);
});

t.test("a push to a folder loads nothing of the network", async (t) => {
  const user = new BakUser(t, t.testdir({ folder: { file: "content" } }));
  const toFolder = await loadedBy(t, user, ["push", "folder", "-s", "store"]);
  t.ok(inRooms(toFolder, "store/open-store.ts").length === 1);
  t.strictSame(inRooms(toFolder, "server/listener", "protocol/websocket"), []);
  t.strictSame(inPackages(toFolder, "ws"), []);
});

const canKeep = "enableCompileCache" in module;

t.test(
  "what Node has compiled is kept in the user's cache folder",
  { skip: !canKeep && "this Node can't" },
  async (t) => {
    const user = new BakUser(t, t.testdir());
    const kept = join(user.home, "cache", "bak", "compiled");
    const version = async (): Promise<void> => {
      const { code, stdout, stderr } = await user.run(["--version"], { env: { NODE_COMPILE_CACHE: "" } });
      t.match({ code, stdout, stderr }, { code: 0, stdout: /^bak/, stderr: "" });
    };
    await version();
    t.notOk(existsSync(kept), "there is no such folder yet");
    mkdirSync(join(user.home, "cache"), { mode: 0o777 });
    chmodSync(join(user.home, "cache"), 0o777);
    await version();
    t.notOk(existsSync(kept), "others can write there");
    chmodSync(join(user.home, "cache"), 0o700);
    await version();
    t.ok(readdirSync(kept).length > 0);
    await version();
  },
);
