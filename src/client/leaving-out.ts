/** What a walk leaves out: of each folder that it comes to, it asks which names it is to look at. */
import { byteStringFromText, joinPath, splitPath, type ByteString } from "../objects/byte-string.js";
import type { EntryKind } from "../objects/entry.js";
import { FolderRules } from "./folder-rules.js";
import type { LeaveOut, Reason } from "./leave-out.js";
import { ignoreFileName, isCacheTag, readOwnRules } from "./rule-file.js";
import { isGone, reasonOf } from "./source-failure.js";
import { statSource, type SourceStat } from "./source-stat.js";

/** What the walk is told of names that it is not to look at. */
export type LeavingEvent =
  /** Is not kept; with `isContent`, nothing of what is in this folder but what marks it. */
  | { readonly type: "ruledOut"; readonly path: ByteString; readonly isContent: boolean; readonly reason: Reason }
  /** Leaves out nothing, since it cannot be read. */
  | { readonly type: "rulesNotRead"; readonly path: ByteString; readonly why: string };

export interface LeavingOptions {
  readonly leaveOut: LeaveOut;
  readonly onEvent: (event: LeavingEvent) => void;
  /** Asked between two names: what is to be waited for. */
  readonly pause: () => Promise<void> | undefined;
}

/** A folder that the walk comes to; `relative` is its path beneath the pushed one. */
export interface EnteredFolder {
  readonly relative: ByteString;
  readonly absolute: ByteString;
  readonly stat: Pick<SourceStat, "dev">;
}

/** What is to be looked at of a folder, and the rules that hold in the folders in it. */
export interface Entered {
  readonly names: readonly ByteString[];
  readonly rules: FolderRules;
}

const cacheTag = "CACHEDIR.TAG" as ByteString;

export class LeavingOut {
  /** How many names were left out; a folder counts as one, and so does what lies on another file system. */
  count = 0;
  readonly #options: LeavingOptions;
  readonly #rules: FolderRules;
  /** Of the pushed folder, which is the first that is asked about. */
  #device: bigint | undefined;

  constructor(options: LeavingOptions) {
    this.#options = options;
    this.#rules = FolderRules.of(options.leaveOut);
  }

  /** What there is to be done in a folder; `names` are sorted. `above` are the rules of the folder that it is in. */
  async enter(at: EnteredFolder, names: readonly ByteString[], above = this.#rules): Promise<Entered> {
    const { leaveOut } = this.#options;
    const markers = leaveOut.markers.filter((marker) => hasName(names, marker));
    if (markers.length > 0) {
      const reason = option("--exclude-if-present", markers[0]);
      return { names: this.#keepOnly(at, names, markers, reason), rules: above };
    }
    if (leaveOut.isWithoutCaches && hasName(names, cacheTag) && isCacheTag(joinPath(at.absolute, cacheTag)))
      return { names: this.#keepOnly(at, names, [cacheTag], option("--exclude-caches")), rules: above };
    const rules = hasName(names, ignoreFileName) ? this.#withOwn(at, above) : above;
    return { names: rules.isEmpty ? names : await this.#filter(at, names, rules), rules };
  }

  /** Whether a folder, itself kept, lies on another file system, so that nobody should look into it. */
  isElsewhere({ relative, stat }: EnteredFolder): boolean {
    this.#device ??= stat.dev;
    if (!this.#options.leaveOut.isOneFileSystem || stat.dev === this.#device) return false;
    this.count += 1;
    const reason = option("--one-file-system");
    this.#options.onEvent({ type: "ruledOut", path: relative, isContent: true, reason });
    return true;
  }

  /** Whether a file is too large to be kept. */
  isTooLarge({ relative, size }: { relative: ByteString; size: number }): boolean {
    const max = this.#options.leaveOut.maxFileBytes;
    if (max === undefined || size <= max) return false;
    this.#tell(relative, option("--exclude-larger-than", byteStringFromText(String(max))));
    return true;
  }

  /** Whether rules leave out a name that they have kept, now that it is of another kind. */
  isRuledOut(
    { relative, name, kind }: { relative: ByteString; name: ByteString; kind: EntryKind },
    rules: FolderRules,
  ): boolean {
    const folders = splitPath(relative).slice(0, -1);
    const reason = rules.whyLeftOut({ folders, name, isFolder: () => kind === "dir" });
    if (reason !== undefined) this.#tell(relative, reason);
    return reason !== undefined;
  }

  #withOwn(at: EnteredFolder, above: FolderRules): FolderRules {
    const source = joinPath(at.relative, ignoreFileName);
    try {
      const content = readOwnRules(joinPath(at.absolute, ignoreFileName));
      return above.with({ source, depth: splitPath(at.relative).length, content });
    } catch (error) {
      if (!isGone(error)) this.#options.onEvent({ type: "rulesNotRead", path: source, why: reasonOf(error) });
      return above;
    }
  }

  async #filter(at: EnteredFolder, names: readonly ByteString[], rules: FolderRules): Promise<ByteString[]> {
    const folders = splitPath(at.relative);
    const kept: ByteString[] = [];
    for (const name of names) {
      const reason = rules.whyLeftOut({ folders, name, isFolder: () => isFolder(joinPath(at.absolute, name)) });
      if (reason === undefined) kept.push(name);
      else this.#tell(joinPath(at.relative, name), reason);
      const pause = this.#options.pause();
      if (pause !== undefined) await pause;
    }
    return kept;
  }

  #keepOnly(
    at: EnteredFolder,
    names: readonly ByteString[],
    kept: readonly ByteString[],
    reason: Reason,
  ): readonly ByteString[] {
    const count = names.length - kept.length;
    if (count === 0) return names;
    this.count += count;
    this.#options.onEvent({ type: "ruledOut", path: at.relative, isContent: true, reason });
    return names.filter((name) => kept.includes(name));
  }

  #tell(path: ByteString, reason: Reason): void {
    this.count += 1;
    this.#options.onEvent({ type: "ruledOut", path, isContent: false, reason });
  }
}

function option(name: string, value = "" as ByteString): Reason {
  return { source: byteStringFromText(name), line: undefined, rule: value };
}

/** Whether a name is among sorted ones. */
function hasName(names: readonly ByteString[], name: ByteString): boolean {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] as ByteString) < name) low = middle + 1;
    else high = middle;
  }
  return names[low] === name;
}

/** False for what is gone, or cannot be looked at: the walk comes to it again, and tells. */
function isFolder(path: ByteString): boolean {
  try {
    return statSource(path).kind === "dir";
  } catch {
    return false;
  }
}
