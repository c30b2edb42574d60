/** From the first push to the last restore, with the tools that everybody has as judges. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { BakUser, differences, type PushAnswer } from "../helpers/bak-process.js";
import { fastFolder } from "../helpers/fast-folder.js";
import { addNamesOfBytes, makeSampleFolder, type SampleCounts } from "../helpers/sample-folder.js";

interface Logged {
  commit: string;
  parent: string | null;
  message: string;
}

/** The whole story with one store; `place` is what goes after `bak`'s other arguments to say where it is. */
async function tellStory(t: Test, user: BakUser, place: readonly string[], sample: SampleCounts): Promise<void> {
  const folder = join(user.home, "photos");
  makeSampleFolder(folder, sample);
  addNamesOfBytes(join(folder, "odd"));
  const push = (...args: string[]): Promise<PushAnswer> => user.json(["push", folder, ...args, ...place]);
  const there = ["-p", `${hostname()}-photos`, ...place];

  const first = await push("--message", "the first", "--tag", "keep");
  t.notOk(first.isUpToDate);
  t.equal(first.parent, null);
  const { many, nested, before } = sample;
  const names = spawnSync("find", [folder, "!", "-type", "d", "-printf", "x"], { encoding: "utf8" }).stdout.length;
  t.ok(names > many + nested + before);
  t.equal(first.counts.files, names);
  t.equal(first.counts.added, names + first.counts.dirs);
  t.equal(first.sent.objects.commit, 1);
  t.strictSame(first.unreadable, []);

  const again = await push();
  t.match(again, { isUpToDate: true, commit: first.commit, filesRead: 0 });
  t.strictSame(again.sent.objects, { blob: 0, list: 0, tree: 0, commit: 0 });
  const inWords = await user.run(["push", folder, ...place]);
  t.match(inWords, { code: 0, stdout: "everything up to date\n", stderr: "" });

  t.equal((await user.run(["restore", "--to", join(user.home, "first"), ...there])).code, 0);
  t.equal(differences(folder, join(user.home, "first")), "", "what comes back is what was pushed");

  // 50 changed, 20 deleted, a whole folder renamed
  for (let index = 0; index < 50; index += 1) {
    writeFileSync(join(folder, "many", `note-${index}.txt`), `note ${index}, changed\n`);
  }
  for (let index = 100; index < 120; index += 1) rmSync(join(folder, "many", `note-${index}.txt`));
  renameSync(join(folder, "before"), join(folder, "after"));
  const second = await push("--message", "the second");
  t.match(second, { isUpToDate: false, parent: first.commit, filesRead: 50 + before });
  t.match(second.counts, { changed: 50, added: before + 1, removed: before + 1 + 20 });
  t.match(second.sent.objects, { blob: 50, list: 0, commit: 1 }, "what was renamed is not sent again");

  t.equal((await user.run(["restore", "--to", join(user.home, "second"), ...there])).code, 0);
  t.equal(differences(folder, join(user.home, "second")), "");
  t.equal((await user.run(["restore", "head~1", "--to", join(user.home, "third"), ...there])).code, 0);
  t.equal(differences(join(user.home, "first"), join(user.home, "third")), "", "the first commit is what it was");

  // a restore over what is there already mends what differs, and leaves what is right alone
  const note = join(user.home, "second", "many", "note-7.txt");
  writeFileSync(note, "spoiled");
  const right = join(user.home, "second", "odd", "large");
  const { ino } = statSync(right);
  const mended = await user.run(["restore", "--to", join(user.home, "second"), ...there]);
  t.match(mended, { code: 0, stderr: "bak: replaced 'many/note-7.txt'\n" });
  t.equal(statSync(right).ino, ino);
  t.equal(differences(folder, join(user.home, "second")), "");

  rmSync(join(user.home, "cache"), { recursive: true });
  const forgetful = await push();
  t.match(forgetful, { isUpToDate: true, commit: second.commit, filesRead: 0, bytesRead: 0 }, "with no cache at all");
  t.strictSame(forgetful.sent.objects, { blob: 0, list: 0, tree: 0, commit: 0 });

  const log = await user.json<Logged[]>(["log", ...there]);
  t.match(log, [
    { commit: second.commit, parent: first.commit, message: "the second" },
    { commit: first.commit, parent: null, message: "the first", tags: ["keep"] },
  ]);
  t.equal(log.length, 2);
  const limited = await user.run(["log", "--limit", "1", ...there]);
  t.match(limited, { code: 0, stdout: /^[0-9a-f]{12} .* the second\n$/, stderr: "" });

  const listed = await user.run(["ls", ...there]);
  t.strictSame(
    listed.stdout.split("\n").map((line) => line.slice(line.lastIndexOf("  ") + 2)),
    ["after/", "empty folder/", "many/", "nested/", "odd/", ""],
  );
  const sums = await user.run(["ls", "-r", "--b3sum", ...there]);
  // b3sum can neither write nor check a name that is not UTF-8
  const checkable = sums.stdout.split("\n").filter((line) => !line.includes("\ufffd"));
  t.equal(sums.stdout.split("\n").length - checkable.length, 3);
  const checked = spawnSync("b3sum", ["--check", "--quiet"], { cwd: folder, input: checkable.join("\n") });
  t.equal(checked.status, 0, String(checked.stderr) + String(checked.stdout));
  t.ok(checkable.length > many + nested + before - 20);
}

t.test("the whole story with a server", async (t) => {
  const user = new BakUser(t, t.testdir());
  const server = await user.serve(join(user.home, "store"));
  await tellStory(t, user, ["-s", server.url], { many: 1500, nested: 1200, before: 300 });
  const { code, stderr } = await server.stop();
  t.equal(code, 0);
  t.notMatch(stderr, /error/);
});

t.test("the whole story with a store in a folder", async (t) => {
  const user = new BakUser(t, t.testdir());
  await tellStory(t, user, ["-s", join(user.home, "store")], { many: 150, nested: 120, before: 30 });
});

t.test("without a word about the store, it is in the user's data folder", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: { "a.txt": "a" } }));
  const docs = join(user.home, "docs");
  const pushed = await user.run(["push", docs]);
  const store = join(user.home, "data", "bak", "store");
  t.match(pushed, { code: 0, stderr: `bak: made a new store in '${store}'\n` });
  t.ok(readdirSync(store).includes("config.json"));
  t.match(await user.run(["restore", "--to", "out"], { cwd: docs }), { code: 0, stderr: "" });
  t.equal(readFileSync(join(docs, "out", "a.txt"), "utf8"), "a");
});

t.test("one more file among 20,000 costs the store next to nothing", async (t) => {
  const user = new BakUser(t, fastFolder(t));
  const big = join(user.home, "big");
  mkdirSync(big);
  const store = join(user.home, "store");
  for (let index = 0; index < 20_000; index += 1) writeFileSync(join(big, `${index * 7919}.txt`), "the same");
  const sizeOf = (): number => Number(spawnSync("du", ["-sb", store], { encoding: "utf8" }).stdout.split("\t")[0]);
  await user.json(["push", big, "-s", store]);
  const before = sizeOf();
  writeFileSync(join(big, "one more"), "and this is new");
  const pushed = await user.json<PushAnswer>(["push", big, "-s", store]);
  t.match(pushed, { filesRead: 1, sent: { objects: { blob: 1 } } });
  const growth = sizeOf() - before;
  t.ok(growth > 0 && growth < 100_000, `${growth} bytes`);
});
