/** Tree entries, one at a time: golden bytes for each kind, and everything that an entry may not be. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import { byteString, byteStringFromText, type ByteString } from "../../src/objects/byte-string.js";
import { CanonicalReader } from "../../src/objects/canonical-reader.js";
import { CanonicalWriter } from "../../src/objects/canonical-writer.js";
import {
  entryKinds,
  fileHashOf,
  isSafeName,
  maxEntryBytes,
  maxNameBytes,
  maxTargetBytes,
  readEntry,
  writeEntry,
  type Entry,
} from "../../src/objects/entry.js";
import { objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import { entries, names } from "../helpers/arbitraries.js";
import { hexBytes, lengthsNotRefused, misreading, mutationsOf, withBuffers } from "../helpers/arbitrary-bytes.js";
import { holds } from "../helpers/arbitrary-properties.js";

const one = "11".repeat(32) as ObjectId;
const two = "22".repeat(32) as ObjectId;
const text = byteStringFromText;

const base = {
  name: text("a"),
  mode: 0o644,
  uid: 1000,
  gid: 100,
  mtimeSeconds: 1_700_000_000,
  mtimeNanoseconds: 123_456_789,
};

const nameHex = "c40161"; // "a"
const attributesHex = [
  "cd01a4", // mode 0644
  "cd03e8", // uid 1000
  "64", // gid 100
  "ce6553f100", // seconds
  "ce075bcd15", // nanoseconds
].join("");
const zeros = "0000000000"; // mode, owner and mtime, all 0

function encode(entry: Entry): Buffer {
  const writer = new CanonicalWriter(1);
  writeEntry(writer, entry);
  return writer.finish();
}

function decode(bytes: Uint8Array): Entry {
  const reader = new CanonicalReader(bytes, "tree");
  const entry = readEntry(reader);
  reader.end();
  return entry;
}

const golden: [string, Entry, string[]][] = [
  [
    "a small file",
    { ...base, kind: "file", size: 5, content: { blob: one } },
    ["99", nameHex, "00", attributesHex, "05", `c420${one}`],
  ],
  [
    "a large file",
    { ...base, kind: "file", size: 2 ** 40, content: { list: one, fileHash: two } },
    ["99", nameHex, "00", attributesHex, "cf0000010000000000", `92c420${one}c420${two}`],
  ],
  ["a folder", { ...base, kind: "dir", tree: one }, ["99", nameHex, "01", attributesHex, "00", `c420${one}`]],
  [
    "a symlink",
    { ...base, kind: "symlink", target: text("../b") },
    ["99", nameHex, "02", attributesHex, "04", "c4042e2e2f62"],
  ],
  ["a fifo", { ...base, kind: "fifo" }, ["99", nameHex, "03", attributesHex, "00", "c0"]],
  ["a socket", { ...base, kind: "socket" }, ["99", nameHex, "04", attributesHex, "00", "c0"]],
  [
    "a character device",
    { ...base, kind: "char", major: 1, minor: 3 },
    ["99", nameHex, "05", attributesHex, "00", "920103"],
  ],
  [
    "a block device",
    { ...base, kind: "block", major: 259, minor: 0xffffffff },
    ["99", nameHex, "06", attributesHex, "00", "92cd0103ceffffffff"],
  ],
  [
    "a file with extended attributes",
    {
      ...base,
      kind: "fifo",
      extendedAttributes: [
        { name: text("user.a"), value: Buffer.from("x") },
        { name: text("user.b"), value: Buffer.alloc(0) },
      ],
    },
    [
      "9a",
      nameHex,
      "03",
      attributesHex,
      "00",
      "c0",
      "81",
      "01",
      "92",
      "92c406757365722e61c40178",
      "92c406757365722e62c400",
    ],
  ],
  [
    "a file with several links",
    { ...base, kind: "fifo", hardLinkGroup: 300 },
    ["9a", nameHex, "03", attributesHex, "00", "c0", "81", "02cd012c"],
  ],
  [
    "a file with both",
    { ...base, kind: "fifo", hardLinkGroup: 0, extendedAttributes: [{ name: text("u"), value: Buffer.of(0) }] },
    ["9a", nameHex, "03", attributesHex, "00", "c0", "82", "01", "91", "92c40175c40100", "0200"],
  ],
  [
    "a time before 1970, and a name that is not UTF-8",
    {
      ...base,
      name: byteString(Buffer.of(0xff, 0x0a)),
      mode: 0o7777,
      uid: 0,
      gid: 0xffffffff,
      mtimeSeconds: -1,
      mtimeNanoseconds: 999_999_999,
      kind: "fifo",
    },
    ["99", "c402ff0a", "03", "cd0fff", "00", "ceffffffff", "ff", "ce3b9ac9ff", "00", "c0"],
  ],
];

t.test("each kind of entry has its golden bytes", (t) => {
  for (const [what, entry, hex] of golden) {
    t.equal(encode(entry).toString("hex"), hex.join(""), what);
    t.strictSame(decode(hexBytes(...hex)), entry, `${what}, read`);
  }
  t.end();
});

t.test("kinds keep their numbers", (t) => {
  t.strictSame(entryKinds, ["file", "dir", "symlink", "fifo", "socket", "char", "block"]);
  t.end();
});

t.test("a blob of more than 8 MiB is refused as a file's content, where a list would not be", (t) => {
  const content = { blob: objectIdOf(Buffer.of(1)) };
  const entry = { ...base, kind: "file", size: (8 << 20) + 1, content } as const;
  t.throws(() => decode(encode(entry)), { code: "BAD_OBJECT", message: /8 MiB/ });
  t.doesNotThrow(() => decode(encode({ ...entry, size: 8 << 20 })));
  t.doesNotThrow(() => decode(encode({ ...entry, content: { list: content.blob, fileHash: content.blob } })));
  t.end();
});

t.test("any entry is read as it was written", (t) => {
  const same = fc.property(entries, (entry) =>
    isDeepStrictEqual(withBuffers(decode(encode(entry))), withBuffers(entry)),
  );
  holds(t, "of every kind, with and without extras", same, 500);
  t.end();
});

t.test("spoiled bytes are refused, or are those of another entry", (t) => {
  const reencode = (bytes: Uint8Array): Buffer => encode(decode(bytes));
  for (const [what, , hex] of golden) {
    const wrong = [...mutationsOf(hexBytes(...hex))]
      .map((bytes) => [bytes.toString("hex"), misreading(bytes, reencode, "BAD_OBJECT")])
      .filter(([, mistake]) => mistake !== undefined);
    t.strictSame(wrong, [], what);
  }
  t.end();
});

t.test("a shortened entry is refused at every byte", (t) => {
  for (const [what, , hex] of golden) {
    t.strictSame(lengthsNotRefused(hexBytes(...hex), decode, "BAD_OBJECT"), [], what);
  }
  t.end();
});

t.test("names that could climb out of a folder are refused", (t) => {
  const unsafe = ["", ".", "..", "/", "a/b", "../a", "/a", "a/", "\0", "a\0", "\0a", "x".repeat(maxNameBytes + 1)];
  for (const name of unsafe) {
    t.notOk(isSafeName(text(name)), JSON.stringify(name.slice(0, 10)));
    const bytes = written((writer) => {
      writer.array(9);
      writer.name(text(name));
      writer.encoded(hexBytes("03", zeros, "00", "c0"));
    });
    t.throws(() => decode(bytes), { code: "BAD_OBJECT" });
  }
  for (const name of ["...", ".a", "..a", "a..", " ", "\n", "\\", "-rf", "~", "C:", "x".repeat(maxNameBytes)]) {
    t.ok(isSafeName(text(name)), JSON.stringify(name.slice(0, 10)));
  }
  t.end();
});

function written(write: (writer: CanonicalWriter) => void): Buffer {
  const writer = new CanonicalWriter();
  write(writer);
  return writer.finish();
}

t.test("every malformed entry is refused", (t) => {
  const id = `c420${one}`;
  const malformed: [string, string[]][] = [
    ["eight fields", ["98", nameHex, "03", zeros, "00"]],
    ["eleven fields", ["9b", nameHex, "03", zeros, "00", "c0", "810201", "c0"]],
    ["a text as name", ["99", "a161", "03", zeros, "00", "c0"]],
    ["an unknown kind", ["99", nameHex, "07", zeros, "00", "c0"]],
    ["a negative kind", ["99", nameHex, "ff", zeros, "00", "c0"]],
    ["a mode beyond 7777", ["99", nameHex, "03", "cd1000", "00000000", "00", "c0"]],
    ["a negative mode", ["99", nameHex, "03", "ff", "00000000", "00", "c0"]],
    ["a uid beyond 32 bits", ["99", nameHex, "03", "00", "cf0000000100000000", "000000", "00", "c0"]],
    ["a negative gid", ["99", nameHex, "03", "0000", "ff", "0000", "00", "c0"]],
    ["nanoseconds of a whole second", ["99", nameHex, "03", "00000000", "ce3b9aca00", "00", "c0"]],
    ["negative nanoseconds", ["99", nameHex, "03", "00000000", "ff", "00", "c0"]],
    ["seconds beyond 2^53", ["99", nameHex, "03", "000000", "cf0020000000000000", "00", "00", "c0"]],
    ["seconds as a float", ["99", nameHex, "03", "000000", "cb41d954fc40000000", "00", "00", "c0"]],
    ["a file of negative size", ["99", nameHex, "00", zeros, "ff", id]],
    ["a file of 2^53 bytes", ["99", nameHex, "00", zeros, "cf0020000000000000", id]],
    ["a file of infinite size", ["99", nameHex, "00", zeros, "cb7ff0000000000000", id]],
    ["a file without content", ["99", nameHex, "00", zeros, "00", "c0"]],
    ["a file with three ids", ["99", nameHex, "00", zeros, "00", `93${id}${id}${id}`]],
    ["a file with one id in an array", ["99", nameHex, "00", zeros, "00", `91${id}`]],
    ["a file with a short id", ["99", nameHex, "00", zeros, "00", `c41f${"11".repeat(31)}`]],
    ["a folder with a size", ["99", nameHex, "01", zeros, "01", id]],
    ["a folder of two trees", ["99", nameHex, "01", zeros, "00", `92${id}${id}`]],
    ["a fifo with a size", ["99", nameHex, "03", zeros, "01", "c0"]],
    ["a fifo with content", ["99", nameHex, "03", zeros, "00", id]],
    ["a socket with content", ["99", nameHex, "04", zeros, "00", "00"]],
    ["a device with a size", ["99", nameHex, "05", zeros, "01", "920103"]],
    ["a device with one number", ["99", nameHex, "05", zeros, "00", "9101"]],
    ["a device with a negative number", ["99", nameHex, "06", zeros, "00", "92ff00"]],
    ["a device beyond 32 bits", ["99", nameHex, "06", zeros, "00", "9200cf0000000100000000"]],
    ["a symlink to nothing", ["99", nameHex, "02", zeros, "00", "c400"]],
    ["a symlink with a NUL", ["99", nameHex, "02", zeros, "03", "c403610062"]],
    ["a symlink of another size", ["99", nameHex, "02", zeros, "05", "c4042e2e2f62"]],
    ["ten fields without extras", ["9a", nameHex, "03", zeros, "00", "c0", "80"]],
    ["nil for extras", ["9a", nameHex, "03", zeros, "00", "c0", "c0"]],
    ["an unknown extra", ["9a", nameHex, "03", zeros, "00", "c0", "8103c0"]],
    ["extra 0", ["9a", nameHex, "03", zeros, "00", "c0", "8100c0"]],
    ["extras out of order", ["9a", nameHex, "03", zeros, "00", "c0", "820201", "01", "91", "92c40175c400"]],
    ["an extra twice", ["9a", nameHex, "03", zeros, "00", "c0", "82", "0201", "0201"]],
    ["a negative hard-link group", ["9a", nameHex, "03", zeros, "00", "c0", "81", "02ff"]],
    ["no extended attributes", ["9a", nameHex, "03", zeros, "00", "c0", "81", "01", "90"]],
    ["an attribute without a name", ["9a", nameHex, "03", zeros, "00", "c0", "81", "01", "91", "92c400c400"]],
    ["an attribute's name with a NUL", ["9a", nameHex, "03", zeros, "00", "c0", "81", "01", "91", "92c40100c400"]],
    ["an attribute of three parts", ["9a", nameHex, "03", zeros, "00", "c0", "81", "01", "91", "93c40175c400c0"]],
    ["an attribute with text", ["9a", nameHex, "03", zeros, "00", "c0", "81", "01", "91", "92c40175a0"]],
    ["an attribute twice", ["9a", nameHex, "03", zeros, "00", "c0", "81", "01", "92", "92c40175c400", "92c40175c400"]],
    [
      "attributes out of order",
      ["9a", nameHex, "03", zeros, "00", "c0", "81", "01", "92", "92c40176c400", "92c40175c400"],
    ],
  ];
  for (const [what, hex] of malformed) t.throws(() => decode(hexBytes(...hex)), { code: "BAD_OBJECT" }, what);
  t.doesNotThrow(() => decode(hexBytes("99", nameHex, "03", zeros, "00", "c0")), "while the plain one is read");
  t.end();
});

t.test("the longest names, targets and attributes are read again, and longer ones are not written", (t) => {
  const fifo = { ...base, kind: "fifo" } as const;
  const link = { ...base, kind: "symlink" } as const;
  const long = (length: number): ByteString => "x".repeat(length) as ByteString;
  const attributes = (count: number): Entry => ({
    ...fifo,
    extendedAttributes: Array.from({ length: count }, (_, index) => ({
      name: text(`user.${String(index).padStart(6, "0")}`),
      value: Buffer.alloc(0),
    })),
  });
  const value = (length: number): Entry => ({
    ...fifo,
    extendedAttributes: [{ name: text("u"), value: Buffer.alloc(length) }],
  });
  const overhead = encode(value(1 << 19)).length - (1 << 19);
  const allowed: [string, Entry][] = [
    ["name", { ...fifo, name: long(maxNameBytes) }],
    ["target", { ...link, target: long(maxTargetBytes) }],
    ["9,362 attributes, which is all that listxattr can list", attributes(9362)],
    ["1 MiB", value(maxEntryBytes - overhead)],
  ];
  for (const [what, entry] of allowed) t.strictSame(withBuffers(decode(encode(entry))), withBuffers(entry), what);
  const refused: [string, Entry][] = [
    ["name", { ...fifo, name: long(maxNameBytes + 1) }],
    ["target", { ...link, target: long(maxTargetBytes + 1) }],
    ["attributes", attributes((1 << 14) + 1)],
    ["1 MiB and a byte", value(maxEntryBytes - overhead + 1)],
  ];
  for (const [what, entry] of refused) {
    const writer = new CanonicalWriter(1);
    writer.text("before");
    const { length } = writer;
    t.throws(() => writeEntry(writer, entry), { code: "LIMIT" }, what);
    t.equal(writer.length, length, `${what}: nothing of it is left`);
  }
  t.end();
});

t.test("an entry beyond 1 MiB is refused by the reader, too", (t) => {
  const bytes = (length: number): Buffer =>
    written((writer) => {
      writer.encoded(hexBytes("9a", nameHex, "03", zeros, "00", "c0", "81", "01", "92"));
      for (const name of ["u", "v"]) {
        writer.array(2);
        writer.name(text(name));
        writer.binary(Buffer.alloc(name === "u" ? 1 << 19 : length));
      }
    });
  const rest = maxEntryBytes - bytes(1 << 18).length + (1 << 18);
  t.equal(bytes(rest).length, maxEntryBytes);
  t.doesNotThrow(() => decode(bytes(rest)));
  t.throws(() => decode(bytes(rest + 1)), { code: "BAD_OBJECT" });
  t.end();
});

t.test("an unsafe name is a bug where it is written", (t) => {
  for (const name of ["", ".", "..", "a/b", "a\0"]) {
    t.throws(() => encode({ ...base, name: text(name), kind: "fifo" }), /unsafe name/, JSON.stringify(name));
  }
  holds(
    t,
    "the arbitrary names are safe",
    fc.property(names, (name) => isSafeName(name)),
  );
  t.end();
});

t.test("a file's hash is its blob's id, or the hash that stands beside its list", (t) => {
  t.equal(fileHashOf({ blob: one }), one);
  t.equal(fileHashOf({ list: one, fileHash: two }), two);
  t.end();
});
