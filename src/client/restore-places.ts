/**
 * Where paths of a commit come to in the target when leading names of them are dropped. Folders that come to one place are one
 * there; of all else a place belongs to who comes first.
 */
import { bytesOf, splitPath, type ByteString } from "../objects/byte-string.js";
import { blake3 } from "../objects/hash.js";
import { IdSet } from "../objects/id-set.js";
import type { TargetFolder } from "./target-folder.js";

/** What has been given away: some 50 bytes a name, and the folders themselves. */
export class PlaceClaims {
  readonly #claimed = new IdSet();
  readonly #folders = new Map<ByteString, TargetFolder>();

  /** Claims a place, by its path in the target; false if somebody has it. */
  claim(place: ByteString): boolean {
    return this.#claimed.add(blake3().hash(bytesOf(place)));
  }

  /** The folder that has a place, and has been made. */
  folderAt(place: ByteString): TargetFolder | undefined {
    return this.#folders.get(place);
  }

  /** A folder has been made in the place that was claimed for it. */
  made(place: ByteString, folder: TargetFolder): void {
    this.#folders.set(place, folder);
  }
}

/**
 * Whether each of these paths, with all in it, has a place of its own once so many names are dropped: then nothing has to be
 * claimed, and it is clear what else in the target is not of the commit. None of the paths may lie in another; without any,
 * all of a commit is meant.
 */
export function haveOwnPlaces(paths: readonly ByteString[], stripped: number): boolean {
  if (stripped === 0) return true;
  const parts = paths.map(splitPath);
  if (paths.length === 0 || parts.some(({ length }) => length < stripped)) return false;
  const places = parts.map((names) => names.slice(stripped).join("/") as ByteString).toSorted(inTreeOrder);
  return places.every((place, index) => {
    const before = places[index - 1];
    return before === undefined || (before !== "" && place !== before && !place.startsWith(`${before}/`));
  });
}

/** Orders paths as a commit has them: a folder before what is in it, and names by their bytes. */
export function inTreeOrder(a: ByteString, b: ByteString): number {
  const [left, right] = [a, b].map((path) => path.replaceAll("/", "\0")) as [string, string];
  return left < right ? -1 : left > right ? 1 : 0;
}
