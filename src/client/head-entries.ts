/** The head's side of the merge walk: its entries of one folder, given out in step with the names that are there now. */
import { readDirectory, type TreeLoader } from "../objects/directory.js";
import type { ByteString } from "../objects/byte-string.js";
import type { Entry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import type { IndexedStat } from "./compare.js";

/** An entry of the head, and what the client's own index has of it. */
export interface HeadEntry {
  readonly entry: Entry;
  readonly indexed: IndexedStat | undefined;
}

/** The head's entries of one folder, given out along a sorted walk. */
export class HeadEntries {
  readonly #entries: Iterator<Entry, void, undefined>;
  readonly #stats: BigInt64Array | undefined;
  #next: Entry | undefined;
  #ordinal = -1;

  constructor(tree: ObjectId | undefined, load: TreeLoader, stats: BigInt64Array | undefined) {
    this.#entries = tree === undefined ? [][Symbol.iterator]() : readDirectory(tree, load);
    this.#stats = stats;
    this.#advance();
  }

  /** Gives out the next entry, if it comes before `name`; where no name is given, the next in any case. */
  before(name?: ByteString): Entry | undefined {
    const entry = this.#next;
    if (entry === undefined || (name !== undefined && entry.name >= name)) return undefined;
    this.#advance();
    return entry;
  }

  /** The entry of that name, if it is the next. */
  take(name: ByteString): HeadEntry | undefined {
    const entry = this.#next;
    if (entry?.name !== name) return undefined;
    const ctimeNs = this.#stats?.[this.#ordinal * 2];
    const ino = this.#stats?.[this.#ordinal * 2 + 1];
    this.#advance();
    return { entry, indexed: ctimeNs === undefined || ino === undefined ? undefined : { ctimeNs, ino } };
  }

  #advance(): void {
    const next = this.#entries.next();
    this.#next = next.done === true ? undefined : next.value;
    this.#ordinal += 1;
  }
}
