/** One whole pack, byte by byte, and what tar, gzip, b3sum and Python make of it. */
import { spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, gunzipSync } from "node:zlib";
import t from "tap";
import { compressMember, inflateFirstMember, inflateMember } from "../../src/objects/member-gzip.js";
import { decodeMemberTar, encodeMemberTar, tarLength } from "../../src/objects/member-tar.js";
import { objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import { maxObjectBytes, type ObjectKind, type PackedObject } from "../../src/objects/object-kind.js";
import {
  maxMemberBytes,
  maxPackBytes,
  maxPackedMemberBytes,
  maxPackObjects,
  memberTargetBytes,
  packTargetBytes,
  packTargetObjects,
  packTrailers,
  tarBlockBytes,
} from "../../src/objects/pack-format.js";
import { emptyTree, encodeTree } from "../../src/objects/tree.js";
import { hexBytes } from "../helpers/arbitrary-bytes.js";

function object(kind: ObjectKind, bytes: Uint8Array): PackedObject<ObjectId> {
  return { kind, id: objectIdOf(bytes), bytes };
}

const members = [
  [object("blob", Buffer.from("hello\n")), object("blob", Buffer.alloc(0))],
  [object("tree", encodeTree(emptyTree))],
];

async function smallPack(): Promise<Buffer> {
  const packed = members.map(async (objects) => compressMember(await encodeMemberTar(objects), 0));
  const parts = await Promise.all(packed);
  for (const part of parts) part[9] = 3; // the system, which says where it was made
  return Buffer.concat([...parts, packTrailers.gzip]);
}

/** One entry of a tar, as text where it is text: what the format says, without its code. */
function entry(name: string, content: Buffer, checksum: string): Buffer {
  const fields = [
    name.padEnd(100, "\0"),
    "000444 \0",
    "000000 \0",
    "000000 \0",
    content.length.toString(8).padStart(11, "0"),
    " ",
    "00000000000 ",
    `${checksum} \0`,
    "0",
    "\0".repeat(100),
    "ustar\0",
    "00",
    "\0".repeat(64),
    "000000 \0",
    "000000 \0",
    "\0".repeat(167),
  ];
  return Buffer.concat([
    Buffer.from(fields.join(""), "latin1"),
    content,
    Buffer.alloc((512 - (content.length % 512)) % 512),
  ]);
}

/** A gzip member of one stored block. */
function stored(tar: Buffer): Buffer {
  const numbers = Buffer.alloc(12);
  numbers.writeUInt16LE(tar.length, 0);
  numbers.writeUInt16LE(tar.length ^ 0xffff, 2);
  numbers.writeUInt32LE(crc32(tar), 4);
  numbers.writeUInt32LE(tar.length, 8);
  return Buffer.concat([hexBytes("1f8b0800000000000403", "01"), numbers.subarray(0, 4), tar, numbers.subarray(4)]);
}

t.test("a small pack has its golden bytes", async (t) => {
  const hello = entry(
    "blob/8e4c7c1b99dbfd50e7a95185fead5ee1448fa904a2fdd778eaf5f2dbfd629a99",
    Buffer.from("hello\n"),
    "021470",
  );
  const empty = entry(
    "blob/af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    Buffer.alloc(0),
    "021240",
  );
  const tree = entry(
    "tree/440ea3e349bac27d8af6a7de6160debdbe39d55fe7598ace5239a7df8790b082",
    hexBytes("93010090"),
    "021244",
  );
  const trailer = hexBytes("1f8b0800000000000203", "63601805a360148c540000", "2eafb5ef", "00040000");
  const golden = Buffer.concat([stored(Buffer.concat([hello, empty])), stored(tree), trailer]);
  const pack = await smallPack();
  t.equal(pack.toString("hex"), golden.toString("hex"));
  t.equal(objectIdOf(pack), "5627159b8903ddb4792bec0be419810c216d5d830d0d5a7dd51b32eaa03d091c", "and its golden id");
});

t.test("the end of every pack is tar's end mark as one gzip member", async (t) => {
  t.strictSame(gunzipSync(packTrailers.gzip), Buffer.alloc(1024));
  t.strictSame(await inflateMember(packTrailers.gzip), Buffer.alloc(1024));
  t.equal(packTrailers.gzip.length, 29);
});

t.test("a pack is read member by member, without an index", async (t) => {
  let rest = await smallPack();
  for (const objects of members) {
    const { tar, packedLength } = await inflateFirstMember(rest);
    t.strictSame(
      decodeMemberTar(tar).map(({ kind, id }) => ({ kind, id })),
      objects.map(({ kind, id }) => ({ kind, id })),
    );
    rest = rest.subarray(packedLength);
  }
  t.strictSame(rest, packTrailers.gzip);
});

t.test("GNU tar, gzip and b3sum read a pack as any tar.gz", async (t) => {
  const folder = t.testdir();
  const path = join(folder, "pack.tar.gz");
  writeFileSync(path, await smallPack());
  t.equal(spawnSync("gzip", ["-t", path]).status, 0, "gzip -t");
  const extraction = spawnSync("tar", ["xzf", path, "-C", folder], { encoding: "utf8" });
  t.strictSame([extraction.status, extraction.stderr], [0, ""], "tar xzf");
  for (const [kind, count] of [
    ["blob", 2],
    ["tree", 1],
  ] as const) {
    const names = readdirSync(join(folder, kind));
    t.equal(names.length, count);
    const sums = spawnSync("b3sum", names, { cwd: join(folder, kind), encoding: "utf8" })
      .stdout.trim()
      .split("\n");
    t.strictSame(
      sums,
      names.map((name) => `${name}  ${name}`),
      `b3sum ${kind}/*`,
    );
  }
});

t.test("Python's tarfile reads a pack as any tar.gz", async (t) => {
  const script =
    "import io, sys, tarfile; print(*tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read()), mode='r:gz').getnames())";
  const { stdout, stderr } = spawnSync("/usr/bin/python3", ["-c", script], {
    input: await smallPack(),
    encoding: "utf8",
  });
  t.equal(
    stdout.trim(),
    members
      .flat()
      .map(({ kind, id }) => `${kind}/${id}`)
      .join(" "),
    stderr,
  );
});

t.test("limits keep their values, and hold what they are for", (t) => {
  t.strictSame(
    {
      memberTargetBytes,
      maxMemberBytes,
      maxPackedMemberBytes,
      packTargetBytes,
      packTargetObjects,
      maxPackBytes,
      maxPackObjects,
      tarBlockBytes,
    },
    {
      memberTargetBytes: 524_288,
      maxMemberBytes: 9_437_184,
      maxPackedMemberBytes: 9_502_720,
      packTargetBytes: 67_108_864,
      packTargetObjects: 65_536,
      maxPackBytes: 134_217_728,
      maxPackObjects: 262_144,
      tarBlockBytes: 512,
    },
  );
  t.ok(memberTargetBytes + tarLength(maxObjectBytes) <= maxMemberBytes, "a gathered member and one more object");
  t.ok(
    packTargetBytes + maxPackedMemberBytes + packTrailers.gzip.length <= maxPackBytes,
    "a pack that is about to end, and one more member",
  );
  t.end();
});
