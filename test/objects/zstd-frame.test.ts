/** The outside of a zstd frame: every form that is read, and every one that is refused before anything is decoded. */
import t, { type Test } from "tap";
import { isBakError } from "../../src/errors.js";
import { maxMemberBytes } from "../../src/objects/pack-format.js";
import { measureZstdFrame } from "../../src/objects/zstd-frame.js";
import { hexBytes, mutationsOf, seededBytes } from "../helpers/arbitrary-bytes.js";
import { runZstd, zstdMember } from "../helpers/zstd-program.js";

const magic = "28b52ffd";
const checksum = "00000000";

/** A block's header: what it stands for is for the caller to append. */
function block(size: number, type: number, isLast = true): string {
  const bytes = Buffer.alloc(3);
  bytes.writeUIntLE((size << 3) | (type << 1) | Number(isLast), 0, 3);
  return bytes.toString("hex");
}

function uint(value: number | bigint, bytes: 2 | 4 | 8): string {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer.toString("hex", 0, bytes);
}

const raw = (size: number, isLast = true): string => block(size, 0, isLast) + "61".repeat(size);
const repeated = (size: number, isLast = true): string => `${block(size, 1, isLast)}61`;

function refuses(t: Test, what: string, ...hex: string[]): void {
  const bytes = hexBytes(...hex);
  t.throws(() => measureZstdFrame(bytes, maxMemberBytes), { code: "BAD_PACK" }, what);
}

t.test("every form of header is read", (t) => {
  const forms: [string, number, ...string[]][] = [
    ["a size of 1 byte", 3, magic, "24", "03", raw(3)],
    ["of 2 bytes, which count from 256", 258, magic, "64", uint(2, 2), repeated(258)],
    ["of 4 bytes", 3, magic, "a4", uint(3, 4), raw(3)],
    ["of 8 bytes", 3, magic, "e4", uint(3, 8), raw(3)],
    ["with a window of 1 KiB", 257, magic, "44", "00", uint(1, 2), raw(257)],
    ["with a window of 8 MiB", 3, magic, "84", "68", uint(3, 4), raw(3)],
    ["with several blocks", 9, magic, "24", "09", raw(4, false), raw(0, false), raw(5)],
    [
      "the largest",
      maxMemberBytes,
      magic,
      "a4",
      uint(maxMemberBytes, 4),
      repeated(131_072, false).repeat(71),
      repeated(131_072),
    ],
  ];
  for (const [what, contentLength, ...hex] of forms) {
    const frame = hexBytes(...hex, checksum);
    t.strictSame(measureZstdFrame(frame, maxMemberBytes), { length: frame.length, contentLength }, what);
    const more = Buffer.concat([frame, Buffer.alloc(100, 0xff)]);
    t.equal(measureZstdFrame(more, maxMemberBytes).length, frame.length, "and what follows is not part of it");
  }
  t.end();
});

t.test("what is no frame of ours is refused", (t) => {
  refuses(t, "nothing");
  refuses(t, "a gzip member", "1f8b0800000000000003");
  refuses(t, "a skippable frame", "502a4d18", uint(4, 4), "00000000");
  refuses(t, "the magic of zstd 0.7", "27b52ffd", "24", "03", raw(3), checksum);
  refuses(t, "no checksum", magic, "20", "03", raw(3));
  refuses(t, "the unused bit", magic, "34", "03", raw(3), checksum);
  refuses(t, "the reserved bit", magic, "2c", "03", raw(3), checksum);
  for (const [flag, id] of [
    ["25", "01"],
    ["26", "0100"],
    ["27", "01000000"],
  ] as const)
    refuses(t, "a dictionary", magic, flag, id, "03", raw(3), checksum);
  refuses(t, "no size", magic, "04", "00", raw(3), checksum);
  refuses(t, "no content", magic, "24", "00", raw(0), checksum);
  refuses(t, "a block of the reserved type", magic, "24", "03", block(3, 3), "616161", checksum);
  t.end();
});

t.test("what declares too much is refused", (t) => {
  refuses(
    t,
    "a byte more than a member may have",
    magic,
    "a4",
    uint(maxMemberBytes + 1, 4),
    repeated(131_072, false).repeat(72),
    repeated(1),
    checksum,
  );
  refuses(t, "9 GB in a few bytes", magic, "e4", uint(9e9, 8), repeated(131_072), checksum);
  refuses(t, "2^64-1 bytes", magic, "e4", uint(2n ** 64n - 1n, 8), repeated(131_072), checksum);
  refuses(t, "more than its blocks can hold", magic, "a4", uint(131_073, 4), repeated(131_072), checksum);
  refuses(t, "less than its blocks hold", magic, "a4", uint(131_072, 4), repeated(131_072, false), raw(1), checksum);
  refuses(t, "more than its raw block holds", magic, "24", "04", raw(3), checksum);
  refuses(t, "more than a compressed block can hold", magic, "a4", uint(131_073, 4), block(3, 2), "000000", checksum);
  refuses(t, "a window just beyond 8 MiB", magic, "84", "69", uint(3, 4), raw(3), checksum);
  refuses(t, "a window of 2 GB", magic, "84", "a8", uint(3, 4), raw(3), checksum);
  refuses(t, "a window of 3.75 TB", magic, "84", "ff", uint(3, 4), raw(3), checksum);
  refuses(t, "a block beyond 128 KiB", magic, "a4", uint(200_000, 4), repeated(131_073), checksum);
  refuses(t, "a block beyond the window", magic, "44", "00", uint(1024, 2), repeated(1025), checksum);
  t.end();
});

t.test("what the zstd program makes without our options is refused", (t) => {
  const content = seededBytes(1, 70_000);
  const measure = (bytes: Buffer) => (): unknown => measureZstdFrame(bytes, maxMemberBytes);
  t.equal(measureZstdFrame(zstdMember(content), maxMemberBytes).contentLength, 70_000);
  t.throws(
    measure(runZstd(["--check"], content)),
    { code: "BAD_PACK", message: /how much/ },
    "from a pipe, without a size",
  );
  t.throws(measure(runZstd(["--no-check", "--stream-size=70000"], content)), { message: /checksum/ });
  const far = runZstd(["--check", "--ultra", "-22", "--long=27"], Buffer.alloc(200_000));
  t.throws(measure(far), { code: "BAD_PACK" });
  t.end();
});

t.test("a frame that is cut anywhere, or changed in any byte, is refused or measured within its bounds", (t) => {
  const frame = zstdMember(Buffer.concat([Buffer.from("abracadabra ".repeat(20)), seededBytes(1, 60)]));
  for (let length = 0; length < frame.length; length += 1) {
    t.throws(() => measureZstdFrame(frame.subarray(0, length), maxMemberBytes), { code: "BAD_PACK" });
  }
  const wrong: string[] = [];
  for (const bytes of mutationsOf(frame)) {
    try {
      const { length, contentLength } = measureZstdFrame(bytes, maxMemberBytes);
      if (length > bytes.length || contentLength < 1 || contentLength > 131_072) wrong.push(bytes.toString("hex"));
    } catch (error) {
      if (!isBakError(error, "BAD_PACK")) wrong.push(String(error));
    }
  }
  t.strictSame(wrong, []);
  t.end();
});
