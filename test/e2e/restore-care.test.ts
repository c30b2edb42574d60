/** Restores as a person runs them: what they say and answer, hostile commits, and what a killed one leaves. */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { BakUser, differences, type PushAnswer } from "../helpers/bak-process.js";
import { until, within } from "../helpers/deadline.js";
import { openProxy } from "../helpers/held-proxy.js";
import { hostileTrees } from "../helpers/hostile-trees.js";
import { commitOf } from "../helpers/small-commit.js";
import { makePack, packFile } from "../helpers/store-pack.js";

t.test("a folder goes back to what it was, after a look at what that takes", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: { a: "1", dir: { b: "2" }, same: "3" } }));
  const docs = join(user.home, "docs");
  const place = ["-s", "store", "-p", "docs"];
  await user.json(["push", "docs", ...place]);
  writeFileSync(join(docs, "a"), "4");
  mkdirSync(join(docs, "more"));
  writeFileSync(join(docs, "more", "c\n"), "5");
  const look = await user.run(["restore", "--to", "docs", "--delete", "-n", ...place]);
  t.match(look, { code: 0, stderr: "" });
  t.match(
    look.stdout,
    /^~ a\n- more\/c\\x0a\n- more\/\nwould restore \w+ to '.*docs': 3 files, 3 B, 2 right already, 2 paths deleted\n$/,
  );
  const done = await user.json<object>(["restore", "--to", "docs", "--delete", "-v", ...place]);
  t.match(done, { isDryRun: false, files: 3, left: 2, changed: 0, replaced: 1, deleted: 2, failed: 0 });
  t.match(done, { replacedPaths: ["a"], deletedPaths: ["more/c\\x0a", "more"], failures: [] });
  const again = await user.run(["restore", "--to", "docs", "--delete", "-v", ...place]);
  t.match(again, { code: 0, stderr: "", stdout: /^= dir\/\n= a\n/ });
});

t.test("leading names are dropped, and what has no place is named by its path in the commit", async (t) => {
  const content = { a: { "x\n": "1", same: "2" }, b: { same: "3" }, c: "4" };
  const user = new BakUser(t, t.testdir({ docs: content }));
  const place = ["-s", "store", "-p", "docs"];
  await user.json(["push", "docs", ...place]);
  const done = await user.run(["restore", "--to", "out", "--strip-components", "1", "-v", ...place]);
  t.match(done, { code: 3, stdout: /^\+ same\n\+ x\\x0a\nrestored \w+ to '.*out': 2 files, 2 B, in / });
  t.match(
    done.stderr,
    /^bak: cannot restore 'b\/same': an earlier path .* its place, 'same'\nbak: 1 path could not be/,
  );
  const args = ["restore", "--to", "out", "--strip-components", "1", "--delete", ...place];
  t.match(await user.run(args), {
    code: 2,
    stdout: "",
    stderr: /^bak: --delete cannot tell .*\n.*different places\n$/,
  });
  const one = await user.json<object>([...args, "head", "b"]);
  t.match(one, { files: 1, deleted: 1, replaced: 1, deletedPaths: ["x\\x0a"] });
  const none = await user.run(["restore", "head", "c", "--to", "out", "--strip-components", "1", ...place]);
  t.match(none, { code: 0, stderr: "bak: nothing to restore: no path that is asked for has more than 1 name\n" });
});

t.test("hostile commits in a store are refused, and nothing outside the target is touched", async (t) => {
  const user = new BakUser(t, t.testdir({ outside: { theirs: "theirs" }, docs: { a: "1" } }));
  await user.json(["push", "docs", "-s", "store", "-p", "good"]);
  const cases = hostileTrees(join(user.home, "outside"));
  for (const [index, { root, objects }] of cases.entries()) {
    const commit = commitOf(root);
    const pack = await makePack([...objects, commit]);
    const folder = join(user.home, "store", "packs", pack.id.slice(0, 2));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${pack.id}.tar.gz`), packFile(pack.members));
    mkdirSync(join(user.home, "store", "projects", `evil-${index}`));
    const line = `${commit.id} 2026-11-02T08:30:01.250Z\n`;
    writeFileSync(join(user.home, "store", "projects", `evil-${index}`, "log"), line);
  }
  const server = await user.serve("store");
  for (const [index, { what }] of cases.entries()) {
    if (index % 3 !== 0) continue; // each is tried without processes, too
    const target = join(user.home, `out-${index}`);
    mkdirSync(join(target, "folder"), { recursive: true });
    symlinkSync(join(user.home, "outside"), join(target, "folder", "link"));
    const args = ["restore", "--to", target, "--delete", "-s", server.url, "-p", `evil-${index}`];
    t.match(await user.run(args), { code: 1, stdout: "", stderr: /^bak: malformed tree: [^\n]+\n/ }, what);
    t.strictSame(readdirSync(join(user.home, "outside")), ["theirs"], what);
    t.strictSame(readdirSync(target), ["folder"], what);
  }
  t.match(await user.run(["restore", "--to", "good", "-s", server.url, "-p", "good"]), { code: 0 });
  await server.stop();
});

t.test("what a killed restore leaves goes with the next", async (t) => {
  const user = new BakUser(t, t.testdir({ big: {} }));
  for (let index = 0; index < 2; index += 1)
    writeFileSync(join(user.home, "big", `${index}`), seededBytes(index, 20 << 20));
  const server = await user.serve("store");
  const { project } = await user.json<PushAnswer>(["push", "big", "-s", server.url]);
  const proxy = await openProxy(t, server.port);
  const held = proxy.hold("down", 9 << 20);
  const args = ["restore", "--to", "out", "-s", proxy.url, "-p", project];
  const restore = user.start(args);
  await within(30_000, "the restore's first bytes", held);
  const out = join(user.home, "out");
  await until(() => readdirSync(out).some((name) => name.endsWith(".tmp")), "an unfinished file");
  restore.child.kill("SIGKILL");
  await restore.ended;
  t.ok(readdirSync(out).some((name) => name.endsWith(".tmp")));
  proxy.release();
  t.match(await user.run(args), { code: 0, stderr: "" });
  t.equal(differences(join(user.home, "big"), out), "");
  await server.stop();
});
