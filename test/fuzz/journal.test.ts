/** The journal of a push, whatever is in its file: what it finds is what is there, and it can be written on. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import { Journal, type JournalOf } from "../../src/client/journal.js";
import type { JournaledFile } from "../../src/client/journal-record.js";
import { BakError } from "../../src/errors.js";
import type { ByteString } from "../../src/objects/byte-string.js";
import type { FileContent } from "../../src/objects/entry.js";
import { blake3 } from "../../src/objects/hash.js";
import { byteStrings, objectIds } from "../helpers/arbitraries.js";
import { fuzz } from "../helpers/fuzz.js";
import { recordsOf } from "../helpers/mutations.js";

const of: JournalOf = { store: "V1StGXR8_Z5jdHi6B-myT", folder: "/home/user" as ByteString };
const contents: fc.Arbitrary<FileContent> = fc.oneof(
  fc.record({ blob: objectIds }, { noNullPrototype: true }),
  fc.record({ list: objectIds, fileHash: objectIds }, { noNullPrototype: true }),
);
const stat = { size: 5, ino: 7n, ctimeNs: 10n ** 18n, mtimeSeconds: 1_700_000_000, mtimeNanoseconds: 9 };
const paths = ["", "a", "d/b", "d/\xff", "long/".repeat(40)] as ByteString[];
const journals = fc.array(fc.tuple(fc.oneof(fc.constantFrom(...paths), byteStrings(0, 30)), contents), {
  minLength: 1,
  maxLength: 8,
});

function open(file: string): Journal {
  return new Journal(file, of, (error) => {
    throw error;
  });
}

/** Where the batches begin: behind the header, whose length stands in it. */
function headerEnd(bytes: Buffer): number {
  return bytes.length < 16 ? bytes.length : 16 + bytes.readUInt32LE(12) + 16;
}

/** Most of what is spoiled gets the check that it should have: then the records themselves are what is wrong. */
function withChecks(bytes: Buffer, next: () => number): Buffer {
  if (next() % 4 === 0) return bytes;
  for (let at = headerEnd(bytes); at + 20 <= bytes.length;) {
    if (next() % 8 === 0) bytes.writeUInt32LE(bytes.length - at - 20, at);
    const end = Math.min(bytes.length, at + 20 + bytes.readUInt32LE(at));
    blake3()
      .hash(bytes.subarray(at + 20, end))
      .copy(bytes, at + 4, 0, 16);
    at = end;
  }
  return bytes;
}

t.test("journals", async (t) => {
  const file = join(t.testdir(), "journal");
  const made = (records: readonly (readonly [ByteString, FileContent])[]): Buffer => {
    writeFileSync(file, "");
    const journal = open(file);
    journal.begin();
    for (const [index, [path, content]] of records.entries()) {
      journal.add(path, { stat, content });
      if (index % 3 === 2) journal.flush();
    }
    journal.end();
    return readFileSync(file);
  };
  const added: JournaledFile = { stat, content: { blob: "ab".repeat(32) as never } };
  await fuzz(t, "Journal", {
    seeds: fc.sample(journals, { seed: 1, numRuns: 20 }).map(made),
    shape: { ...recordsOf(4), finish: withChecks },
    codes: ["STORE_DAMAGED"],
    judge: (bytes) => {
      writeFileSync(file, bytes);
      const journal = open(file);
      const found = paths.map((path) => journal.find(path, stat));
      journal.begin();
      journal.add("added" as ByteString, added);
      journal.end();
      const again = open(file);
      if (!isDeepStrictEqual(again.find("added" as ByteString, stat), added.content)) return "what was added is lost";
      const after = paths.map((path) => again.find(path, stat));
      again.end();
      if (!isDeepStrictEqual(after, found)) return `found ${JSON.stringify(found)}, then ${JSON.stringify(after)}`;
      if (found.every((each) => each === undefined)) throw new BakError("STORE_DAMAGED", "nothing"); // to be counted
      return undefined;
    },
    count: 2000,
  });
});
