/** The tar inside a member: golden headers, what other tars make of it, and every header that is not ours. */
import { Readable } from "node:stream";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { extract, pack } from "tar-stream";
import t from "tap";
import { isBakError } from "../../src/errors.js";
import { decodeMemberTar, encodeMemberTar, tarLength } from "../../src/objects/member-tar.js";
import { objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import { maxObjectBytes, objectKinds, type ObjectKind, type PackedObject } from "../../src/objects/object-kind.js";
import { hexBytes, misreading, seededBytes } from "../helpers/arbitrary-bytes.js";
import { holds } from "../helpers/arbitrary-properties.js";

function object(kind: ObjectKind, bytes: Uint8Array): PackedObject<ObjectId> {
  return { kind, id: objectIdOf(bytes), bytes };
}

const hello = object("blob", Buffer.from("hello\n"));
const several = [
  hello,
  object("tree", hexBytes("93010090")),
  object("blob", Buffer.alloc(0)),
  object("list", seededBytes(1, 512)),
  object("commit", seededBytes(2, 513)),
  object("blob", seededBytes(3, 70_000)),
];

/** A ustar header, field by field, with a right checksum; `changed` replaces bytes before the sum is taken. */
function header(name: string, size: number, changed: [offset: number, text: string][] = []): Buffer {
  const bytes = Buffer.alloc(512);
  const fields: [number, string][] = [
    [0, name],
    [100, "000444 \0"],
    [108, "000000 \0"],
    [116, "000000 \0"],
    [124, `${size.toString(8).padStart(11, "0")} `],
    [136, "00000000000 "],
    [148, "        "],
    [156, "0"],
    [257, "ustar\0"],
    [263, "00"],
    [329, "000000 \0"],
    [337, "000000 \0"],
    ...changed,
  ];
  for (const [offset, text] of fields) bytes.write(text, offset, "latin1");
  return withChecksum(bytes);
}

function withChecksum(bytes: Buffer): Buffer {
  bytes.write("        ", 148, "latin1");
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")} \0`, 148, "latin1");
  return bytes;
}

/** The tar of one entry, header and padding included. */
function entry(head: Buffer, content: Uint8Array): Buffer {
  return Buffer.concat([head, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

const helloName = `blob/${hello.id}`;

t.test("an entry has its golden bytes", async (t) => {
  const tar = await encodeMemberTar([hello]);
  t.equal(helloName, "blob/8e4c7c1b99dbfd50e7a95185fead5ee1448fa904a2fdd778eaf5f2dbfd629a99");
  t.equal(tar.length, 1024);
  t.strictSame(tar.subarray(0, 100), Buffer.concat([Buffer.from(helloName), Buffer.alloc(31)]), "name");
  t.equal(tar.toString("latin1", 100, 108), "000444 \0", "mode");
  t.equal(tar.toString("latin1", 108, 124), "000000 \x00000000 \0", "owner and group");
  t.equal(tar.toString("latin1", 124, 136), "00000000006 ", "size");
  t.equal(tar.toString("latin1", 136, 148), "00000000000 ", "mtime");
  t.match(tar.toString("latin1", 148, 156), /^0[0-7]{5} \0$/, "checksum");
  t.equal(tar.toString("latin1", 156, 157), "0", "type");
  t.strictSame(tar.subarray(157, 257), Buffer.alloc(100), "link name");
  t.equal(tar.toString("latin1", 257, 265), "ustar\x0000", "magic and version");
  t.strictSame(tar.subarray(265, 329), Buffer.alloc(64), "names of owner and group");
  t.equal(tar.toString("latin1", 329, 345), "000000 \x00000000 \0", "device");
  t.strictSame(tar.subarray(345, 512), Buffer.alloc(167), "prefix and the rest");
  t.strictSame(tar, entry(header(helloName, 6), hello.bytes), "and the same again, written out here");
});

t.test("a member is read as it was written", async (t) => {
  const tar = await encodeMemberTar(several);
  t.equal(
    tar.length,
    several.reduce((sum, { bytes }) => sum + tarLength(bytes.length), 0),
  );
  const found = decodeMemberTar(tar);
  t.strictSame(
    found.map(({ kind, id, offset, length }) => ({
      kind,
      id,
      bytes: Buffer.from(tar.subarray(offset, offset + length)),
    })),
    several.map(({ kind, id, bytes }) => ({ kind, id, bytes: Buffer.from(bytes) })),
  );
  t.strictSame(decodeMemberTar(new Uint8Array(tar)), found, "also from a plain Uint8Array");
  const around = new Uint8Array(tar.length + 7);
  around.set(tar, 7);
  t.strictSame(decodeMemberTar(around.subarray(7)), found, "and from a view");
});

t.test("any objects are read as they were written", async (t) => {
  const objects = fc.array(fc.tuple(fc.constantFrom(...objectKinds), fc.integer({ min: 0, max: 1600 })), {
    minLength: 1,
    maxLength: 8,
  });
  const same = fc.asyncProperty(objects, async (drawn) => {
    const given = drawn.map(([kind, length]) => object(kind, seededBytes(length, length)));
    const tar = await encodeMemberTar(given);
    return decodeMemberTar(tar).every(({ kind, id, offset, length }, index) => {
      const expected = given[index] as PackedObject<ObjectId>;
      return (
        kind === expected.kind && id === expected.id && tar.subarray(offset, offset + length).equals(expected.bytes)
      );
    });
  });
  await t.resolves(fc.assert(same, { numRuns: 50 }));
});

t.test("an object of 8 MiB is read, and one of a byte more is refused", async (t) => {
  const largest = Buffer.alloc(maxObjectBytes);
  t.equal(decodeMemberTar(await encodeMemberTar([object("blob", largest)]))[0]?.length, maxObjectBytes);
  const id = objectIdOf(largest);
  const beyond = entry(header(`blob/${id}`, maxObjectBytes + 1), Buffer.alloc(maxObjectBytes + 1));
  t.throws(() => decodeMemberTar(beyond), { code: "BAD_PACK", message: /8 MiB/ });
});

t.test("GNU tar lists and extracts what was written", async (t) => {
  const folder = t.testdir();
  const path = join(folder, "member.tar");
  writeFileSync(path, Buffer.concat([await encodeMemberTar(several), Buffer.alloc(1024)]));
  const listing = spawnSync("tar", ["-tvf", path, "--numeric-owner", "--utc"], { encoding: "utf8" });
  t.equal(listing.status, 0, listing.stderr);
  t.equal(listing.stderr, "");
  t.match(listing.stdout.split("\n")[0], new RegExp(`^-r--r--r-- 0/0 +6 1970-01-01 00:00 ${helloName}$`));
  const extraction = spawnSync("tar", ["-xf", path, "-C", folder], { encoding: "utf8" });
  t.equal(extraction.status, 0, extraction.stderr);
  for (const { kind, id, bytes } of several) {
    t.equal(Buffer.compare(readFileSync(join(folder, kind, id)), bytes), 0, `${kind}/${id}`);
  }
  const sums = spawnSync("sh", ["-c", "cd blob && b3sum *"], { cwd: folder, encoding: "utf8" });
  const lines = sums.stdout.trim().split("\n");
  t.equal(lines.length, 3);
  t.ok(
    lines.every((line) => line.slice(0, 64) === line.slice(66)),
    "b3sum prints every file's own name",
  );
});

t.test("Python's tarfile and tar-stream read what was written", async (t) => {
  const tar = await encodeMemberTar(several);
  const expected = several.map(({ kind, id, bytes }) => `${kind}/${id} ${bytes.length} 444 0 0 0`);
  const script = `
import io, sys, tarfile
with tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read())) as tar:
    for m in tar: print(m.name, len(tar.extractfile(m).read()), oct(m.mode)[2:], m.uid, m.gid, m.mtime)
`;
  const python = spawnSync("/usr/bin/python3", ["-c", script], { input: tar, encoding: "utf8" });
  t.strictSame(python.stdout.trim().split("\n"), expected, python.stderr);
  const found: string[] = [];
  for await (const part of Readable.from([tar]).pipe(extract())) {
    const { name, mode, uid, gid, mtime } = part.header;
    let length = 0;
    for await (const bytes of part as AsyncIterable<Uint8Array>) length += bytes.length;
    found.push(`${name} ${length} ${mode?.toString(8)} ${uid} ${gid} ${mtime?.getTime()}`);
  }
  t.strictSame(found, expected, "tar-stream");
});

t.test("a header with any byte replaced is refused, also where its checksum is made right", (t) => {
  const good = entry(header(helloName, 6), hello.bytes);
  t.equal(decodeMemberTar(good).length, 1);
  const accepted: string[] = [];
  for (let at = 0; at < 512; at += 1) {
    const bits = [1, 2, 4, 8, 16, 32, 64, 128].map((bit) => (good[at] as number) ^ bit);
    for (const byte of new Set([...bits, 0, 0x20, 0x2f, 0x30, 0x31, 0x37, 0xff])) {
      if (byte === good[at]) continue;
      const spoiled = Buffer.from(good);
      spoiled[at] = byte;
      for (const tar of [spoiled, withChecksum(Buffer.from(spoiled))]) {
        try {
          const [found] = decodeMemberTar(tar);
          const isOther = found?.id !== hello.id || found.kind !== hello.kind || found.length !== 6;
          // another id, or another size that fits, is another entry, and then for the hash to refuse
          if (!isOther && !tar.equals(good)) accepted.push(`byte ${at} as ${byte}`);
          if (isOther && (at > 136 || (at > 69 && at < 124))) accepted.push(`byte ${at} as ${byte} changed the entry`);
        } catch (error) {
          if (!isBakError(error, "BAD_PACK")) accepted.push(String(error));
        }
      }
    }
  }
  t.strictSame(accepted, []);
  t.end();
});

t.test("whatever is not exactly what is written is refused", async (t) => {
  const name = helloName;
  const good = entry(header(name, 6), hello.bytes);
  const spoiledPadding = Buffer.from(good);
  spoiledPadding[1023] = 1;
  const firstOfPadding = Buffer.from(good);
  firstOfPadding[512 + 6] = 1;
  const upper = hello.id.toUpperCase();
  const hostile: [string, Uint8Array][] = [
    ["nothing", new Uint8Array(0)],
    ["zeros", new Uint8Array(512)],
    ["an end mark", new Uint8Array(1024)],
    ["an end mark after an entry", Buffer.concat([good, Buffer.alloc(1024)])],
    ["a block of zeros before an entry", Buffer.concat([Buffer.alloc(512), good])],
    ["half a header", good.subarray(0, 256)],
    ["a header without its content", good.subarray(0, 512)],
    ["content without its padding", good.subarray(0, 512 + 6)],
    ["content without all of its padding", good.subarray(0, 1023)],
    ["bytes after the padding", Buffer.concat([good, Buffer.of(0)])],
    ["padding that ends with another byte", spoiledPadding],
    ["padding that begins with another byte", firstOfPadding],
    ["a wrong checksum", Buffer.concat([good.subarray(0, 148), Buffer.from("000000 \0"), good.subarray(156)])],
    ["a size that is too large for what is there", entry(header(name, 513), hello.bytes)],
    ["a size of 8 GiB", entry(header(name, 0o77777777777), hello.bytes)],
    ["a size in base 256", entry(header(name, 6, [[124, "\x80\0\0\0\0\0\0\0\0\0\0\x06"]]), hello.bytes)],
    ["a negative size", entry(header(name, 6, [[124, "-0000000006 "]]), hello.bytes)],
    ["a size with spaces", entry(header(name, 6, [[124, "          6 "]]), hello.bytes)],
    ["a size that ends with NUL", entry(header(name, 6, [[124, "00000000006\0"]]), hello.bytes)],
    ["a writable file", entry(header(name, 6, [[100, "000644 \0"]]), hello.bytes)],
    ["a setuid file", entry(header(name, 6, [[100, "004444 \0"]]), hello.bytes)],
    ["a mode in another form", entry(header(name, 6, [[100, "0000444\0"]]), hello.bytes)],
    ["another owner", entry(header(name, 6, [[108, "001750 \0"]]), hello.bytes)],
    ["another mtime", entry(header(name, 6, [[136, "00000000001 "]]), hello.bytes)],
    ["a folder", entry(header(name, 0, [[156, "5"]]), new Uint8Array(0))],
    [
      "a symlink",
      entry(
        header(name, 0, [
          [156, "2"],
          [157, "/etc/passwd"],
        ]),
        new Uint8Array(0),
      ),
    ],
    [
      "a hard link",
      entry(
        header(name, 0, [
          [156, "1"],
          [157, "x"],
        ]),
        new Uint8Array(0),
      ),
    ],
    ["a pax header", entry(header(name, 6, [[156, "x"]]), hello.bytes)],
    ["a GNU long name", entry(header(name, 6, [[156, "L"]]), hello.bytes)],
    ["an old type of file", entry(header(name, 6, [[156, "\0"]]), hello.bytes)],
    ["GNU's magic", entry(header(name, 6, [[257, "ustar  \0"]]), hello.bytes)],
    ["a prefix", entry(header(name, 6, [[345, "../../etc"]]), hello.bytes)],
    ["an owner's name", entry(header(name, 6, [[265, "root"]]), hello.bytes)],
    ["a device number", entry(header(name, 6, [[329, "000001 \0"]]), hello.bytes)],
    ["something after the name's end", entry(header(name, 6, [[90, "x"]]), hello.bytes)],
    ["something after the header's end", entry(header(name, 6, [[505, "x"]]), hello.bytes)],
    ["a name that climbs", entry(header(`../${hello.id}`, 6), hello.bytes)],
    ["a name that climbs and comes back", entry(header(`blob/../blob/${hello.id}`, 6), hello.bytes)],
    ["a name from the root", entry(header(`/${name}`, 6), hello.bytes)],
    ["a name with a dot", entry(header(`./${name}`, 6), hello.bytes)],
    ["a name without a kind", entry(header(hello.id, 6), hello.bytes)],
    ["an unknown kind", entry(header(`blobs/${hello.id}`, 6), hello.bytes)],
    ["a kind of Object.prototype", entry(header(`constructor/${hello.id}`, 6), hello.bytes)],
    ["an id in upper case", entry(header(`blob/${upper}`, 6), hello.bytes)],
    ["an id of 63 digits", entry(header(name.slice(0, -1), 6), hello.bytes)],
    ["an id of 65 digits", entry(header(`${name}0`, 6), hello.bytes)],
    ["an id and more", entry(header(`${name}/`, 6), hello.bytes)],
    ["an id and a newline", entry(header(`${name}\n`, 6), hello.bytes)],
    ["a name that never ends", entry(header("b".repeat(512), 6), hello.bytes)],
    ["bytes that never end", Buffer.alloc(1024, 0x61)],
  ];
  for (const [what, tar] of hostile) t.throws(() => decodeMemberTar(tar), { code: "BAD_PACK" }, what);
  const other = pack();
  other.entry({ name, mode: 0o444, uid: 0, gid: 0, mtime: new Date(1000), type: "file" }, Buffer.from(hello.bytes));
  other.finalize();
  const parts: Uint8Array[] = [];
  for await (const part of other as AsyncIterable<Uint8Array>) parts.push(part);
  t.throws(
    () => decodeMemberTar(Buffer.concat(parts).subarray(0, 1024)),
    { code: "BAD_PACK" },
    "another tar of the same object",
  );
});

t.test("any bytes are refused, or are what their objects are written as", (t) => {
  const rebuild = (tar: Uint8Array): Buffer =>
    Buffer.concat(
      decodeMemberTar(tar).map(({ kind, id, offset, length }) =>
        entry(header(`${kind}/${id}`, length), tar.subarray(offset, offset + length)),
      ),
    );
  const tar = Buffer.concat(
    several.slice(0, 4).map(({ kind, id, bytes }) => entry(header(`${kind}/${id}`, bytes.length), bytes)),
  );
  t.equal(misreading(tar, rebuild, "BAD_PACK"), undefined);
  const spoiled = fc.tuple(fc.nat(tar.length - 1), fc.nat(255)).map(([at, byte]) => {
    const copy = Buffer.from(tar);
    copy[at] = byte;
    return copy;
  });
  holds(
    t,
    "a byte replaced",
    fc.property(spoiled, (bytes) => misreading(bytes, rebuild, "BAD_PACK") === undefined),
    2000,
  );
  const cut = fc.property(
    fc.nat(tar.length),
    (length) => misreading(tar.subarray(0, length), rebuild, "BAD_PACK") === undefined,
  );
  holds(t, "a part", cut, 500);
  t.end();
});

t.test("an object takes a header, and its bytes in blocks of 512", (t) => {
  t.strictSame([0, 1, 511, 512, 513, 1024].map(tarLength), [512, 1024, 1024, 1024, 1536, 1536]);
  t.end();
});
