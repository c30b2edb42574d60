/** The journal of a push: what it knows comes back, and what is torn, garbled or of something else does not. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import { deleteJournal, Journal, journalFile, type JournalOf } from "../../src/client/journal.js";
import type { JournaledFile, JournaledStat } from "../../src/client/journal-record.js";
import type { ByteString } from "../../src/objects/byte-string.js";
import type { FileContent } from "../../src/objects/entry.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { byteStrings, objectIds } from "../helpers/arbitraries.js";
import { holds } from "../helpers/arbitrary-properties.js";

const one = "11".repeat(32) as ObjectId;
const two = "22".repeat(32) as ObjectId;
const of: JournalOf = { store: "a store", folder: "/home/\xff" as ByteString };

const stat: JournaledStat = { size: 5, ino: 7n, ctimeNs: 10n ** 18n, mtimeSeconds: 1_700_000_000, mtimeNanoseconds: 9 };
const small: JournaledFile = { stat, content: { blob: one } };

const stats: fc.Arbitrary<JournaledStat> = fc.record({
  size: fc.nat(Number.MAX_SAFE_INTEGER),
  ino: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  ctimeNs: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  mtimeSeconds: fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
  mtimeNanoseconds: fc.nat(999_999_999),
});
const contents: fc.Arbitrary<FileContent> = fc.oneof(
  fc.record({ blob: objectIds }, { noNullPrototype: true }),
  fc.record({ list: objectIds, fileHash: objectIds }, { noNullPrototype: true }),
);
const files = fc.array(fc.tuple(byteStrings(0, 300), fc.record({ stat: stats, content: contents })), { maxLength: 40 });

const path = (text: string): ByteString => text as ByteString;

function open(file: string, which = of): Journal {
  return new Journal(file, which, (error) => {
    throw error;
  });
}

/** A journal that holds this, and is closed. */
function write(file: string, all: Iterable<readonly [ByteString, JournaledFile]>, which = of): void {
  const journal = open(file, which);
  journal.begin();
  for (const [name, each] of all) journal.add(name, each);
  journal.end();
}

t.test("files are found as they were taken down, the last of each path, and in no other state", async (t) => {
  const file = join(t.testdir(), "journal");
  const seen: [string, (stat: JournaledStat) => JournaledStat][] = [
    ["size", (each) => ({ ...each, size: each.size === 0 ? 1 : each.size - 1 })],
    ["inode", (each) => ({ ...each, ino: each.ino ^ 1n })],
    ["ctime", (each) => ({ ...each, ctimeNs: each.ctimeNs ^ 1n })],
    ["mtime", (each) => ({ ...each, mtimeSeconds: each.mtimeSeconds === 0 ? 1 : each.mtimeSeconds - 1 })],
    ["nanoseconds", (each) => ({ ...each, mtimeNanoseconds: each.mtimeNanoseconds ^ 1 })],
  ];
  holds(
    t,
    "whatever they are",
    fc.property(files, files, (first, second) => {
      write(file, first, { ...of, store: `${first.length}` });
      write(file, second, { ...of, store: `${first.length}` });
      const journal = open(file, { ...of, store: `${first.length}` });
      const last = new Map([...first, ...second]);
      return [...last].every(
        ([name, each]) =>
          isDeepStrictEqual(journal.find(name, each.stat), each.content) &&
          seen.every(([, change]) => journal.find(name, change(each.stat)) === undefined),
      );
    }),
    200,
  );
});

t.test("what was read longest ago is found among a hundred thousand, and what was not is not", async (t) => {
  const file = join(t.testdir(), "journal");
  const names = Array.from({ length: 100_000 }, (_, index) => path(`folder ${index % 300}/file ${index}`));
  write(
    file,
    names.map((name, index) => [name, { stat: { ...stat, size: index }, content: { blob: index % 2 ? one : two } }]),
  );
  const journal = open(file);
  const isRight = names.every((name, index) => {
    const found = journal.find(name, { ...stat, size: index });
    return found !== undefined && "blob" in found && found.blob === (index % 2 ? one : two);
  });
  t.ok(isRight);
  t.equal(journal.find(path("folder 1/file 2"), stat), undefined);
  t.ok(statSync(file).size < 100_000 * 110, "each takes some ninety bytes");
});

t.test("a journal of another store or folder, or of no kind, is empty, and is written anew", async (t) => {
  const file = join(t.testdir(), "journal");
  for (const other of [
    { ...of, store: "b" },
    { ...of, folder: path("/home") },
  ]) {
    write(file, [[path("a"), small]]);
    t.match(open(file).find(path("a"), stat), { blob: one });
    t.equal(open(file, other).find(path("a"), stat), undefined);
    write(file, [[path("b"), small]], other);
    t.equal(open(file).find(path("a"), stat), undefined);
    t.match(open(file, other).find(path("b"), stat), { blob: one });
  }
  for (const garbage of ["", "bakjourn", "x".repeat(500)]) {
    writeFileSync(file, garbage);
    t.equal(open(file).find(path("a"), stat), undefined);
    write(file, [[path("a"), small]]);
    t.match(open(file).find(path("a"), stat), { blob: one });
  }
});

t.test("what a crash has torn is cut off, what is garbled ends it, and what is whole before it counts", async (t) => {
  const file = join(t.testdir(), "journal");
  write(file, [[path("a"), small]]);
  const first = readFileSync(file).length;
  write(file, [[path("b"), { stat, content: { list: two, fileHash: one } }]]);
  const bytes = readFileSync(file);
  const knows = (changed: Uint8Array): string => {
    writeFileSync(file, changed);
    const journal = open(file);
    return ["a", "b"].filter((name) => journal.find(path(name), stat) !== undefined).join("");
  };
  t.equal(knows(bytes), "ab");
  const torn = Array.from({ length: bytes.length - first }, (_, index) => knows(bytes.subarray(0, first + index)));
  t.strictSame([...new Set(torn)], ["a"]);
  const flipped = Array.from(bytes.keys()).map((at) => {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ (1 << (at % 8));
    return knows(changed);
  });
  t.strictSame([...new Set(flipped.slice(0, first))], [""]);
  t.strictSame([...new Set(flipped.slice(first))], ["a"]);
  writeFileSync(file, bytes);
  truncateSync(file, bytes.length - 1);
  write(file, [[path("c"), small]]);
  t.match(open(file).find(path("c"), stat), { blob: one }, "what follows stands behind what is whole");
  appendFileSync(file, "half a batch");
  t.match(open(file).find(path("c"), stat), { blob: one });
});

t.test("nothing is written until it is certain that the store is the one that was named", async (t) => {
  const file = join(t.testdir(), "cache", "journal");
  const journal = open(file);
  for (let index = 0; index < 2000; index += 1) journal.add(path(`name ${index}`), small);
  journal.flush();
  t.notOk(existsSync(file));
  journal.begin();
  journal.flush();
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.match(open(file).find(path("name 1999"), stat), { blob: one });
  t.match(open(file).find(path("name 0"), stat), { blob: one });
  journal.end();
  journal.add(path("later"), small);
  journal.end();
  t.equal(open(file).find(path("later"), stat), undefined);
});

t.test("what others have taken the place of does not add up", async (t) => {
  const file = join(t.testdir(), "journal");
  let largest = 0;
  for (let round = 0; round < 30; round += 1) {
    write(
      file,
      Array.from({ length: 1000 }, (_, index) => [
        path(`n ${index}`),
        { stat: { ...stat, size: round }, content: { blob: one } },
      ]),
    );
    largest = Math.max(largest, statSync(file).size);
  }
  t.ok(largest < 7000 * 100, `${largest} bytes`);
  const journal = open(file);
  t.match(journal.find(path("n 999"), { ...stat, size: 29 }), { blob: one });
  t.equal(journal.find(path("n 999"), { ...stat, size: 28 }), undefined);
});

t.test("a journal that cannot be written is told of once, and no more", async (t) => {
  const folder = t.testdir();
  const file = join(folder, "journal");
  mkdirSync(file);
  const failures: unknown[] = [];
  const journal = new Journal(file, of, (error) => failures.push(error));
  journal.begin();
  for (let index = 0; index < 5000; index += 1) journal.add(path(`name ${index}`), small);
  journal.flush();
  journal.end();
  t.match(failures, [{ code: "EISDIR" }]);
});

t.test("the journal of an index is deleted, if there is one", async (t) => {
  const index = join(t.testdir(), "laptop");
  deleteJournal(index);
  write(journalFile(index), [[path("a"), small]]);
  t.ok(existsSync(journalFile(index)));
  deleteJournal(index);
  t.notOk(existsSync(journalFile(index)));
});
