/** The folder that is pushed: it must be the same at the end of a walk as at its beginning. */
import { lstatSync, readdirSync, statSync } from "node:fs";
import { BakError } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import { reasonOf } from "./source-failure.js";
import { fsPath } from "./source-path.js";
import { kindOf, sourceStatOf, statusOf, type SourceStat } from "./source-stat.js";

export class SourceRoot {
  /** As it was at the beginning: of the folder itself, where a link to it was named. */
  readonly stat: SourceStat;
  readonly names: readonly ByteString[];
  readonly #folder: ByteString;

  /** Looks at the folder; throws SOURCE_FAILED where it cannot be read. */
  constructor(folder: ByteString) {
    this.#folder = folder;
    this.stat = this.#look(() => statFolder(folder));
    this.names = this.#look(() => namesIn(folder));
  }

  /** A disk that was unplugged, or a folder that was moved away, looks like one whose files were all deleted. */
  assertSame(): void {
    if (
      isSame(
        this.#look(() => statFolder(this.#folder)),
        this.stat,
      )
    )
      return;
    throw new BakError("SOURCE_FAILED", "the folder was moved away, or unmounted, while it was read", {
      hint: "nothing was committed; push again when it is back",
    });
  }

  #look<T>(look: () => T): T {
    try {
      return look();
    } catch (cause) {
      throw new BakError("SOURCE_FAILED", `cannot read the folder: ${reasonOf(cause)}`, { cause });
    }
  }
}

/** The names in a folder, in the order of their bytes; throws what the system says. */
export function namesIn(folder: ByteString): ByteString[] {
  // the default order is that of UTF-16 units, which are bytes here
  return (readdirSync(fsPath(folder), { encoding: "latin1" }) as ByteString[]).toSorted();
}

/** Whether a folder is the one whose names were read, or has been deleted like them; not another in its place. */
export function isStillThere({ absolute, stat }: { absolute: ByteString; stat: SourceStat }): boolean {
  try {
    const now = statSync(fsPath(absolute), { bigint: true, throwIfNoEntry: false });
    return now === undefined || isSame(now, stat);
  } catch {
    return false;
  }
}

/** Whether something else has the name by now: of a folder that was walked, what was found in it may be of either. */
export function isReplaced({ absolute, stat }: { absolute: ByteString; stat: SourceStat }): boolean {
  try {
    const now = lstatSync(fsPath(absolute), { bigint: true, throwIfNoEntry: false });
    return now !== undefined && !(kindOf(now) === stat.kind && isSame(now, stat));
  } catch {
    return true;
  }
}

function statFolder(folder: ByteString): SourceStat {
  return sourceStatOf(statusOf(statSync(fsPath(folder), { bigint: true })));
}

function isSame(a: Pick<SourceStat, "dev" | "ino">, b: Pick<SourceStat, "dev" | "ino">): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}
