/** A pack's index: golden bytes, order, and damage. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import t from "tap";
import { blake3 } from "../../src/objects/hash.js";
import type { MemberObject } from "../../src/objects/member-tar.js";
import { objectIdAt, type ObjectId } from "../../src/objects/object-id.js";
import { objectKinds } from "../../src/objects/object-kind.js";
import { parseProjectId, type ProjectId } from "../../src/objects/project-id.js";
import {
  decodeMember,
  decodePackIndex,
  decodeRecord,
  memberLength,
  membersOffset,
  packIndexLength,
  recordLength,
  recordsOffset,
} from "../../src/store/pack-index.js";
import { PackIndexBuilder } from "../../src/store/pack-index-builder.js";

const pack = "99".repeat(32) as ObjectId;
const id = (start: string): ObjectId => start.padEnd(64, "0") as ObjectId;
const at = (kind: MemberObject["kind"], start: string, offset: number, length: number): MemberObject => ({
  kind,
  id: id(start),
  offset,
  length,
});

const owner = parseProjectId("laptop.photos_1");

/** Three objects in two members, and one of them twice. */
function sample(of?: ProjectId): Buffer {
  const builder = new PackIndexBuilder();
  builder.addMember(100, 2048, [at("commit", "ff02", 512, 7), at("blob", "0001", 1536, 5)]);
  builder.addMember(200, 4096, [at("tree", "ff01", 512, 0x01020304), at("list", "0001", 3072, 9)]);
  return builder.finish(pack, "gzip", of);
}

t.test("the bytes of an index are those of the format", (t) => {
  const fanOut = Buffer.alloc(1024);
  for (let first = 0; first < 256; first += 1) fanOut.writeUInt32BE(first === 255 ? 3 : 1, first * 4);
  const body = Buffer.from(
    [
      "62616b6964780001", // bakidx, version 1
      pack,
      "000001490000000200000003", // 329 bytes: both members and the trailer; 2 members, 3 records
      fanOut.toString("hex"),
      "000000000000006400000800",
      "00000064000000c800001000",
      `${id("0001")}000000000000060000000005`, // the first of the two: a blob
      `${id("ff01")}020000010000020001020304`,
      `${id("ff02")}030000000000020000000007`,
    ].join(""),
    "hex",
  );
  t.equal(sample().toString("hex"), Buffer.concat([body, blake3().hash(body)]).toString("hex"));
  const owned = Buffer.concat([body, Buffer.from(owner)]);
  owned[7] = 2;
  t.equal(sample(owner).toString("hex"), Buffer.concat([owned, blake3().hash(owned)]).toString("hex"));
  t.end();
});

t.test("what was put in is read again", (t) => {
  const index = decodePackIndex(sample(), pack);
  t.strictSame({ ...index, bytes: 0 }, { bytes: 0, packLength: 329, memberCount: 2, recordCount: 3, owner: undefined });
  t.equal(packIndexLength(index), sample().length);
  const owned = decodePackIndex(sample(owner), pack);
  t.strictSame({ ...owned, bytes: 0 }, { bytes: 0, packLength: 329, memberCount: 2, recordCount: 3, owner });
  t.equal(packIndexLength(owned), sample(owner).length);
  const record = (ordinal: number): Buffer =>
    index.bytes.subarray(recordsOffset(index) + ordinal * recordLength).subarray(0, recordLength);
  t.strictSame(decodeRecord(record(1)), { kind: "tree", member: 1, offset: 512, length: 0x01020304 });
  const member = index.bytes.subarray(membersOffset + memberLength, membersOffset + 2 * memberLength);
  t.strictSame(decodeMember(member), { offset: 100, packedLength: 200, inflatedLength: 4096 });
  t.end();
});

t.test("an index with any other byte, or of another length, is damaged", (t) => {
  const bytes = sample(owner);
  const accepted: string[] = [];
  const isRefused = (damaged: Buffer): boolean => {
    try {
      decodePackIndex(damaged, pack);
      return false;
    } catch (error) {
      return (error as { code?: string }).code === "STORE_DAMAGED";
    }
  };
  for (let offset = 0; offset < bytes.length; offset += 1) {
    const damaged = Buffer.from(bytes);
    damaged[offset] = (damaged[offset] as number) ^ 1;
    if (!isRefused(damaged)) accepted.push(`byte ${offset}`);
    if (!isRefused(bytes.subarray(0, offset))) accepted.push(`length ${offset}`);
  }
  if (!isRefused(Buffer.concat([bytes, Buffer.alloc(1)]))) accepted.push("one byte more");
  t.strictSame(accepted, []);
  t.end();
});

t.test("an index with a right checksum is still that of its pack, version and counts", (t) => {
  const change = (work: (body: Buffer) => Buffer): Buffer => {
    const body = work(Buffer.from(sample().subarray(0, -32)));
    return Buffer.concat([body, blake3().hash(body)]);
  };
  const refusal = (bytes: Buffer): RegExp | string => {
    try {
      decodePackIndex(bytes, pack);
      return "accepted";
    } catch (error) {
      return (error as Error).message;
    }
  };
  t.match(refusal(change((body) => (body.writeUInt16BE(3, 6), body))), /unknown version/);
  t.match(refusal(change((body) => (body.writeUInt16BE(2, 6), body))), /wrong counts/, "without an owner");
  const ownedBy = (text: string): Buffer =>
    change((body) => (body.writeUInt16BE(2, 6), Buffer.concat([body, Buffer.from(text)])));
  t.match(refusal(ownedBy("a")), "accepted");
  t.match(refusal(ownedBy("a".repeat(128))), "accepted");
  for (const text of ["a".repeat(129), "..", "a/b", "a\0", "\u00fc"]) t.match(refusal(ownedBy(text)), /no project/);
  t.match(refusal(change((body) => (body.writeUInt8(0, 8), body))), /another pack/);
  t.match(refusal(change((body) => (body.writeUInt32BE(4, 48), body))), /wrong counts/);
  t.match(refusal(change((body) => Buffer.concat([body, Buffer.alloc(44)]))), /wrong counts/);
  t.match(refusal(change((body) => body)), "accepted");
  t.end();
});

t.test("a record of an unknown kind is damaged", (t) => {
  const record = Buffer.alloc(recordLength);
  record[32] = 4;
  t.throws(() => decodeRecord(record), { code: "STORE_DAMAGED" });
  t.end();
});

/** Ids of which many begin alike, so that the order does not rest on the first 32 bits alone. */
const ids = fc
  .tuple(fc.constantFrom("00000000", "00000001", "7fffffff", "ffffffff"), fc.nat(40))
  .map(([start, end]) => (start + end.toString(16).padStart(56, "0")) as ObjectId);

t.test("records are in the order of their ids, each once, at their first place", (t) => {
  const property = fc.property(
    fc.array(fc.array(ids, { minLength: 1, maxLength: 20 }), { maxLength: 20 }),
    (members) => {
      const builder = new PackIndexBuilder();
      const first = new Map<string, { member: number; offset: number }>();
      for (const [member, inMember] of members.entries()) {
        const objects = inMember.map((id, offset) => ({ kind: objectKinds[offset % 4]!, id, offset, length: 1 }));
        for (const { id, offset } of objects) if (!first.has(id)) first.set(id, { member, offset });
        builder.addMember(10, 20, objects);
      }
      const index = decodePackIndex(builder.finish(pack), pack);
      const found = Array.from({ length: index.recordCount }, (_, ordinal) => {
        const record = index.bytes.subarray(recordsOffset(index) + ordinal * recordLength).subarray(0, recordLength);
        const { member, offset } = decodeRecord(record);
        return [objectIdAt(record), { member, offset }] as const;
      });
      const expected = [...first].toSorted(([a], [b]) => (a < b ? -1 : 1));
      return JSON.stringify(found) === JSON.stringify(expected);
    },
  );
  t.doesNotThrow(() => fc.assert(property));
  t.end();
});

t.test("an index of as many objects as a pack may have is made within seconds", (t) => {
  const builder = new PackIndexBuilder();
  for (let member = 0; member < 256; member += 1) {
    const objects = Array.from({ length: 1024 }, (_, offset) => ({
      kind: "blob" as const,
      id: createHash("sha256").update(`${member} ${offset}`).digest("hex") as ObjectId,
      offset,
      length: 1,
    }));
    builder.addMember(10, 20, objects);
  }
  t.equal(decodePackIndex(builder.finish(pack), pack).recordCount, 1 << 18);
  t.throws(() => builder.addMember(1, 1, [at("blob", "00", 0, 1)]), RangeError);
  t.end();
});
