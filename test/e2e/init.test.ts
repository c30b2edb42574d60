/** A folder that is set up needs no arguments: neither in it nor below it, whichever command. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { BakUser, type PushAnswer } from "../helpers/bak-process.js";
import { pathsIn } from "../client/world.js";

interface InitAnswer {
  isNew: boolean;
  isChanged: boolean;
  project: string;
  server: string | null;
}

t.test("a folder that is set up needs no arguments", async (t) => {
  const user = new BakUser(t, t.testdir({ source: { a: "1", d: { e: { f: "2" } } } }));
  const source = join(user.home, "source");
  const deep = join(source, "d", "e");
  const file = join(source, ".bak", "config.json");
  const read = (): unknown => JSON.parse(readFileSync(file, "utf8"));
  const first = await user.run(["init"], { cwd: source, env: { BAK_SERVER: "ws://elsewhere" } });
  t.match(first, { code: 0, stderr: "", stdout: /^'.*source' is set up: project '.*-source', store as by default\n$/ });
  const { project } = read() as { project: string };
  t.strictSame(read(), { version: 1, project }, "what the environment says is not written down");

  const again = await user.run(["init", source, "--server", "nas"], {});
  t.match(again, { code: 0, stdout: /^changed '.*source': project '.*-source', store '.*nas'\n$/ });
  const server = join(user.home, "nas");
  t.strictSame(read(), { version: 1, project, server });
  writeFileSync(file, JSON.stringify({ version: 1, project, server, later: { x: 1 } }));
  t.match(await user.json<InitAnswer>(["init"], { cwd: source }), { isNew: false, isChanged: false, project, server });
  t.match(await user.json<InitAnswer>(["init", "-p", "mine"], { cwd: source }), {
    isChanged: true,
    project: "mine",
    server,
  });
  t.strictSame(read(), { version: 1, project: "mine", server, later: { x: 1 } }, "and nothing else is changed");

  const pushed = await user.json<PushAnswer & { folder: string; server: string }>(["push"], { cwd: deep });
  t.match(pushed, { project: "mine", server, folder: source, counts: { files: 2, dirs: 2 } });
  t.match(await user.json(["status"], { cwd: deep }), { project: "mine", server, folder: source, isUpToDate: true });
  t.match(await user.json(["log"], { cwd: deep }), [{ commit: pushed.commit, path: source, excludes: ["/.bak"] }]);
  t.equal((await user.run(["restore", "--to", join(user.home, "copy")], { cwd: deep })).code, 0);
  t.strictSame(pathsIn(join(user.home, "copy")), ["a", "d", "d/e", "d/e/f"], "without .bak");

  const env = { BAK_PROJECT: "other", BAK_SERVER: join(user.home, "env") };
  t.match(await user.json(["push"], { cwd: deep, env }), { project: "other", server: env.BAK_SERVER, folder: source });
  const flags = ["-p", "flag", "-s", join(user.home, "flag")];
  t.match(await user.json(["push", ...flags], { cwd: deep, env }), {
    project: "flag",
    server: join(user.home, "flag"),
  });

  const part = await user.json<PushAnswer & { server: string }>(["push", "d"], { cwd: source });
  t.match(part, { server, parent: null }, "a folder in it is kept in the same store");
  t.match(part.project, /-d$/, "but as a project of its own");
  mkdirSync(join(deep, ".bak"));
  writeFileSync(join(deep, ".bak", "config.json"), "{");
  const broken = await user.run(["log"], { cwd: deep });
  t.match(broken, {
    code: 2,
    stdout: "",
    stderr: /^bak: cannot use '.*d\/e\/\.bak\/config\.json': it is not JSON\n {5}.*\n$/,
  });
  t.equal((await user.run(["log", "-p", "mine", "-s", server], { cwd: deep })).code, 0, "flags do without it");
});
