/** Members of every codec: what is written is read, by its first bytes, and nothing else is. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import t, { type Test } from "tap";
import { isBakError } from "../../src/errors.js";
import {
  codecOfMember,
  codecs,
  packCodecOf,
  packMember,
  unpackFirstMember,
  unpackMember,
  unpackMemberInBackground,
  writableCodecs,
} from "../../src/objects/member-codec.js";
import { maxMemberBytes, maxPackedMemberBytes, packCodecs, packTrailers } from "../../src/objects/pack-format.js";
import { hexBytes, mutationsOf, seededBytes } from "../helpers/arbitrary-bytes.js";
import { runZstd, zstdMember } from "../helpers/zstd-program.js";

const words = Buffer.from("the quick brown fox jumps over the lazy dog\n".repeat(200));
const hasZstd = writableCodecs().includes("zstd");

const refusesAll = async (t: Test, bytes: Uint8Array, what: string): Promise<void> => {
  await t.rejects(async () => unpackMember(bytes), { code: "BAD_PACK" }, what);
  await t.rejects(unpackMemberInBackground(bytes), { code: "BAD_PACK" }, `${what}, in the background`);
};

t.test("every codec that this Node can write", async (t) => {
  t.strictSame(writableCodecs(), hasZstd ? ["gzip", "zstd", "none"] : ["gzip", "none"]);
  for (const codec of writableCodecs()) {
    for (const level of [undefined, 0, 1, 3, 6]) {
      for (const content of [words, seededBytes(1, 100_000), Buffer.alloc(1 << 20), seededBytes(2, maxMemberBytes)]) {
        const packed = packMember(content, codec, level);
        const what = `${codec} ${level}, ${content.length} bytes`;
        t.equal(codecOfMember(packed), packCodecOf(codec), what);
        t.ok(packed.length <= maxPackedMemberBytes, `${what}: ${packed.length}`);
        t.ok((await unpackMember(packed)).equals(content), what);
        t.ok((await unpackMemberInBackground(packed)).equals(content), what);
      }
    }
  }
});

t.test("levels do what they are for", (t) => {
  for (const codec of writableCodecs().filter((each) => each !== "none")) {
    t.ok(packMember(words, codec).length < words.length / 10, codec);
    const noise = seededBytes(5, 50_000);
    t.ok(packMember(noise, codec, 0).length < noise.length + 40, `${codec}: noise`);
    t.ok(packMember(noise, codec).length < noise.length + 40, `${codec}: noise that was not known as such`);
  }
  t.ok(packMember(words, "none", 6).length > words.length, "none stores, whatever the level");
  t.end();
});

t.test("zstd that was written elsewhere is read", async (t) => {
  for (const level of [-5, 1, 3, 9, 19, 22]) {
    for (const content of [words, seededBytes(3, 400_000), Buffer.alloc(maxMemberBytes, words)]) {
      const packed = zstdMember(content, level);
      t.ok((await unpackMember(packed)).equals(content), `level ${level}, ${content.length} bytes`);
      t.ok((await unpackMemberInBackground(packed)).equals(content));
    }
  }
  const view = new Uint8Array(Buffer.concat([Buffer.alloc(9, 7), zstdMember(words)])).subarray(9);
  t.ok((await unpackMember(view)).equals(words), "also a view");
});

t.test("the first of several members is found, and where it ends", async (t) => {
  const contents = [words, Buffer.of(1), seededBytes(2, 70_000), Buffer.alloc(300_000, 1)];
  for (const codec of packCodecs) {
    const members = contents.map((content) => (codec === "zstd" ? zstdMember(content) : packMember(content, codec)));
    let rest = Buffer.concat([...members, packTrailers[codec]]);
    for (const [index, content] of contents.entries()) {
      const { tar, packedLength } = await unpackFirstMember(rest, codec);
      t.equal(packedLength, members[index]?.length);
      t.ok(tar.equals(content));
      rest = rest.subarray(packedLength);
    }
    t.ok(rest.equals(packTrailers[codec]));
    const other = codec === "gzip" ? "zstd" : "gzip";
    await t.rejects(unpackFirstMember(rest, other), {
      code: "BAD_PACK",
      message: `damaged pack: a ${codec} member in a ${other} pack`,
    });
  }
});

t.test("trailers are tar's end mark, as any tool reads them", async (t) => {
  for (const codec of packCodecs) t.strictSame(await unpackMember(packTrailers[codec]), Buffer.alloc(1024), codec);
  t.strictSame(runZstd(["-d"], packTrailers.zstd), Buffer.alloc(1024));
  t.equal(packTrailers.zstd.length, 15);
});

t.test("one member is one member", async (t) => {
  const gzip = packMember(words, "gzip");
  const zstd = zstdMember(words);
  const skippable = hexBytes("502a4d18", "04000000", "00000000");
  const refused: [string, ...Uint8Array[]][] = [
    ["nothing"],
    ["a byte of either", Buffer.of(0x1f)],
    ["neither", words],
    ["two zstd frames", zstd, zstd],
    ["two gzip members", gzip, gzip],
    ["gzip, then zstd", gzip, zstd],
    ["zstd, then gzip", zstd, gzip],
    ["zstd, then the trailer", zstd, packTrailers.zstd],
    ["zstd, then a skippable frame", zstd, skippable],
    ["a skippable frame, then zstd", skippable, zstd],
    ["a byte after the end", zstd, Buffer.of(0)],
    ["a byte before the beginning", Buffer.of(0), zstd],
  ];
  for (const [what, ...parts] of refused) await refusesAll(t, Buffer.concat(parts), what);
});

t.test("zstd that is cut short, or with any byte replaced, is refused or has the same content", async (t) => {
  const content = Buffer.concat([Buffer.from("abracadabra ".repeat(8)), seededBytes(7, 40)]);
  const wrong: string[] = [];
  for (const bytes of mutationsOf(zstdMember(content))) {
    for (const unpack of [unpackMember, unpackMemberInBackground]) {
      try {
        if (!(await unpack(bytes)).equals(content)) wrong.push(bytes.toString("hex"));
      } catch (error) {
        if (!isBakError(error, "BAD_PACK")) wrong.push(String(error));
      }
    }
  }
  t.strictSame(wrong, []);
});

t.test("a frame whose checksum is that of other bytes is refused", async (t) => {
  const packed = zstdMember(words);
  const other = zstdMember(Buffer.concat([words.subarray(1), Buffer.of(0)]));
  await refusesAll(t, Buffer.concat([packed.subarray(0, -4), other.subarray(-4)]), "another checksum");
});

t.test("a zstd bomb is refused, with little memory", async (t) => {
  // compressed blocks of 8 bytes that stand for 128 KiB each, which only decoding tells: 9.4 MB of them are 154 GB
  const [block, last] = ["2c00000d00206100", "2d00000d00206100"];
  const frame = (says: number, count: number, checksum: Buffer = Buffer.alloc(4)): Buffer => {
    const header = hexBytes("28b52ffda4", "00000000");
    header.writeUInt32LE(says, 5);
    return Buffer.concat([header, Buffer.alloc((count - 1) * 8, hexBytes(block)), hexBytes(last), checksum]);
  };
  const small = Buffer.alloc(3 << 17, "a");
  t.ok((await unpackMember(frame(3 << 17, 3, zstdMember(small).subarray(-4)))).equals(small), "which is zstd");
  const bomb = frame(maxMemberBytes, 1_175_000);
  await refusesAll(t, frame(4_000_000_000, 1_175_000), "what says that it is large");
  await refusesAll(t, bomb, "what says that it is small");
  const path = join(t.testdir({ bomb }), "bomb");
  const source = new URL("../../src/objects/member-codec.js", import.meta.url).href;
  const script = `
    import { readFileSync } from "node:fs";
    const { unpackMember, unpackMemberInBackground } = await import(${JSON.stringify(source)});
    const bomb = readFileSync(${JSON.stringify(path)});
    const refused = async (unpack, bytes) => { try { await unpack(bytes); } catch (error) { return error.code; } };
    await refused(unpackMember, Buffer.from(${JSON.stringify(zstdMember(words).toString("hex"))}, "hex"));
    const before = process.resourceUsage().maxRSS;
    const codes = [];
    for (let round = 0; round < 3; round += 1) {
      codes.push(await refused(unpackMember, bomb), await refused(unpackMemberInBackground, bomb));
    }
    console.log([...new Set(codes)].join(), process.resourceUsage().maxRSS - before);
  `;
  const args = [...process.execArgv, "--input-type=module", "--eval", script];
  const child = spawnSync(process.execPath, args, { encoding: "utf8" });
  const [code, kilobytes] = child.stdout.trim().split(" ");
  t.equal(code, "BAD_PACK", child.stderr);
  t.ok(Number(kilobytes) < 128 << 10, `${kilobytes} KiB more than before`);
});

t.test("codecs keep their names", (t) => {
  t.strictSame(codecs, ["gzip", "zstd", "none"]);
  t.strictSame(codecs.map(packCodecOf), ["gzip", "zstd", "gzip"]);
  t.end();
});
