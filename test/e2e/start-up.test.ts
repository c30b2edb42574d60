/** What bak loads when it starts: what the command at hand needs, and nothing that only others need. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import module from "node:module";
import { join } from "node:path";
import t, { type Test } from "tap";
import { BakUser } from "../helpers/bak-process.js";
import { projectFolder } from "../helpers/project.js";

const dist = new URL("dist/", projectFolder).href;

/** The addresses of all that `bak ARGS` loads, which must end well; those of bak itself from dist/ on. */
async function loadedBy(t: Test, user: BakUser, args: string[]): Promise<string[]> {
  const folder = join(user.home, `coverage of ${args[0]}`);
  const { code, stderr } = await user.run(args, { env: { NODE_V8_COVERAGE: folder } }); // Node lists there what it ran
  t.equal(code, 0, stderr);
  const loaded = readdirSync(folder).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(folder, name), "utf8")) as { result: { url: string }[] };
    return result.map(({ url }) => url.replace(dist, "dist/"));
  });
  t.ok(loaded.some((url) => url.endsWith("/bin/run.js")));
  return loaded;
}

const inRooms = (loaded: string[], ...rooms: string[]): string[] =>
  loaded.filter((url) => rooms.some((room) => url.startsWith(`dist/${room}`)));
const inPackages = (loaded: string[], ...names: string[]): string[] =>
  loaded.filter((url) => names.some((name) => url.includes(`/node_modules/${name}/`)));

t.test("nothing of bak is loaded to say its version", async (t) => {
  const loaded = await loadedBy(t, new BakUser(t, t.testdir()), ["--version"]);
  t.strictSame(inRooms(loaded, ""), []);
});

t.test("a command is loaded alone, and its help does not load what it works with", async (t) => {
  const loaded = await loadedBy(t, new BakUser(t, t.testdir()), ["log", "--help"]);
  t.strictSame(inRooms(loaded, "store/", "server/"), []);
  t.strictSame(
    inRooms(loaded, "commands/").filter((url) => url !== "dist/commands/log.js"),
    [],
  );
});

t.test("a push to a server loads nothing of a store", async (t) => {
  const user = new BakUser(t, t.testdir({ folder: { file: "content" } }));
  const serving = await user.serve(join(user.home, "served"));
  const toServer = await loadedBy(t, user, ["push", "folder", "-s", serving.url]);
  await serving.stop();
  t.strictSame(inRooms(toServer, "commands/"), ["dist/commands/push.js"]);
  t.ok(inRooms(toServer, "protocol/websocket-dial.js").length === 1);
  t.strictSame(inRooms(toServer, "store/", "server/", "protocol/websocket-accept"), []);
  t.strictSame(inPackages(toServer, "msgpackr-extract"), []);
});

t.test("a push to a folder loads nothing of the network", async (t) => {
  const user = new BakUser(t, t.testdir({ folder: { file: "content" } }));
  const toFolder = await loadedBy(t, user, ["push", "folder", "-s", "store"]);
  t.ok(inRooms(toFolder, "store/open-store.js").length === 1);
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
      const { code, stdout, stderr } = await user.run(["--version"]);
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
