/** What a snapshot keeps beside what lstat says: extended attributes, names of one file, and whom all belongs to. */
import { execFileSync } from "node:child_process";
import { chownSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { namesOfOwners } from "../../src/client/owners-seen.js";
import { readDirectory } from "../../src/objects/directory.js";
import type { Entry } from "../../src/objects/entry.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { loadAttributeCalls } from "../../src/platform/extended-attributes.js";
import { loadUserNames } from "../../src/platform/owner-names.js";
import { baselineOf, makeFifo, take, text, told, untilOld, type Taken } from "./world.js";

const isRoot = process.geteuid?.() === 0;
const skip = loadAttributeCalls() === undefined && "there are no extended attributes here";

const attribute = (path: string, name: string, value: string): void =>
  void execFileSync("setfattr", ["-h", "-n", name, "-v", value, path]);

function entriesOf({ snapshot }: Taken): Map<string, Entry> {
  const load = (id: ObjectId): Uint8Array => snapshot.objects.get(id) as Uint8Array;
  return new Map([...readDirectory(snapshot.tree as ObjectId, load)].map((entry) => [entry.name, entry]));
}

function attributesOf(entry: Pick<Entry, "extendedAttributes"> | undefined): Record<string, string> {
  const found = entry?.extendedAttributes ?? [];
  return Object.fromEntries(found.map(({ name, value }) => [name, Buffer.from(value).toString("latin1")]));
}

function sourceOf(t: Test, content: NonNullable<Parameters<Test["testdir"]>[0]>): string {
  return join(t.testdir({ source: content }), "source");
}

t.test("extended attributes of files, folders, links and the folder itself are kept", { skip }, async (t) => {
  const folder = sourceOf(t, { a: "1", b: "2", d: { inner: "" } });
  symlinkSync("a", join(folder, "link"));
  makeFifo(join(folder, "pipe"));
  attribute(join(folder, "a"), "user.one", "0x00ff");
  attribute(join(folder, "a"), "user.another", "text");
  attribute(join(folder, "d"), "user.d", "of a folder");
  attribute(folder, "user.root", "of the root");
  if (isRoot) attribute(join(folder, "link"), "trusted.l", "of a link");
  const taken = await take(folder);
  const entries = entriesOf(taken);
  t.strictSame(attributesOf(entries.get("a")), { "user.another": "text", "user.one": "\0\xff" });
  t.strictSame(attributesOf(entries.get("d")), { "user.d": "of a folder" });
  t.strictSame(attributesOf(entries.get("link")), isRoot ? { "trusted.l": "of a link" } : {});
  t.strictSame(attributesOf(taken.snapshot.root), { "user.root": "of the root" });
  for (const name of ["b", "pipe"]) t.equal(entries.get(name)?.extendedAttributes, undefined);
  t.equal(taken.snapshot.unreadAttributes, 0);
});

t.test("what the index proves is not looked at again, and keeps its attributes", { skip }, async (t) => {
  const folder = sourceOf(t, { a: "1", b: "2", d: { inner: "3" } });
  symlinkSync("a", join(folder, "link"));
  for (const name of ["a", "d", "d/inner"]) attribute(join(folder, name), "user.x", "1");
  linkSync(join(folder, "b"), join(folder, "d", "b"));
  await untilOld(folder, join(folder, "d"), join(folder, "b"));
  const first = await take(folder);
  t.ok(first.snapshot.isMoreProven);
  const second = await take(folder, { baseline: baselineOf(first) });
  t.notOk(second.snapshot.isMoreProven);
  t.equal(second.snapshot.tree, first.snapshot.tree);
  writeFileSync(join(folder, "new"), "4"); // the folder is walked name by name now
  const third = await take(folder, { baseline: baselineOf(second) });
  t.strictSame(told(third.events), ["added new"]);
  t.strictSame(attributesOf(entriesOf(third).get("a")), { "user.x": "1" });
  t.strictSame(attributesOf(entriesOf(third).get("d")), { "user.x": "1" });
  const full = await take(folder, { baseline: baselineOf(third), isFull: true });
  t.equal(full.snapshot.tree, third.snapshot.tree);
  t.ok(full.snapshot.isMoreProven);
});

t.test("a change of attributes alone is a change", { skip }, async (t) => {
  const folder = sourceOf(t, { a: "1", b: "2", d: {}, e: {} });
  attribute(join(folder, "b"), "user.x", "1");
  const first = await take(folder);
  attribute(join(folder, "a"), "user.x", "1");
  attribute(join(folder, "b"), "user.x", "2");
  attribute(join(folder, "d"), "user.x", "1");
  const events = told((await take(folder, { baseline: baselineOf(first) })).events).toSorted();
  t.strictSame(events, ["changed a", "changed b", "changed d"]);
  const without = await take(folder, { baseline: baselineOf(first, { folders: new Map() }) });
  t.strictSame(told(without.events).toSorted(), events, "without an index, too");
});

t.test("names of one file have one number, which lasts", async (t) => {
  const folder = sourceOf(t, { a: "1", b: "2", c: "3", d: {} });
  linkSync(join(folder, "a"), join(folder, "a2"));
  linkSync(join(folder, "b"), join(folder, "d", "b2"));
  symlinkSync("x", join(folder, "link"));
  linkSync(join(folder, "link"), join(folder, "link2"));
  const first = await take(folder);
  const groups = Object.fromEntries([...entriesOf(first)].map(([name, entry]) => [name, entry.hardLinkGroup]));
  t.equal(groups["a"], groups["a2"]);
  t.equal(groups["link"], groups["link2"]);
  t.not(groups["a"], groups["b"]);
  t.ok([groups["a"], groups["b"], groups["link"]].every((group) => Number.isSafeInteger(group)));
  t.equal(groups["c"], undefined);
  t.equal(groups["d"], undefined);
  const again = await take(folder);
  t.equal(again.snapshot.tree, first.snapshot.tree);
  rmSync(join(folder, "a2"));
  const later = await take(folder, { baseline: baselineOf(first) });
  t.strictSame(told(later.events).toSorted(), ["changed a", "removed a2"]);
  t.equal(entriesOf(later).get("a")?.hardLinkGroup, undefined);
});

t.test("attributes longer than an entry holds are told of, each time, and the file is kept", { skip }, async (t) => {
  const calls = loadAttributeCalls();
  const folder = "/dev/shm/bak-test-attributes";
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    writeFileSync(join(folder, "a"), "1");
    for (let index = 0; index < 16; index += 1)
      calls?.set(join(folder, "a"), `${isRoot ? "trusted" : "user"}.${index}`, Buffer.alloc(65_536));
  } catch {
    rmSync(folder, { recursive: true, force: true });
    return t.comment("no file system here takes so many");
  }
  t.teardown(() => rmSync(folder, { recursive: true }));
  const first = await take(folder);
  t.strictSame(told(first.events), ["attributesUnread a", "added a"]);
  t.match(first.snapshot, { unreadAttributes: 1, counts: { files: 1, unreadable: 0 } });
  t.equal(entriesOf(first).get("a")?.extendedAttributes, undefined);
  const again = await take(folder, { baseline: baselineOf(first) });
  t.strictSame(told(again.events), ["attributesUnread a"]);
  t.equal(again.snapshot.tree, first.snapshot.tree);
});

t.test(
  "whom names belong to is told, by number and by name",
  { skip: !isRoot && "only root gives files away" },
  async (t) => {
    const folder = sourceOf(t, { a: "1", d: { b: "2" } });
    chownSync(join(folder, "a"), 1, 65_534);
    chownSync(join(folder, "d"), 3_000_000_000, 2);
    const first = await take(folder);
    const owners = { users: [0, 1, 3_000_000_000], groups: [0, 2, 65_534] };
    t.match(first.snapshot, owners);
    const second = await take(folder, { baseline: baselineOf(first) });
    t.match(second.snapshot, owners, "where the index proves everything, too");
    t.strictSame(namesOfOwners(first.snapshot.users, loadUserNames()), [
      { id: 0, name: text("root") },
      { id: 1, name: text("daemon") },
    ]);
  },
);
