/** A member as gzip: what other tools make of it, and every way in which it can be damaged or hostile. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { constants, crc32, deflateRawSync, gzipSync, inflateRawSync } from "node:zlib";
import t from "tap";
import { isBakError } from "../../src/errors.js";
import { compressMember, inflateFirstMember, inflateMember, inflateMemberNow } from "../../src/objects/member-gzip.js";
import { maxMemberBytes, maxPackedMemberBytes } from "../../src/objects/pack-format.js";
import { hexBytes, mutationsOf, seededBytes } from "../helpers/arbitrary-bytes.js";

const words = Buffer.from("the quick brown fox jumps over the lazy dog\n".repeat(200));
const plainHead = hexBytes("1f8b0800000000000003");

/** A gzip member around a deflate stream, with a right footer unless another is given. */
function member(
  deflated: Uint8Array,
  content: Uint8Array,
  changed: { head?: Buffer; crc?: number; size?: number } = {},
): Buffer {
  const footer = Buffer.alloc(8);
  footer.writeUInt32LE((changed.crc ?? crc32(content)) >>> 0, 0);
  footer.writeUInt32LE((changed.size ?? content.length) >>> 0, 4);
  return Buffer.concat([changed.head ?? plainHead, deflated, footer]);
}

t.test("a member is inflated to what was compressed", async (t) => {
  for (const content of [Buffer.alloc(0), Buffer.of(1), words, seededBytes(1, 100_000), Buffer.alloc(1 << 20)]) {
    for (const isIncompressible of [false, true]) {
      const packed = compressMember(content, isIncompressible ? 0 : 2);
      t.equal(Buffer.compare(await inflateMember(packed), content), 0, `${content.length} bytes, ${isIncompressible}`);
    }
  }
  const view = new Uint8Array(words.length + 9).fill(7);
  view.set(words, 9);
  t.strictSame(await inflateMember(compressMember(view.subarray(9), 2)), words, "also of a view");
});

t.test("a stored member has its golden bytes", async (t) => {
  const packed = compressMember(Buffer.from("bak"), 0);
  const golden = [
    "1f8b0800", // gzip, deflate, no flags
    "00000000", // no time
    "04", // fastest
    "03", // unix
    "010300fcff", // the last block, stored, of 3 bytes
    "62616b", // bak
    "6a249412", // crc-32
    "03000000", // length
  ];
  t.equal(packed.toString("hex"), golden.join(""));
});

t.test("compression is kept where it helps, and nothing is stored longer than need be", async (t) => {
  const packed = compressMember(words, 2);
  t.ok(packed.length < words.length / 10);
  const stored = compressMember(words, 0);
  t.ok(stored.length > words.length && stored.length < words.length + 40);
  const noise = seededBytes(5, 50_000);
  t.strictSame(
    compressMember(noise, 2),
    compressMember(noise, 0),
    "random bytes are stored, whatever was said of them",
  );
});

t.test("the largest member fits, stored as well, and a byte more is refused", async (t) => {
  const largest = seededBytes(6, maxMemberBytes);
  const stored = compressMember(largest, 0);
  t.ok(stored.length <= maxPackedMemberBytes, `${stored.length - largest.length} bytes more`);
  t.equal(Buffer.compare(await inflateMember(stored), largest), 0);
  t.equal((await inflateMember(gzipSync(Buffer.alloc(maxMemberBytes)))).length, maxMemberBytes);
  await t.rejects(inflateMember(gzipSync(Buffer.alloc(maxMemberBytes + 1))), { code: "BAD_PACK" });
});

t.test("gzip and Python read what was written", async (t) => {
  for (const isIncompressible of [false, true]) {
    const packed = compressMember(words, isIncompressible ? 0 : 2);
    const test = spawnSync("gzip", ["-t"], { input: packed, encoding: "utf8" });
    t.strictSame([test.status, test.stderr], [0, ""]);
    t.strictSame(spawnSync("gzip", ["-dc"], { input: packed }).stdout, words);
    const script = "import sys, zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read(), 31))";
    t.strictSame(spawnSync("/usr/bin/python3", ["-c", script], { input: packed }).stdout, words);
  }
});

t.test("a member that gzip made is read", async (t) => {
  const packed = spawnSync("gzip", ["-nc", "-9"], { input: words }).stdout;
  t.strictSame(await inflateMember(packed), words);
});

t.test("the first of several members is found, and where it ends", async (t) => {
  const contents = [words, Buffer.alloc(0), seededBytes(2, 70_000), Buffer.alloc(300_000, 1)];
  const members = contents.map((content) => compressMember(content, 2));
  let rest = Buffer.concat(members);
  for (const [index, content] of contents.entries()) {
    const { tar, packedLength } = await inflateFirstMember(rest);
    t.equal(packedLength, members[index]?.length);
    t.equal(Buffer.compare(tar, content), 0);
    rest = rest.subarray(packedLength);
  }
  t.equal(rest.length, 0);
  const first = members[0] as Buffer;
  t.equal(
    (await inflateFirstMember(Buffer.concat([first, Buffer.alloc(20 << 20, 0xaa)]))).packedLength,
    first.length,
    "before 20 MiB",
  );
});

t.test("one member is one member", async (t) => {
  const packed = compressMember(words, 2);
  const rejected: [string, Buffer][] = [
    ["two members in one", Buffer.concat([packed, packed])],
    ["a member and an empty one", Buffer.concat([packed, compressMember(Buffer.alloc(0), 0)])],
    ["a byte after the end", Buffer.concat([packed, Buffer.of(0)])],
    ["zeros after the end", Buffer.concat([packed, Buffer.alloc(512)])],
    ["a byte before the beginning", Buffer.concat([Buffer.of(0), packed])],
  ];
  for (const [what, bytes] of rejected) await t.rejects(inflateMember(bytes), { code: "BAD_PACK" }, what);
});

t.test("a header that is not plain is refused", async (t) => {
  const deflated = deflateRawSync(words);
  const heads: [string, string][] = [
    ["FTEXT", "1f8b0801000000000003"],
    ["FHCRC", "1f8b08020000000000030000"],
    ["FEXTRA", "1f8b08040000000000030200ffff"],
    ["FNAME", "1f8b08080000000000036100"],
    ["FCOMMENT", "1f8b08100000000000036100"],
    ["a reserved flag", "1f8b0820000000000003"],
    ["another method", "1f8b0700000000000003"],
    ["compress(1)", "1f9d9000000000000003"],
    ["zstd", "28b52ffd000000000003"],
    ["a zlib stream", "78010000000000000000"],
  ];
  for (const [what, hex] of heads) {
    await t.rejects(inflateMember(member(deflated, words, { head: hexBytes(hex) })), { code: "BAD_PACK" }, what);
  }
  t.strictSame(await inflateMember(member(deflated, words)), words, "while a plain one is read");
});

t.test("a footer that is not that of the content is refused", async (t) => {
  const deflated = deflateRawSync(words);
  const crc = crc32(words);
  for (const changed of [
    { crc: crc ^ 1 },
    { crc: 0 },
    { size: words.length + 1 },
    { size: words.length - 1 },
    { size: 0 },
    { size: -1 },
  ]) {
    await t.rejects(
      inflateMember(member(deflated, words, changed)),
      { code: "BAD_PACK", message: /checksum/ },
      JSON.stringify(changed),
    );
  }
});

t.test("whoever compares what is in it with ids can have a member with any checksum, but of no other length", (t) => {
  const deflated = deflateRawSync(words);
  const crc = crc32(words) ^ 1;
  t.strictSame(inflateMemberNow(member(deflated, words, { crc }), { anyChecksum: true }), words);
  const longer = member(deflated, words, { crc, size: words.length + 1 });
  t.throws(() => inflateMemberNow(longer, { anyChecksum: true }), { code: "BAD_PACK" });
  t.end();
});

t.test("a member that is cut anywhere is refused", async (t) => {
  for (const content of [Buffer.alloc(0), words]) {
    for (const isIncompressible of [false, true]) {
      const packed = compressMember(content, isIncompressible ? 0 : 2).subarray(0);
      const lengths = Array.from({ length: packed.length }, (_, length) => length).filter(
        (length) => length < 60 || length > packed.length - 60,
      );
      const taken: number[] = [];
      for (const length of lengths) {
        for (const inflate of [inflateMember, inflateFirstMember]) {
          await inflate(packed.subarray(0, length)).then(
            () => taken.push(length),
            (error: unknown) => isBakError(error, "BAD_PACK") || taken.push(length),
          );
        }
      }
      t.strictSame(taken, [], `${packed.length} bytes`);
    }
  }
});

t.test("a member with any byte replaced is refused, or has the same content", async (t) => {
  const content = Buffer.from("abracadabra ".repeat(5));
  const packed = compressMember(content, 2);
  const wrong: string[] = [];
  for (const bytes of mutationsOf(packed)) {
    await inflateMember(bytes).then(
      (tar) => {
        // time, level and system say nothing about the content, and a stored block has bits that nothing reads
        if (!tar.equals(content)) wrong.push(bytes.toString("hex"));
      },
      (error: unknown) => {
        if (!isBakError(error, "BAD_PACK")) wrong.push(String(error));
      },
    );
  }
  t.strictSame(wrong, []);
});

t.test("hostile deflate streams are refused", async (t) => {
  const streams: [string, string][] = [
    ["a block of a reserved type", "07"],
    ["a stored block with a wrong complement", "010300ffff62616b"],
    ["a distance before the beginning", "4b040100"],
    ["codes that are too many", "05e0ffffffffffffffff"],
    ["nothing but blocks that are not the last", "000000ffff000000ffff"],
    ["nothing", ""],
  ];
  for (const [what, hex] of streams) {
    const bytes = member(hexBytes(hex), Buffer.alloc(0));
    await t.rejects(inflateMember(bytes), { code: "BAD_PACK" }, what);
  }
  const end = member(hexBytes("0300"), Buffer.alloc(0));
  t.equal((await inflateMember(end)).length, 0, "while an empty one is read");
});

t.test("a gzip bomb is cut off, with little memory", async (t) => {
  // 1 GiB of zeros in a megabyte of gzip: fragments of 16 MiB, which can be put together as they are
  const fragment = deflateRawSync(Buffer.alloc(16 << 20), { finishFlush: constants.Z_FULL_FLUSH });
  const end = hexBytes("0300");
  t.equal(inflateRawSync(Buffer.concat([fragment, end])).length, 16 << 20);
  const bomb = member(Buffer.concat([...Array.from({ length: 64 }, () => fragment), end]), Buffer.alloc(0), {
    size: 1 << 30,
  });
  t.ok(bomb.length < 1.1 * (1 << 20), `${bomb.length} bytes`);
  await t.rejects(inflateMember(bomb), { code: "BAD_PACK" });
  // a process of its own, whose memory is that of inflating alone
  const path = join(t.testdir({ bomb }), "bomb");
  const source = new URL("../../src/objects/member-gzip.js", import.meta.url).href;
  const script = `
    import { readFileSync } from "node:fs";
    const { inflateMember } = await import(${JSON.stringify(source)});
    const bomb = readFileSync(${JSON.stringify(path)});
    await inflateMember(bomb.subarray(0, 100)).catch(() => undefined);
    const before = process.resourceUsage().maxRSS;
    const error = await inflateMember(bomb).catch((error) => error);
    console.log(error.code, process.resourceUsage().maxRSS - before);
  `;
  const args = [...process.execArgv, "--input-type=module", "--eval", script];
  const child = spawnSync(process.execPath, args, { encoding: "utf8" });
  const [code, kilobytes] = child.stdout.trim().split(" ");
  t.equal(code, "BAD_PACK", child.stderr);
  t.ok(Number(kilobytes) < 48 << 10, `${kilobytes} KiB more than before`);
});
