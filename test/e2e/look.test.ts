/** `bak diff`, `bak find` and `bak ls -l` as a person uses them. */
import { readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { bakScript, BakUser, environment, start } from "../helpers/bak-process.js";

t.test("what the store has lost is named, the rest is shown, and the exit code says so", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: { a: "one", d: { b: "two" } } }));
  const env = { BAK_SERVER: "store", BAK_PROJECT: "docs" };
  const bak = (...args: string[]) => user.run(args, { env });
  const packs = () => readdirSync(join(user.home, "store", "packs"), { recursive: true, encoding: "utf8" });
  await bak("push", "docs");
  const known = packs();
  writeFileSync(join(user.home, "docs", "d", "c"), "three");
  await bak("push", "docs");
  for (const name of packs())
    if (!known.includes(name)) rmSync(join(user.home, "store", "packs", name), { recursive: true, force: true });
  writeFileSync(join(user.home, "docs", "a"), "four");
  await bak("push", "docs", "--full");
  const log = await bak("log");
  const find = await bak("find", "a", "--json");
  const diff = await bak("diff", "head~1", "head");
  t.match(log, {
    code: 3,
    stdout: /^.+\n.+\n$/,
    stderr: /^bak: cannot read commit '[0-9a-f]{12}': it is damaged or missing/,
  });
  t.match(find.code, 3);
  t.match(JSON.parse(find.stdout.trimEnd().split("\n").at(-1) ?? ""), {
    versions: 2,
    lost: [{ commit: /^[0-9a-f]{64}$/ }],
  });
  t.match(diff, {
    code: 1,
    stdout: "",
    stderr: /^bak: cannot read commit '[0-9a-f]{12}': it is damaged or missing.*\n.*bak log/,
  });

  const before = packs().filter((name) => name.includes("."));
  writeFileSync(join(user.home, "docs", "a"), "five");
  await bak("push", "docs");
  for (const name of before) rmSync(join(user.home, "store", "packs", name));
  renameSync(join(user.home, "docs", "d"), join(user.home, "docs", "e"));
  writeFileSync(join(user.home, "docs", "e", "f"), "six");
  await bak("push", "docs");
  t.match(await bak("diff", "head~1:d", "head:e"), {
    code: 3,
    stdout: /^0 added/,
    stderr: /^bak: cannot look into 'd' of commit '[0-9a-f]{12}': what was in it, .*\n$/,
  });
});

t.test("commits are compared, and looked through", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: { a: "one", d: { b: "two" }, gone: "three" } }));
  const docs = join(user.home, "docs");
  writeFileSync(join(docs, "d", "line\nbreak"), "");
  symlinkSync("d", join(docs, "link"));
  const env = { BAK_SERVER: "store", BAK_PROJECT: "docs" };
  const bak = (...args: string[]) => user.run(args, { env });
  await bak("push", "docs");
  writeFileSync(join(docs, "a"), "one and more");
  rmSync(join(docs, "gone"));
  rmSync(join(docs, "d", "b"));
  symlinkSync("../a", join(docs, "d", "b"));
  writeFileSync(join(docs, "new"), "n".repeat(2000));
  await bak("push", "docs");

  const changes = "M a\nT d/b\n- gone\n+ new\n1 added, 2 changed, 1 removed; 2.01 kB more, 11 B less\n";
  t.match(await bak("diff"), { code: 0, stdout: changes, stderr: "" });
  t.match(await bak("diff", "head~1:d", "head:d", "--metadata"), {
    stdout: "T d/b\n0 added, 1 changed, 0 removed; 0 B more, 3 B less\n",
  });
  const lines = (await bak("diff", "head", "head~1", "--json")).stdout.trimEnd().split("\n");
  t.match(
    lines.map((line) => JSON.parse(line) as unknown),
    [
      { change: "M", path: "a", kind: "file", sizeBefore: 12, size: 3 },
      { change: "T", path: "d/b", kind: "file", size: 3 },
      { change: "+", path: "gone", kind: "file", size: 5 },
      { change: "-", path: "new", kind: "file", sizeBefore: 2000 },
      { added: 1, removed: 1, changed: 2, addedBytes: 11, removedBytes: 2012 },
    ],
  );
  t.match(await bak("diff", "head:a"), { code: 1, stderr: /^bak: 'a' is no folder\n/ });

  const sizes = await bak("stats", "--projects", "--growth", "1");
  t.match(sizes, { code: 0, stderr: "" });
  const rows =
    /\nproject +commits +latest +all commits +deduplicated +stored\ndocs +2 +2.01 kB +2.02 kB +2.02 kB +[\d.]+ k?B\nall +2 /;
  t.match(sizes.stdout, rows);
  t.match(sizes.stdout, /\n\nlargest growth\n[0-9a-f]{12} +2[-\d]+ [:\d]+ +docs +11 B new +[^\n]+ stored\n$/);

  const span = /[0-9a-f]{12} [-\d]+ [:\d]+ \.\. [0-9a-f]{12} [-\d]+ [:\d]+/.source;
  const { stdout } = await bak("find", "a", "d/b");
  const kinds = ["-rw\\S+ +12  a", "lrwxrwxrwx +-  d/b", "-rw\\S+ +3  a", "-rw\\S+ +3  d/b"];
  t.match(stdout, new RegExp(`^${kinds.map((kind) => `${span}  ${kind}\n`).join("")}$`));
  const found = (await bak("find", "line*", "--json")).stdout.trimEnd().split("\n");
  t.match(
    found.map((line) => JSON.parse(line) as unknown),
    [{ path: "d/line\\x0abreak", kind: "file", size: 0, commits: 2 }, { versions: 1 }],
  );
  t.match(await bak("find"), { code: 2, stdout: "", stderr: /^bak: missing argument: PATTERN/ });

  const listed = await bak("ls", "-lR");
  t.match(listed.stdout, /^-rw\S+ \S+ +\S+ + 12 \d{4}-\d\d-\d\d \d\d:\d\d a\nd\S+ \S+ +\S+ + 0 [-\d]+ [:\d]+ d\/\n/);
  t.match(listed.stdout, /^l\S+ .* d\/b -> \.\.\/a\n-\S+ .* d\/line\\x0abreak\n/m);
  t.match(await bak("ls", "-l", "--b3sum"), { code: 2 });
  const shell = start("bash", ["-c", `'${process.execPath}' '${bakScript}' find '*' | true; echo \${PIPESTATUS[0]}`], {
    cwd: user.home,
    env: { ...environment(user.home), ...env },
  });
  t.match(await shell.ended, { stdout: /^[01]\n$/, stderr: "" }, "a reader that has enough ends it quietly");
});
