/** Commits: golden bytes, hostile bytes, and what a commit may not hold. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import { byteString, byteStringFromText } from "../../src/objects/byte-string.js";
import {
  compareTags,
  decodeCommit,
  encodeCommit,
  maxMessageBytes,
  maxTagBytes,
  maxTags,
  type Commit,
} from "../../src/objects/commit.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import { commits } from "../helpers/arbitraries.js";
import { hexBytes, lengthsNotRefused, misreading, mutationsOf, withBuffers } from "../helpers/arbitrary-bytes.js";
import { holds } from "../helpers/arbitrary-properties.js";

const one = "11".repeat(32) as ObjectId;
const two = "22".repeat(32) as ObjectId;

const first: Commit = {
  tree: one,
  root: { mode: 0, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0 },
  parent: undefined,
  project: parseProjectId("p"),
  host: "",
  user: "",
  path: byteStringFromText(""),
  startedMs: 0,
  endedMs: 0,
  message: "",
  tags: [],
  excludes: [],
  counts: { files: 0, dirs: 0, bytes: 0, changed: 0, added: 0, removed: 0, unreadable: 0 },
  users: [],
  groups: [],
  version: "",
};

const full: Commit = {
  tree: one,
  root: {
    mode: 0o755,
    uid: 1000,
    gid: 100,
    mtimeSeconds: 1_700_000_000,
    mtimeNanoseconds: 1,
    extendedAttributes: [{ name: byteStringFromText("user.a"), value: Buffer.from("x") }],
  },
  parent: two,
  project: parseProjectId("laptop"),
  host: "hé",
  user: "me",
  path: byteString(Buffer.of(0x2f, 0xff)),
  startedMs: 1_700_000_000_000,
  endedMs: 1_700_000_000_001,
  message: "hi\n",
  tags: ["a", "b"],
  excludes: [byteStringFromText("*.o"), byteString(Buffer.of(0x21, 0xff))],
  counts: { files: 1, dirs: 2, bytes: 300, changed: 4, added: 5, removed: 6, unreadable: 7 },
  users: [
    { id: 0, name: byteStringFromText("root") },
    { id: 1000, name: byteStringFromText("me") },
  ],
  groups: [{ id: 100, name: byteStringFromText("g") }],
  version: "0.1.0",
};

const fields = {
  head: "dc0011", // 17 fields
  format: "01",
  tree: `c420${one}`,
  root: "96000000000090",
  parent: "c0",
  project: "a170",
  host: "a0",
  user: "a0",
  path: "c400",
  started: "00",
  ended: "00",
  message: "a0",
  tags: "90",
  excludes: "90",
  counts: "9700000000000000",
  users: "90",
  groups: "90",
  version: "a0",
};

/** The bytes of the first commit, with some fields replaced. */
function withFields(changed: Partial<typeof fields>): Buffer {
  return hexBytes(...Object.values({ ...fields, ...changed }));
}

const fullHex = [
  "dc0011",
  "01",
  `c420${one}`,
  "96cd01edcd03e864ce6553f100019192c406757365722e61c40178",
  `c420${two}`,
  "a66c6170746f70",
  "a368c3a9",
  "a26d65",
  "c4022fff",
  "cf0000018bcfe56800",
  "cf0000018bcfe56801",
  "a368690a",
  "92a161a162",
  "92c4032a2e6fc40221ff",
  "970102cd012c04050607",
  "929200c404726f6f7492cd03e8c4026d65",
  "919264c40167",
  "a5302e312e30",
];

const reencode = (bytes: Uint8Array): Buffer => encodeCommit(decodeCommit(bytes));

t.test("a commit has its golden bytes", (t) => {
  t.equal(encodeCommit(first).toString("hex"), Object.values(fields).join(""), "the first of a project");
  t.equal(encodeCommit(full).toString("hex"), fullHex.join(""), "one with everything");
  t.strictSame(decodeCommit(withFields({})), first);
  t.strictSame(decodeCommit(hexBytes(...fullHex)), full);
  t.end();
});

t.test("any commit is read as it was written", (t) => {
  const same = fc.property(commits, (commit) =>
    isDeepStrictEqual(withBuffers(decodeCommit(encodeCommit(commit))), withBuffers(commit)),
  );
  holds(t, "with every optional field there or not", same, 300);
  t.end();
});

t.test("spoiled bytes are refused, or are those of another commit", (t) => {
  for (const bytes of [withFields({}), hexBytes(...fullHex)]) {
    const wrong = [...mutationsOf(bytes)].filter((each) => misreading(each, reencode, "BAD_OBJECT") !== undefined);
    t.strictSame(wrong, []);
    t.strictSame(lengthsNotRefused(bytes, decodeCommit, "BAD_OBJECT"), [], "and each beginning");
  }
  const random = fc.property(
    fc.uint8Array({ maxLength: 60 }),
    (bytes) => misreading(bytes, reencode, "BAD_OBJECT") === undefined,
  );
  holds(t, "random bytes", random, 1000);
  t.end();
});

/** As many texts of three digits, in order. */
function numbers(count: number): string {
  return Array.from(
    { length: count },
    (_, index) => `a3${Buffer.from(String(index).padStart(3, "0")).toString("hex")}`,
  ).join("");
}

t.test("every malformed commit is refused", (t) => {
  const malformed: [string, Partial<typeof fields>][] = [
    ["another version", { format: "02" }],
    ["version 0", { format: "00" }],
    ["16 fields", { head: "dc0010", version: "" }],
    ["18 fields", { head: "dc0012", version: "a000" }],
    ["17 fields with a longer head", { head: "dd00000011" }],
    ["no tree", { tree: "c0" }],
    ["a parent of 31 bytes", { parent: `c41f${"22".repeat(31)}` }],
    ["a root without attributes", { root: "950000000000" }],
    ["a root with another mode", { root: "96cd1000000000000090" }],
    ["a root with attributes out of order", { root: "9600000000009292c40176c40092c40175c400" }],
    ["an empty project", { project: "a0" }],
    ["a project that climbs", { project: "a22e2e" }],
    ["a project with a slash", { project: "a3612f62" }],
    ["a project with a newline", { project: "a2610a" }],
    ["a project of 129 chars", { project: `d981${"61".repeat(129)}` }],
    ["a host that is not UTF-8", { host: "a1ff" }],
    ["a host of 1,025 bytes", { host: `da0401${"61".repeat(1025)}` }],
    ["a path that is text", { path: "a161" }],
    ["a negative start", { started: "ff" }],
    ["an end beyond 2^53", { ended: "cf0020000000000000" }],
    ["an end that never comes", { ended: "cb7ff0000000000000" }],
    ["a message that is binary", { message: "c400" }],
    ["a message beyond 64 KiB", { message: `db00010001${"61".repeat(65537)}` }],
    ["tags out of order", { tags: "92a162a161" }],
    ["a tag twice", { tags: "92a161a161" }],
    ["tags in the order of UTF-16", { tags: "92a4f09f9880a3efbfae" }],
    ["257 tags", { tags: `dc0101${numbers(257)}` }],
    ["a tag of 257 bytes", { tags: `91da0101${"61".repeat(257)}` }],
    ["a rule that is nil", { excludes: "91c0" }],
    ["a rule that is text", { excludes: "91a178" }],
    ["an empty rule", { excludes: "91c400" }],
    ["six counts", { counts: "96000000000000" }],
    ["eight counts", { counts: "980000000000000000" }],
    ["a negative count", { counts: "97ff000000000000" }],
    ["an owner without a name", { users: "919200c400" }],
    ["an owner's name as text", { users: "919200a161" }],
    ["owners out of order", { users: "929201c401619200c40161" }],
    ["an owner twice", { groups: "929201c401619201c40161" }],
    ["an owner beyond 32 bits", { groups: "9192cf0000000100000000c40161" }],
    ["bytes after the end", { version: "a000" }],
  ];
  for (const [what, changed] of malformed) {
    t.throws(() => decodeCommit(withFields(changed)), { code: "BAD_OBJECT" }, what);
  }
  t.throws(
    () => decodeCommit(withFields({ format: "02", head: "93" })),
    { message: /unknown version/ },
    "whatever its shape",
  );
  t.throws(() => decodeCommit(Buffer.alloc((8 << 20) + 1)), { code: "BAD_OBJECT", message: /8 MiB/ });
  t.end();
});

t.test("a commit that could not be read again is refused when it is made", (t) => {
  const allowed: [string, Partial<Commit>][] = [
    ["the longest message", { message: "x".repeat(maxMessageBytes) }],
    ["the longest tag", { tags: ["x".repeat(maxTagBytes)] }],
    ["the most tags", { tags: Array.from({ length: maxTags }, (_, index) => String(index).padStart(3, "0")) }],
    ["tags in the order of their bytes", { tags: ["\uffee", "\u{1f600}"] }],
  ];
  for (const [what, changed] of allowed) t.doesNotThrow(() => encodeCommit({ ...first, ...changed }), what);
  const refused: [string, Partial<Commit>][] = [
    ["a longer message", { message: "x".repeat(maxMessageBytes + 1) }],
    ["a message that is longer in UTF-8", { message: "é".repeat(maxMessageBytes / 2 + 1) }],
    ["a longer tag", { tags: ["x".repeat(maxTagBytes + 1)] }],
    ["more tags", { tags: Array.from({ length: maxTags + 1 }, (_, index) => String(index).padStart(3, "0")) }],
    ["tags out of order", { tags: ["b", "a"] }],
    ["a tag twice", { tags: ["a", "a"] }],
    ["a negative time", { startedMs: -1 }],
    ["rules beyond 8 MiB", { excludes: Array.from({ length: 600 }, () => byteStringFromText("x".repeat(1 << 14))) }],
  ];
  for (const [what, changed] of refused) {
    t.throws(() => encodeCommit({ ...first, ...changed }), { code: "BAD_OBJECT" }, what);
  }
  t.end();
});

t.test("tags are ordered by their bytes", (t) => {
  t.strictSame(["b", "\u{1f600}", "\uffee", "a", "ä", "aa"].toSorted(compareTags), [
    "a",
    "aa",
    "b",
    "ä",
    "\uffee",
    "\u{1f600}",
  ]);
  t.end();
});
