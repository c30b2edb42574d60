/**
 * The worked examples of docs/format.md and docs/protocol.md, made by the code. They tell one story: a folder with a file, a
 * link and an empty folder is pushed for the first time.
 *
 * A block of a document that begins with "```hex NAME" or "```text NAME" holds the example of that name. After a change of a format,
 * `npx tap test/format/docs.test.ts --test-arg=--write` writes all of them again.
 */
import { byteStringFromText as name } from "../../src/objects/byte-string.js";
import { CanonicalWriter } from "../../src/objects/canonical-writer.js";
import { firstChunkEnd } from "../../src/objects/chunker.js";
import { gearTable } from "../../src/objects/gear.js";
import { encodeCommit } from "../../src/objects/commit.js";
import type { Entry } from "../../src/objects/entry.js";
import { encodeList, listSize, type List } from "../../src/objects/list.js";
import { inflateMember } from "../../src/objects/member-gzip.js";
import { decodeMemberTar, encodeMemberTar } from "../../src/objects/member-tar.js";
import { objectIdBytes, objectIdOf, parseObjectId, type ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import { packTrailers } from "../../src/objects/pack-format.js";
import type { ProjectId } from "../../src/objects/project-id.js";
import { parseProjectPatterns } from "../../src/objects/project-pattern.js";
import { parseRights } from "../../src/objects/rights.js";
import { parseTokenName } from "../../src/objects/token-name.js";
import { hashOfSecret } from "../../src/objects/token-secret.js";
import { encodeTokenLines } from "../../src/protocol/token-lines.js";
import { emptyTree, encodeTree, nameHash } from "../../src/objects/tree.js";
import { encodeForgottenLines, encodeLogLines } from "../../src/protocol/log-lines.js";
import { encodeMessage } from "../../src/protocol/message-codec.js";
import { formatConfig } from "../../src/store/config.js";
import { formatTokens, type Token } from "../../src/store/tokens.js";
import { PackIndexBuilder } from "../../src/store/pack-index-builder.js";
import { formatForgottenLine, formatLogLine } from "../../src/store/project-log.js";
import { formatVerified } from "../../src/store/verified.js";
import { annotate, hexLine, rowsOf } from "./annotate.js";

const seconds = Date.UTC(2026, 10, 1, 12) / 1000;
const startedMs = Date.UTC(2026, 10, 2, 8, 30);
const receivedMs = startedMs + 1250;
/** What a gc of a store of 14 GB may come to. */
const collected = {
  packs: 230,
  bytes: 14_300_000_000,
  objects: 812_000,
  packsDeleted: 17,
  bytesDeleted: 1_100_000_000,
  packsRewritten: 3,
  bytesRewritten: 192_000_000,
  packsMade: 2,
  bytesMade: 92_000_000,
  packsSkipped: 0,
  packsWaiting: 0,
  objectsDropped: 61_000,
  commitsDropped: 5,
};
const forgottenMs = Date.UTC(2026, 10, 20, 19);
const project = "laptop-docs" as ProjectId;
const exampleSecret = "bak_0123456789ABCDEFGHIJKLMNOPQRSTUV";
const exampleToken: Token = {
  name: parseTokenName("laptop"),
  id: "Uakgb_J5m9g-0JDMbcJqL",
  hash: hashOfSecret(exampleSecret).toString("hex"),
  projects: parseProjectPatterns(["laptop-*"]),
  rights: parseRights(["push", "read"]),
  createdMs: startedMs,
  expiresMs: startedMs + 90 * 86_400_000,
  quotaBytes: 500_000_000_000,
};
const store = "V1StGXR8_Z5jdHi6B-myT";
const agent = "bak/0.1.0";
const owner = { uid: 1000, gid: 1000 };
const mtime = { mtimeSeconds: seconds, mtimeNanoseconds: 123_456_789 };
const file = { mode: 0o644, ...owner, ...mtime };

const blob = Buffer.from("hello\n");
const blobId = objectIdOf(blob);
const emptyTreeBytes = encodeTree(emptyTree);
const emptyTreeId = objectIdOf(emptyTreeBytes);
const rootTree = encodeTree({
  level: 0,
  entries: [
    { name: name("hello.txt"), kind: "file", ...file, size: blob.length, content: { blob: blobId } },
    { name: name("link"), kind: "symlink", ...file, mode: 0o777, target: name("hello.txt") },
    { name: name("sub"), kind: "dir", ...file, mode: 0o755, mtimeNanoseconds: 0, tree: emptyTreeId },
  ],
});
const rootTreeId = objectIdOf(rootTree);
const commit = encodeCommit({
  tree: rootTreeId,
  root: { ...file, mode: 0o755, mtimeNanoseconds: 0 },
  parent: undefined,
  project,
  host: "laptop",
  user: "user",
  path: name("/home/user/docs"),
  startedMs,
  endedMs: startedMs + 1000,
  message: "the first",
  tags: ["keep"],
  excludes: [],
  counts: { files: 2, dirs: 1, bytes: blob.length, changed: 0, added: 3, removed: 0, unreadable: 0 },
  users: [],
  groups: [],
  version: "0.1.0",
});
const commitId = objectIdOf(commit);

const members: readonly (readonly PackedObject<ObjectId>[])[] = [
  [{ kind: "blob", id: blobId, bytes: blob }],
  [
    { kind: "tree", id: emptyTreeId, bytes: emptyTreeBytes },
    { kind: "tree", id: rootTreeId, bytes: rootTree },
  ],
  [{ kind: "commit", id: commitId, bytes: commit }],
];

/** What the members of the example's pack inflate to. How they are compressed is for each writer to choose. */
export function memberTars(): Promise<Buffer[]> {
  return Promise.all(members.map((objects) => encodeMemberTar(objects)));
}

/** The text of every example by its name; `packed` are the members of the pack, compressed in any way. */
export async function makeExamples(packed: readonly Buffer[]): Promise<ReadonlyMap<string, string>> {
  return new Map([...objectExamples(), ...(await packExamples(packed)), ...messageExamples(packed)]);
}

const attributes = ["mode", "uid", "gid", "mtime, seconds", "mtime, nanoseconds"];
const entryComments = (content: string[]): string[] => ["entry", "name", "kind", ...attributes, "size", ...content];

function objectExamples(): [string, string][] {
  return [
    ["canonical", canonicalValues()],
    [
      "list",
      annotate(encodeList(list), [
        "list",
        "version",
        "level",
        "children",
        ...["first", "second"].flatMap((which) => [`${which} child`, "id of a blob", "its size"]),
      ]),
    ],
    ["empty-tree", annotate(emptyTreeBytes, ["tree", "version", "level", "entries"])],
    [
      "tree",
      annotate(rootTree, [
        "tree",
        "version",
        "level",
        "entries",
        ...entryComments(["id of a blob"]),
        ...entryComments(["target"]),
        ...entryComments(["id of a tree"]),
      ]),
    ],
    [
      "entries",
      annotate(encodeTree({ level: 0, entries: otherEntries }), [
        "tree",
        "version",
        "level",
        "entries",
        ...entryComments(["content", "id of a list", "BLAKE3 of the file"]),
        ...entryComments(["content"]),
        ...entryComments([
          "id of a blob",
          "extras",
          "key: extended attributes",
          "attributes",
          "attribute",
          "name",
          "value",
          "key: hard-link group",
          "group",
        ]),
        ...entryComments(["content", "major", "minor"]),
      ]),
    ],
    [
      "page",
      annotate(encodeTree({ level: 1, pages: examplePages }), [
        "tree",
        "version",
        "level",
        "pages",
        ...["first", "second"].flatMap((which) => [`${which} page`, "its first name", "its id"]),
      ]),
    ],
    ["commit", annotate(commit, commitComments)],
    ["gear", gearExample()],
    ["chunks", chunkExample()],
    ["name-hash", hashedNames.map((text) => hexLine(uint32(nameHash(name(text))), JSON.stringify(text))).join("\n")],
    ["ids", idsExample()],
  ];
}

const commitComments = [
  "commit",
  "version",
  "tree",
  "root",
  ...attributes,
  "extended attributes",
  "parent",
  "project",
  "host",
  "user",
  "path",
  "started, ms",
  "ended, ms",
  "message",
  "tags",
  "tag",
  "exclude rules",
  "counts",
  "files",
  "dirs",
  "bytes",
  "changed",
  "added",
  "removed",
  "unreadable",
  "names of users",
  "names of groups",
  "bak's version",
];

const list: List = {
  level: 0,
  children: [
    { id: blobId, size: 6 },
    { id: objectIdOf(Buffer.alloc(700_000)), size: 700_000 },
  ],
};

const otherEntries: Entry[] = [
  {
    name: name("large"),
    kind: "file",
    ...file,
    size: listSize(list),
    content: {
      list: objectIdOf(encodeList(list)),
      fileHash: objectIdOf(Buffer.concat([blob, Buffer.alloc(700_000)])),
    },
  },
  { name: name("pipe"), kind: "fifo", ...file, mtimeSeconds: -1 },
  {
    name: name("shared"),
    kind: "file",
    ...file,
    size: blob.length,
    content: { blob: blobId },
    extendedAttributes: [{ name: name("user.origin"), value: Buffer.from("camera") }],
    hardLinkGroup: 7,
  },
  { name: name("tty"), kind: "char", ...file, mode: 0o666, uid: 0, gid: 5, major: 5, minor: 0 },
];

const examplePages = [
  { firstName: name("IMG_0000.jpg"), id: objectIdOf(Buffer.from("a page")) },
  { firstName: name("IMG_0131.jpg"), id: objectIdOf(Buffer.from("another page")) },
];

const hashedNames = ["a", "hello.txt", "IMG_0130.jpg", "ü"];

function canonicalValues(): string {
  const writer = new CanonicalWriter();
  const integers = [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
  const negatives = [-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1];
  for (const value of [...integers, ...negatives]) writer.integer(value);
  writer.nil();
  writer.binary(Buffer.alloc(0));
  writer.binary(Buffer.of(0xff));
  writer.text("");
  writer.text("ü");
  writer.text("0123456789abcdef0123456789abcdef");
  const scalars = annotate(
    writer.finish(),
    [...integers, ...negatives, 0]
      .map(() => "")
      .concat(["binary of no bytes", "binary of one byte", "text", "text", "text"]),
  );
  const headers = new CanonicalWriter();
  headers.array(0);
  headers.array(15);
  headers.array(16);
  headers.map(2);
  return `${scalars}\n${annotate(headers.finish(), ["", "", "", ""])}`;
}

function gearExample(): string {
  return [0, 1, 2, 255].map((byte) => hexLine(uint32((gearTable()[byte] as number) >>> 0), `gear[${byte}]`)).join("\n");
}

/** 3 MiB from a generator that any language has in one line. */
export function chunkSource(): Buffer {
  const bytes = Buffer.alloc(3 << 20);
  let state = 1;
  for (let at = 0; at < bytes.length; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

function chunkExample(): string {
  const lines: string[] = [];
  for (let rest = chunkSource(); rest.length > 0;) {
    const chunk = rest.subarray(0, firstChunkEnd(rest) ?? rest.length);
    lines.push(hexLine(objectIdBytes(objectIdOf(chunk)), `${chunk.length} bytes`));
    rest = rest.subarray(chunk.length);
  }
  return lines.join("\n");
}

function idsExample(): string {
  const lines: [ObjectId, string][] = [
    [objectIdOf(Buffer.alloc(0)), "the blob of an empty file"],
    [blobId, `the blob "hello\\n"`],
    [emptyTreeId, "the tree of an empty folder"],
    [rootTreeId, "the tree above"],
    [commitId, "the commit above"],
  ];
  return lines.map(([id, what]) => hexLine(objectIdBytes(id), what)).join("\n");
}

async function packExamples(packed: readonly Buffer[]): Promise<[string, string][]> {
  const index = await indexOf(packed);
  const [firstTar] = await memberTars();
  const pack = packIdOf(packed);
  return [
    ["tar-header", tarHeader(firstTar as Buffer)],
    ["pack", [...packed.map((member, number) => memberLines(member, number)), lastMember()].join("\n")],
    ["trailer", hexLine(packTrailers.gzip)],
    ["trailer-zstd", zstdTrailer()],
    ["pack-id", hexLine(objectIdBytes(pack))],
    ["idx", indexLines(index, packed.length)],
    ["tokens", formatTokens([exampleToken]).trimEnd()],
    ["config", formatConfig({ version: 1, id: store, createdMs: startedMs, compression: "gzip" }).trimEnd()],
    ["config-zstd", formatConfig({ version: 2, id: store, createdMs: startedMs, compression: "zstd" }).trimEnd()],
    ["log", formatLogLine({ commit: commitId, receivedMs }).trimEnd()],
    ["verified", verifiedExample(packed)],
    ["forgotten", formatForgottenLine({ commit: commitId, receivedMs, forgottenMs }).trimEnd()],
  ];
}

function zstdTrailer(): string {
  const parts: [number, number, string][] = [
    [0, 4, "zstd"],
    [4, 1, "a size of 2 bytes, a checksum, no dictionary, no window of its own"],
    [5, 2, "size: 768 + 256"],
    [7, 3, "the last block: a byte that is repeated 1,024 times"],
    [10, 1, "the byte"],
    [11, 4, "lowest 4 bytes of the content's XXH64"],
  ];
  return parts.map(([at, length, what]) => hexLine(packTrailers.zstd.subarray(at, at + length), what)).join("\n");
}

function tarHeader(tar: Buffer): string {
  const parts: [number, number, string][] = [
    [0, 100, "name"],
    [100, 8, "mode: 000444, space, NUL"],
    [108, 8, "uid: 000000, space, NUL"],
    [116, 8, "gid: the same"],
    [124, 12, "size in octal: 11 digits, space"],
    [136, 12, "mtime: 11 zeros, space"],
    [148, 8, "checksum in octal: 6 digits, space, NUL"],
    [156, 1, "type: a file"],
    [157, 100, "link name: none"],
    [257, 8, "ustar, NUL, 00"],
    [265, 64, "owner and group: no names"],
    [329, 8, "device, major: 000000, space, NUL"],
    [337, 8, "device, minor: the same"],
    [345, 167, "prefix and the rest: zeros"],
  ];
  return parts.map(([at, length, what]) => headerLine(tar.subarray(at, at + length), what)).join("\n");
}

function headerLine(bytes: Buffer, what: string): string {
  return rowsOf(bytes, 32)
    .map((row, number) => hexLine(row, number === 0 ? what : ""))
    .join("\n");
}

const memberNames = ["the blob", "both trees", "the commit"];

function memberLines(member: Buffer, number: number): string {
  const body = rowsOf(member.subarray(10, -8), 32).map((row, line) => hexLine(row, line === 0 ? "deflate" : ""));
  return [
    hexLine(member.subarray(0, 10), `member ${number}, ${memberNames[number]}: gzip header`),
    ...body,
    hexLine(member.subarray(-8, -4), `CRC-32 of the tar, little-endian`),
    hexLine(member.subarray(-4), `length of the tar: ${member.readUInt32LE(member.length - 4)}`),
  ].join("\n");
}

const lastMember = (): string => hexLine(packTrailers.gzip, "trailer");

function packIdOf(packed: readonly Buffer[]): ObjectId {
  return objectIdOf(Buffer.concat([...packed, packTrailers.gzip]));
}

async function indexOf(packed: readonly Buffer[]): Promise<Buffer> {
  const builder = new PackIndexBuilder();
  for (const member of packed) {
    const tar = await inflateMember(member);
    builder.addMember(member.length, tar.length, decodeMemberTar(tar));
  }
  return builder.finish(packIdOf(packed), "gzip", project);
}

/** All but the fan-out, which the text describes. */
function indexLines(index: Buffer, memberCount: number): string {
  const part = (at: number, length: number, what: string): string => hexLine(index.subarray(at, at + length), what);
  const lines = [
    part(0, 6, '"bakidx"'),
    part(6, 2, "version"),
    part(8, 32, "pack id"),
    part(40, 4, `length of the pack: ${index.readUInt32BE(40)}`),
    part(44, 4, `members: ${index.readUInt32BE(44)}`),
    part(48, 4, `records: ${index.readUInt32BE(48)}`),
    "# 1,024 bytes of fan-out",
  ];
  let at = 52 + 1024;
  for (let member = 0; member < memberCount; member += 1, at += 12) {
    const [offset, length, inflated] = [0, 4, 8].map((each) => index.readUInt32BE(at + each));
    lines.push(part(at, 12, `member ${member}: at ${offset}, ${length} bytes, inflated ${inflated}`));
  }
  const ownerAt = index.length - 32 - project.length;
  for (; at < ownerAt; at += 44) {
    lines.push(part(at, 32, "id"));
    const kind = ["blob", "list", "tree", "commit"][index[at + 32] as number];
    const place = `member ${index.readUIntBE(at + 33, 3)}, at ${index.readUInt32BE(at + 36)}`;
    lines.push(part(at + 32, 12, `${kind}, ${place}, ${index.readUInt32BE(at + 40)} bytes`));
  }
  lines.push(part(at, project.length, `owner: "${project}"`));
  at += project.length;
  lines.push(part(at, 32, "BLAKE3 of all before, the fan-out too"));
  return lines.join("\n");
}

function verifiedExample(members: readonly Buffer[]): string {
  const verification = { atMs: Date.UTC(2026, 10, 22, 8, 30), isDamaged: false };
  return formatVerified(new Map([[packIdOf(members), verification]]))
    .toString()
    .trimEnd();
}

const numbered = ["message", "number", "request"];

function messageExamples(packed: readonly Buffer[]): [string, string][] {
  const pack = packIdOf(packed);
  const bytes = Buffer.concat([...packed, packTrailers.gzip]).length;
  const ids = Buffer.concat([blobId, rootTreeId, emptyTreeId].map((id) => objectIdBytes(id)));
  const [, , member = Buffer.alloc(0)] = packed;
  const line = { commit: commitId, receivedMs };
  const message = (value: Parameters<typeof encodeMessage>[0], fields: string[]): string =>
    annotate(encodeMessage(value), [...numbered, ...fields]);
  const welcome = [
    "version",
    "agent",
    "store",
    "head",
    "maxPackBytes",
    "maxPackObjects",
    "trees",
    "takes",
    "compression",
    "incomplete",
  ];
  return [
    [
      "hello",
      message(
        {
          type: "hello",
          request: 1,
          version: 2,
          agent,
          project,
          token: undefined,
          have: undefined,
          wantTrees: true,
          reads: ["gzip", "zstd"],
        },
        ["version", "agent", "project", "token", "have", "wantTrees", "reads"],
      ),
    ],
    [
      "welcome",
      message(
        {
          type: "welcome",
          request: 1,
          version: 2,
          agent,
          store,
          head: undefined,
          maxPackBytes: 128 << 20,
          maxPackObjects: 1 << 18,
          trees: false,
          takes: ["gzip", "zstd"],
          compression: "gzip",
          incomplete: false,
        },
        welcome,
      ),
    ],
    ["has", message({ type: "has", request: 3, ids }, ["three ids"])],
    ["known", message({ type: "known", request: 3, bitmap: Buffer.of(0b101) }, ["bitmap: the first and the third"])],
    ["packBegin", message({ type: "packBegin", request: 5 }, [])],
    ["packMember", message({ type: "packMember", request: 5, member }, ["member: the third of the pack"])],
    ["packEnd", message({ type: "packEnd", request: 5, pack }, ["pack"])],
    ["packKept", message({ type: "packKept", request: 5, pack, objects: 4, bytes }, ["pack", "objects", "bytes"])],
    ["message-commit", message({ type: "commit", request: 7, commit: commitId, base: undefined }, ["commit", "base"])],
    ["committed", message({ type: "committed", request: 7, receivedMs }, ["receivedMs"])],
    ["message-get", message({ type: "get", request: 9, ids: objectIdBytes(blobId) }, ["one id"])],
    ["trees", message({ type: "trees", request: 11, root: commitId, have: undefined }, ["root", "have"])],
    ["packEnd-answer", message({ type: "packEnd", request: 11, pack: undefined }, ["pack"])],
    ["message-log", message({ type: "log", request: 13, skip: 0, limit: 100 }, ["skip", "limit"])],
    [
      "logPage",
      message({ type: "logPage", request: 13, lines: encodeLogLines([line]), total: 1 }, [
        "one line of 40 bytes",
        "total",
      ]),
    ],
    [
      "forget",
      message({ type: "forget", request: 17, commits: objectIdBytes(commitId), undo: false }, ["one id", "undo"]),
    ],
    [
      "replace",
      message({ type: "replace", request: 15, commit: commitId, by: objectIdOf(Buffer.from("another")) }, [
        "commit",
        "by",
      ]),
    ],
    ["replaced", message({ type: "replaced", request: 15, count: 1 }, ["count"])],
    ["message-forgotten", message({ type: "forgotten", request: 17, count: 1 }, ["count"])],
    ["forgottenLog", message({ type: "forgottenLog", request: 19, skip: 0, limit: 100 }, ["skip", "limit"])],
    [
      "forgottenPage",
      message(
        {
          type: "forgottenPage",
          request: 19,
          lines: encodeForgottenLines([{ ...line, forgottenMs }]),
          total: 1,
          graceMs: 7 * 86_400_000,
        },
        ["one line of 48 bytes", "total", "graceMs"],
      ),
    ],
    [
      "collect",
      message({ type: "collect", request: 21, graceMs: 7 * 86_400_000, isDryRun: false }, ["graceMs", "isDryRun"]),
    ],
    [
      "progress",
      message({ type: "progress", request: 21, phase: "rewriting", done: 1_000_000, total: 64_000_000 }, [
        "phase",
        "done",
        "total",
      ]),
    ],
    ["collected", message({ type: "collected", request: 21, ...collected }, Object.keys(collected))],
    ["projects", message({ type: "projects", request: 15 }, [])],
    [
      "projectList",
      message({ type: "projectList", request: 15, projects: "laptop-docs\nlaptop-photos" }, ["projects"]),
    ],
    ["check", message({ type: "check", request: 17, readParts: 100, repair: false }, ["readParts", "repair"])],
    [
      "finding",
      message(
        { type: "finding", request: 17, kind: "path", subject: "laptop-docs 4a96d9be199f: b", why: "blob is missing" },
        ["kind", "subject", "why"],
      ),
    ],
    [
      "checked",
      message(
        {
          type: "checked",
          request: 17,
          packs: 1,
          packsRead: 1,
          bytesRead: bytes,
          objects: 3,
          commits: 1,
          faults: 1,
          repaired: 0,
          incompleteHeads: 1,
        },
        ["packs", "packsRead", "bytesRead", "objects", "commits", "faults", "repaired", "incompleteHeads"],
      ),
    ],
    [
      "tokenAdd",
      message(
        {
          type: "tokenAdd",
          request: 3,
          name: exampleToken.name,
          hash: parseObjectId(exampleToken.hash),
          projects: exampleToken.projects.join(" "),
          rights: exampleToken.rights.join(" "),
          expiresMs: exampleToken.expiresMs,
          quotaBytes: exampleToken.quotaBytes,
        },
        ["name", "hash", "projects", "rights", "expiresMs", "quotaBytes"],
      ),
    ],
    [
      "tokenAdded",
      message({ type: "tokenAdded", request: 3, id: exampleToken.id, createdMs: exampleToken.createdMs }, [
        "id",
        "createdMs",
      ]),
    ],
    ["tokenList", message({ type: "tokenList", request: 5 }, [])],
    [
      "tokens",
      message(
        {
          type: "tokens",
          request: 5,
          lines: encodeTokenLines([{ ...exampleToken, use: { atMs: receivedMs, from: "192.0.2.7" } }]),
        },
        ["one line"],
      ),
    ],
    ["tokenRevoke", message({ type: "tokenRevoke", request: 7, name: exampleToken.name }, ["name"])],
    ["tokenRevoked", message({ type: "tokenRevoked", request: 7, id: exampleToken.id, left: 2 }, ["id", "left"])],
    ["tokenTry", message({ type: "tokenTry", request: 1, token: exampleSecret }, ["token"])],
    [
      "tokenTried",
      message({ type: "tokenTried", request: 1, line: encodeTokenLines([{ ...exampleToken, use: undefined }]) }, [
        "line",
      ]),
    ],
    ["stats", message({ type: "stats", request: 19 }, [])],
    [
      "storeStats",
      message(
        {
          type: "storeStats",
          request: 19,
          projects: 2,
          commits: 5,
          packs: 1,
          packBytes: bytes,
          objects: 4,
          indexBytes: 1320,
          damagedPacks: 0,
          asidePacks: 0,
          verifiedPacks: 1,
          oldestVerifiedMs: receivedMs,
        },
        [
          "projects",
          "commits",
          "packs",
          "packBytes",
          "objects",
          "indexBytes",
          "damagedPacks",
          "asidePacks",
          "verifiedPacks",
          "oldestVerifiedMs",
        ],
      ),
    ],
    ["measure", message({ type: "measure", request: 23, growth: 5 }, ["growth"])],
    [
      "measured",
      message(
        {
          type: "measured",
          request: 23,
          projects: "laptop-docs 5 6400 31000 9100 4200",
          growth: `laptop-docs ${commitId} ${receivedMs} 7000 3100`,
          contentBytes: 9100,
          storedBytes: 4200,
          incomplete: false,
        },
        ["projects", "growth", "contentBytes", "storedBytes", "incomplete"],
      ),
    ],
    [
      "error",
      message(
        {
          type: "error",
          request: 7,
          code: "HEAD_MOVED",
          message: "head of project 'laptop-docs' moved",
          hint: "push again",
        },
        ["code", "message", "hint"],
      ),
    ],
    [
      "error-0",
      message(
        { type: "error", request: 0, code: "BAD_MESSAGE", message: "malformed message: not an array", hint: undefined },
        ["code", "message", "hint"],
      ),
    ],
  ];
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
