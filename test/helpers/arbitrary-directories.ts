/** Directories of many names, always the same for one seed, and the trees that are made of them. */
import { byteString, byteStringFromText, type ByteString } from "../../src/objects/byte-string.js";
import { isSafeName, type Entry } from "../../src/objects/entry.js";
import { objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import { TreeBuilder } from "../../src/objects/tree.js";
import { seededNumbers } from "./arbitrary-bytes.js";

/** The plainest entry of a name. */
export function fifo(name: ByteString): Entry {
  return { name, mode: 0, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, kind: "fifo" };
}

/** Names that differ in a number only, in order. */
export function numberedNames(count: number): ByteString[] {
  return Array.from({ length: count }, (_, index) => byteStringFromText(`file-${String(index).padStart(7, "0")}`));
}

/** Names of random bytes, most of them short and some of 255 bytes, in order. */
export function seededNames(seed: number, count: number): ByteString[] {
  const next = seededNumbers(seed);
  const names = new Set<ByteString>();
  while (names.size < count) {
    const length = next() % 20 === 0 ? 255 : 1 + (next() % 30);
    const name = byteString(Buffer.from(Array.from({ length }, () => next() & 0xff)));
    if (isSafeName(name)) names.add(name);
  }
  return [...names].toSorted((a, b) => (a < b ? -1 : 1));
}

/** The trees of one directory, by their ids. */
export interface BuiltDirectory {
  readonly root: ObjectId;
  /** In the order in which they were emitted. */
  readonly made: ReadonlyMap<ObjectId, Uint8Array>;
}

/** What a TreeBuilder makes of entries. Throws where it emits what is no tree, or under another id than its own. */
export function buildDirectory(entries: Iterable<Entry>): BuiltDirectory {
  const made = new Map<ObjectId, Uint8Array>();
  const builder = new TreeBuilder(({ kind, id, bytes }) => {
    if (kind !== "tree" || objectIdOf(bytes) !== id) throw new Error("not a tree under its own id");
    made.set(id, bytes);
  });
  for (const entry of entries) builder.add(entry);
  return { root: builder.finish(), made };
}

/** Gives the bytes of a directory's trees; a plain Error where there are none. */
export function loaderOf({ made }: Pick<BuiltDirectory, "made">): (id: ObjectId) => Uint8Array {
  return (id) => {
    const bytes = made.get(id);
    if (bytes === undefined) throw new Error(`no tree '${id}'`);
    return bytes;
  };
}
