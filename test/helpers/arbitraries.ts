/** Values of every type of object, drawn by fast-check: each is one that bak could make. */
import fc from "fast-check";
import { byteString, type ByteString } from "../../src/objects/byte-string.js";
import { compareTags, type Commit, type CommitCounts, type OwnerName } from "../../src/objects/commit.js";
import {
  isSafeName,
  maxNameBytes,
  type Attributes,
  type Entry,
  type ExtendedAttribute,
} from "../../src/objects/entry.js";
import type { List } from "../../src/objects/list.js";
import { maxObjectBytes } from "../../src/objects/object-kind.js";
import { objectIdAt, type ObjectId } from "../../src/objects/object-id.js";
import { isProjectId, type ProjectId } from "../../src/objects/project-id.js";
import type { TreePage } from "../../src/objects/tree.js";

/** Objects with the usual prototype, which is what decoders give, so that the two compare as equal. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true });
}

/** Any bytes as a ByteString. */
export function byteStrings(minLength: number, maxLength: number): fc.Arbitrary<ByteString> {
  return fc.uint8Array({ minLength, maxLength }).map(byteString);
}

/** Names that a file can have: mostly short, at times as long as one may be, seldom UTF-8. */
export const names: fc.Arbitrary<ByteString> = fc
  .oneof(
    { weight: 8, arbitrary: byteStrings(1, 12) },
    { weight: 1, arbitrary: byteStrings(maxNameBytes, maxNameBytes) },
    { weight: 2, arbitrary: fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }).map(utf8) },
  )
  .filter(isSafeName);

function utf8(text: string): ByteString {
  return byteString(Buffer.from(text.slice(0, 60), "utf8"));
}

export const objectIds: fc.Arbitrary<ObjectId> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => objectIdAt(bytes));

/** Integers with every length of encoding, from 0. */
export const counts: fc.Arbitrary<number> = fc.oneof(
  fc.nat(0x200),
  fc.nat(0x20000),
  fc.maxSafeNat(),
  fc.constantFrom(0, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0xffffffff, 0x100000000, Number.MAX_SAFE_INTEGER),
);

const ids32 = fc.oneof(fc.nat(2000), fc.integer({ min: 0, max: 0xffffffff }), fc.constant(0xffffffff));

const seconds = fc.oneof(fc.nat(0x7fffffff), fc.maxSafeInteger(), fc.integer({ min: -0x200, max: 0 }));

/** Extended attributes in the order in which an entry has them. */
export const extendedAttributes: fc.Arbitrary<ExtendedAttribute[]> = fc
  .uniqueArray(
    record({
      name: byteStrings(1, 20).filter((name) => !name.includes("\0")),
      value: fc.uint8Array({ maxLength: 300 }),
    }),
    { minLength: 1, maxLength: 4, selector: ({ name }) => name },
  )
  .map((attributes) => attributes.toSorted((a, b) => (a.name < b.name ? -1 : 1)));

/** Mode, owner and mtime, with or without extended attributes. */
export const attributes: fc.Arbitrary<Attributes> = fc.record(
  {
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: ids32,
    gid: ids32,
    mtimeSeconds: seconds,
    mtimeNanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
    extendedAttributes,
  },
  { requiredKeys: ["mode", "uid", "gid", "mtimeSeconds", "mtimeNanoseconds"], noNullPrototype: true },
);

const bases = fc.tuple(names, attributes, fc.option(counts, { nil: undefined })).map(([name, rest, hardLinkGroup]) => ({
  name,
  ...rest,
  ...(hardLinkGroup === undefined ? {} : { hardLinkGroup }),
}));

const blobSizes = fc.oneof(fc.constantFrom(0, maxObjectBytes), fc.integer({ min: 0, max: maxObjectBytes }));
const wholeFiles = record({ blob: objectIds });
const cutFiles = record({ list: objectIds, fileHash: objectIds });

const kinds = fc.oneof(
  record({ kind: fc.constant("file" as const), size: blobSizes, content: wholeFiles }),
  record({ kind: fc.constant("file" as const), size: counts, content: cutFiles }),
  record({ kind: fc.constant("dir" as const), tree: objectIds }),
  record({
    kind: fc.constant("symlink" as const),
    target: byteStrings(1, 300).filter((target) => !target.includes("\0")),
  }),
  record({ kind: fc.constantFrom("fifo" as const, "socket" as const) }),
  record({ kind: fc.constantFrom("char" as const, "block" as const), major: ids32, minor: ids32 }),
);

/** Entries of every kind, with every optional field there or not. */
export const entries: fc.Arbitrary<Entry> = fc.tuple(bases, kinds).map(([base, kind]) => ({ ...base, ...kind }));

/** The entries of one directory: in order, each name once. */
export function directories(maxLength: number): fc.Arbitrary<Entry[]> {
  return fc
    .uniqueArray(entries, { maxLength, selector: ({ name }) => name })
    .map((each) => each.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
}

/** The pages of one tree: in order, each first name once. */
export const treePages: fc.Arbitrary<TreePage[]> = fc
  .uniqueArray(record({ firstName: names, id: objectIds }), {
    minLength: 1,
    maxLength: 20,
    selector: ({ firstName }) => firstName,
  })
  .map((pages) => pages.toSorted((a, b) => (a.firstName < b.firstName ? -1 : 1)));

export const lists: fc.Arbitrary<List> = fc.nat(8).chain((level) =>
  record({
    level: fc.constant(level),
    children: fc.array(
      record({ id: objectIds, size: fc.integer({ min: 1, max: level === 0 ? maxObjectBytes : 2 ** 48 }) }),
      { minLength: 1, maxLength: 20 },
    ),
  }),
);

export const projectIds: fc.Arbitrary<ProjectId> = fc
  .stringMatching(/^[A-Za-z0-9._-]{1,20}$/)
  .filter((text): text is ProjectId => isProjectId(text));

/** Text that UTF-8 can hold: any code point but half of a surrogate pair. */
export function texts(maxLength: number): fc.Arbitrary<string> {
  return fc.string({ maxLength, unit: fc.oneof(fc.string({ minLength: 1, maxLength: 1, unit: "grapheme" }), anyChar) });
}

const anyChar = fc
  .integer({ min: 0, max: 0x10ffff })
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));

const tags = fc.uniqueArray(texts(10), { maxLength: 4 }).map((each) => each.toSorted(compareTags));

const owners: fc.Arbitrary<OwnerName[]> = fc
  .uniqueArray(record({ id: ids32, name: byteStrings(1, 12) }), { maxLength: 4, selector: ({ id }) => id })
  .map((each) => each.toSorted((a, b) => a.id - b.id));

const commitCounts: fc.Arbitrary<CommitCounts> = record({
  files: counts,
  dirs: counts,
  bytes: counts,
  changed: counts,
  added: counts,
  removed: counts,
  unreadable: counts,
});

export const commits: fc.Arbitrary<Commit> = record({
  tree: objectIds,
  root: attributes,
  parent: fc.option(objectIds, { nil: undefined }),
  project: projectIds,
  host: texts(10),
  user: texts(10),
  path: byteStrings(0, 40),
  startedMs: counts,
  endedMs: counts,
  message: texts(60),
  tags,
  excludes: fc.array(byteStrings(1, 10), { maxLength: 4 }),
  counts: commitCounts,
  users: owners,
  groups: owners,
  version: texts(10),
});
