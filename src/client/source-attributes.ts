/**
 * What an entry keeps beside what lstat says: extended attributes, and which names are of one file. Attributes are read
 * only where the client's own index does not prove that they are those of the head.
 */
import { errnoOf } from "../errors.js";
import { joinPath, type ByteString } from "../objects/byte-string.js";
import type { Entry, ExtendedAttribute } from "../objects/entry.js";
import { blake3 } from "../objects/hash.js";
import { loadAttributeCalls, type AttributeCalls } from "../platform/extended-attributes.js";
import { isOlderThan, raceLimits, type RaceLimits } from "./compare.js";
import type { HeadEntry } from "./head-entries.js";
import { isGone, reasonOf } from "./source-failure.js";
import { fsPath } from "./source-path.js";
import type { SourceStat } from "./source-stat.js";

/** As an entry has them. */
export type Extras = Pick<Entry, "extendedAttributes" | "hardLinkGroup">;

/** A name as lstat has it. */
export interface SourceName {
  /** Within the pushed folder. */
  readonly relative: ByteString;
  readonly absolute: ByteString;
  readonly stat: SourceStat;
  /** Whether it is known to have no extended attributes. */
  readonly isBare?: boolean;
}

/** A file system of the folder, known by where it begins there: the numbers that the system gives them do not last. */
export interface Volume {
  readonly device: bigint;
  /** Within the pushed folder; empty for its own. */
  readonly path: ByteString;
}

/** What was read of a name. */
export interface SourceExtras {
  readonly extras: Extras;
  /** What the next index may prove it by; nothing, if not all could be read. */
  readonly proof: Pick<SourceStat, "ctimeNs" | "ino">;
}

export interface SourceAttributesOptions {
  /** Reads all attributes, whatever is proven. */
  readonly isFull: boolean;
  /** When the scan that made the index began, in ms since 1970. */
  readonly scanStartedMs: number;
  /** Told of a name whose attributes are not kept. */
  readonly onUnread: (path: ByteString, why: string) => void;
  /** Told once, where there are no system calls to read attributes with. */
  readonly onUnsupported: (path: ByteString) => void;
}

/** Room in an entry, which has 1 MiB, for its longest target and name. */
const maxAttributeBytes = (1 << 20) - (96 << 10);
const noExtras: Extras = {};
const noProof = { ctimeNs: 0n, ino: 0n };

/**
 * Which attributes this process would see of a file: an index that was made with others proves nothing of them. Only root
 * sees those of the namespace `trusted`.
 */
export function attributeSight(): "none" | "own" | "all" {
  if (loadAttributeCalls() === undefined) return "none";
  return process.geteuid?.() === 0 ? "all" : "own";
}

export class SourceAttributes {
  /** How many names were looked at, since nothing proved them. */
  readNames = 0;
  readonly #options: SourceAttributesOptions;
  readonly #limits: RaceLimits;
  readonly #calls: AttributeCalls | undefined = loadAttributeCalls();
  #isUnsupportedTold = false;

  constructor(options: SourceAttributesOptions) {
    this.#options = options;
    this.#limits = raceLimits(options.scanStartedMs);
  }

  /** Of a name in a folder of the volume; `head` is what the head has of it. */
  of(name: SourceName, volume: Volume, head?: HeadEntry): SourceExtras {
    const { stat } = name;
    const group = hardLinkGroupOf(stat, volume);
    if (this.isProven(stat, head)) {
      const { extendedAttributes } = head.entry;
      return { extras: extrasOf(extendedAttributes, group), proof: stat };
    }
    this.readNames += 1;
    const attributes = name.isBare === true ? [] : this.#read(name);
    return { extras: extrasOf(attributes, group), proof: attributes === undefined ? noProof : stat };
  }

  /** Whether the attributes of a name are those that it has at the head, by the client's own index. */
  isProven(stat: SourceStat, head: HeadEntry | undefined): head is HeadEntry {
    if (this.#options.isFull || head?.indexed === undefined || head.entry.kind !== stat.kind) return false;
    const { ctimeNs, ino } = head.indexed;
    return ctimeNs === stat.ctimeNs && ino === stat.ino && isOlderThan(ctimeNs, this.#limits);
  }

  /** Undefined where they cannot be had, which has been told. */
  #read({ relative, absolute }: SourceName): readonly ExtendedAttribute[] | undefined {
    const calls = this.#calls;
    if (calls === undefined) {
      if (!this.#isUnsupportedTold) this.#options.onUnsupported(relative);
      this.#isUnsupportedTold = true;
      return [];
    }
    try {
      const path = fsPath(absolute);
      const names = calls.list(path);
      if (names.length === 0) return [];
      const found: ExtendedAttribute[] = [];
      let bytes = 0;
      for (const name of names as ByteString[]) {
        const value = calls.get(path, name);
        if (value === undefined) continue; // it was removed a moment ago
        bytes += name.length + value.length + 16;
        if (bytes > maxAttributeBytes) return this.#unread(relative, "they are longer than bak keeps");
        found.push({ name, value });
      }
      return found;
    } catch (error) {
      const errno = errnoOf(error);
      // where the path does not lead there any more, there is no name to keep without them
      if (errno === undefined || errno === "ENOTDIR" || errno === "ELOOP" || isGone(error)) throw error;
      return this.#unread(relative, reasonOf(error));
    }
  }

  #unread(path: ByteString, why: string): undefined {
    this.#options.onUnread(path, why);
    return undefined;
  }
}

/** The volume that a folder belongs to, which lies in another. */
export function volumeOf(path: ByteString, stat: SourceStat, parent: Volume): Volume {
  return stat.dev === parent.device ? parent : { device: stat.dev, path };
}

/**
 * The number that all names of a file have: its inode; of another file system than that of the pushed folder, and where
 * that is no safe integer, one that is made from it and from where that file system is. None for a file with one name.
 */
function hardLinkGroupOf(stat: SourceStat, volume: Volume): number | undefined {
  // what is mounted on a name of its own has no other one here
  if (stat.links <= 1 || stat.kind === "dir" || stat.dev !== volume.device) return undefined;
  if (volume.path === "" && stat.ino <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(stat.ino);
  const text = joinPath(volume.path, `${stat.ino}` as ByteString);
  return blake3().hash(Buffer.from(text, "latin1")).readUIntBE(0, 6);
}

function extrasOf(attributes: readonly ExtendedAttribute[] | undefined, group: number | undefined): Extras {
  const hasAttributes = attributes !== undefined && attributes.length > 0;
  if (!hasAttributes && group === undefined) return noExtras;
  return {
    ...(hasAttributes ? { extendedAttributes: attributes } : {}),
    ...(group === undefined ? {} : { hardLinkGroup: group }),
  };
}
