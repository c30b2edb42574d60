/** Packs and their members: whatever is in them either is refused, or is what bak itself would have made of the objects in it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { isBakError } from "../../src/errors.js";
import { blake3 } from "../../src/objects/hash.js";
import { packMember, unpackMember, unpackMemberInBackground } from "../../src/objects/member-codec.js";
import { decodeMemberTar, encodeMemberTar } from "../../src/objects/member-tar.js";
import { objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import { objectKinds, type PackedObject } from "../../src/objects/object-kind.js";
import { maxMemberBytes, tarBlockBytes, type PackCodec } from "../../src/objects/pack-format.js";
import { measureZstdFrame } from "../../src/objects/zstd-frame.js";
import { canWriteZstd, loadZstdReader, type ZstdReader } from "../../src/objects/zstd.js";
import { checkMember } from "../../src/store/check-member.js";
import { decodePackIndex, decodeRecord, recordLength, recordsOffset } from "../../src/store/pack-index.js";
import { scanPack } from "../../src/store/pack-scan.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { fuzz } from "../helpers/fuzz.js";
import { plainBytes, recordsOf, type Shape } from "../helpers/mutations.js";
import { object, packFile } from "../helpers/store-pack.js";
import { zstdMember } from "../helpers/zstd-program.js";

/** Objects of every kind and of telling lengths. */
const objects: PackedObject<ObjectId>[] = [0, 1, 5, 511, 512, 513, 1500].map((length, index) =>
  object(
    objectKinds[index % objectKinds.length] as "blob",
    index % 2 === 0 ? seededBytes(index, length) : Buffer.alloc(length, 65),
  ),
);
const groups = [[0], [1, 2], [3], [4, 5], [2, 6, 0], [0, 1, 2, 3, 4, 5, 6]];
const tars = await Promise.all(
  groups.map((each) => encodeMemberTar(each.map((at) => objects[at] as (typeof objects)[0]))),
);

/** Blocks; some get the checksum that their header should have, and the name that their content should. */
const tarBlocks: Shape = {
  ...recordsOf(tarBlockBytes),
  finish: (bytes, next) => {
    for (let at = 0; at + tarBlockBytes <= bytes.length; at += tarBlockBytes) {
      if (next() % 2 === 0 && bytes.toString("latin1", at + 257, at + 262) === "ustar") mendHeader(bytes, at, next);
    }
    return bytes;
  },
};

function mendHeader(bytes: Buffer, at: number, next: () => number): void {
  const header = bytes.subarray(at, at + tarBlockBytes);
  const length = Number.parseInt(header.toString("latin1", 124, 135), 8);
  const nameAt = header.indexOf("/") + 1;
  if (next() % 2 === 0 && nameAt > 0 && nameAt < 10 && length >= 0) {
    const from = at + tarBlockBytes;
    header.write(objectIdOf(bytes.subarray(from, Math.min(bytes.length, from + length))), nameAt, "latin1");
  }
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}

/** The same objects as tar, if each of them has the hash that it is named by; undefined else. */
async function encodedAgain(tar: Buffer): Promise<Buffer | undefined> {
  const found = decodeMemberTar(tar).map(({ kind, id, offset, length }) => {
    const bytes = tar.subarray(offset, offset + length);
    return { kind, id, bytes };
  });
  return found.every(({ id, bytes }) => objectIdOf(bytes) === id) ? encodeMemberTar(found) : undefined;
}

const codes = ["BAD_PACK"] as const;

t.test("what a member is checked to hold", (t) =>
  fuzz(t, "checkMember", {
    seeds: tars,
    shape: tarBlocks,
    codes,
    allocatedBytes: 24 << 20,
    judge: async (tar) => {
      let again: Buffer | undefined;
      let refusal: unknown;
      try {
        again = await encodedAgain(tar);
      } catch (error) {
        if (!isBakError(error, "BAD_PACK")) throw error;
        refusal = error;
      }
      if (again !== undefined && !again.equals(tar)) return "another tar comes of it";
      if (tar.length > maxMemberBytes) throw refusal;
      try {
        const { records } = await checkMember(packMember(tar, "none"), 3);
        if (again === undefined) return "checkMember accepts what decodeMemberTar does not";
        return records.length === decodeMemberTar(tar).length * recordLength ? undefined : "objects are missing";
      } catch (error) {
        if (isBakError(error, "BAD_PACK") && again !== undefined && tar.length > 0) return `refused: ${error.message}`;
        throw error;
      }
    },
    count: 30_000,
  }),
);

/** Unpacks a member in both ways. */
async function unpackTwice(bytes: Buffer): Promise<string | undefined> {
  const background = unpackMemberInBackground(bytes).catch((error: unknown) => error);
  let now: Buffer;
  try {
    now = await unpackMember(bytes);
  } catch (error) {
    const other = await background;
    return isBakError(other, "BAD_PACK")
      ? Promise.reject(error)
      : "what is refused at once is accepted in the background";
  }
  const then = await background;
  if (then instanceof Error) throw then;
  return now.equals(then as Buffer) ? undefined : "another tar comes of it in the background";
}

const gzipMembers = tars.flatMap((tar) => [0, 1, 2, 6].map((level) => packMember(tar, "gzip", level)));

t.test("gzip members", (t) =>
  fuzz(t, "gzip", {
    seeds: gzipMembers,
    shape: plainBytes,
    codes,
    allocatedBytes: 3 * maxMemberBytes,
    judge: unpackTwice,
    count: 20_000,
  }),
);

const zstdMembers = tars.flatMap((tar) => [-7, 1, 19].map((level) => zstdMember(tar, level)));

/** A frame's header is where it says most, so it is spoiled most. */
const frames: Shape = {
  partsOf: (bytes) => [
    ...Array(Math.min(16, bytes.length)).keys(),
    ...plainBytes.partsOf(bytes).filter((at) => at > 16),
  ],
};

const readers: ZstdReader[] = await Promise.all([
  loadZstdReader("wasm"),
  ...(canWriteZstd() ? [loadZstdReader("native")] : []),
]);

t.test("zstd members, by every implementation that there is", (t) =>
  fuzz(t, "zstd", {
    seeds: zstdMembers,
    shape: frames,
    codes,
    allocatedBytes: 3 * maxMemberBytes,
    judge: async (bytes) => {
      const wrong = await unpackTwice(bytes);
      const { length, contentLength } = measureZstdFrame(bytes, maxMemberBytes);
      const contents = readers.map((reader) => reader.inflate(bytes, contentLength));
      if (contents.some((content) => !content.equals(contents[0] as Buffer))) return "implementations differ";
      return length === bytes.length ? wrong : "bytes after the frame";
    },
    count: 20_000,
  }),
);

t.test("what a frame says of itself is no more than there is", (t) =>
  fuzz(t, "measureZstdFrame", {
    seeds: zstdMembers,
    shape: frames,
    codes,
    judge: (bytes) => {
      const { length, contentLength } = measureZstdFrame(bytes, maxMemberBytes);
      return length <= bytes.length && contentLength >= 1 && contentLength <= maxMemberBytes ? undefined : "more";
    },
    count: 70_000,
  }),
);

t.test("whole packs", async (t) => {
  const file = join(t.testdir(), "pack");
  for (const [codec, members] of [
    ["gzip", gzipMembers],
    ["zstd", zstdMembers],
  ] as [PackCodec, Buffer[]][]) {
    await fuzz(t, `scanPack, ${codec}`, {
      seeds: [members.slice(0, 1), members.slice(1, 4), members].map(packFile),
      shape: plainBytes,
      codes,
      allocatedBytes: 32 << 20,
      judge: async (bytes) => {
        writeFileSync(file, bytes);
        const pack = blake3().hash(bytes).toString("hex") as ObjectId;
        const index = decodePackIndex(await scanPack(file, pack, { codec }), pack);
        if (index.packLength !== bytes.length) return `a pack of ${index.packLength} bytes`;
        for (let at = recordsOffset(index), left = index.recordCount; left > 0; left -= 1, at += recordLength) {
          const { member, offset, length } = decodeRecord(index.bytes.subarray(at, at + recordLength));
          if (member >= index.memberCount || offset + length > maxMemberBytes) return "a record leads nowhere";
        }
        return undefined;
      },
      count: 500,
    });
  }
});
