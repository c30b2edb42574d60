/** Why one path could not be restored. */
import { errnoOf } from "../errors.js";

/** One path cannot be restored, for a reason that no system call gave. */
export class RestoreFailure extends Error {}

/** A folder with something in it is where something else should be. */
export class FolderInPlace extends RestoreFailure {
  constructor(options?: ErrorOptions) {
    super("a folder that is not empty is in its place", options);
  }
}

/** The reason as plain values, which go from thread to thread. */
export interface PathFailure {
  /** The errno name, where a system call failed. */
  readonly errno: string | undefined;
  /** In a few words, without the path. */
  readonly why: string;
  /** It is the store that does not have what was asked for. */
  readonly isLoss?: boolean;
}

/** What to tell of an error; throws it again if it is not about the path that was being restored. */
export function pathFailureOf(error: unknown): PathFailure {
  const errno = errnoOf(error);
  if (errno === undefined && !(error instanceof RestoreFailure)) throw error;
  return { errno, why: wordsFor(errno ?? "", (error as Error).message) };
}

/** Whether what failed for one path would fail for every other one, too. */
export function isFailureOfAll({ errno }: PathFailure): boolean {
  return errno === "ENOSPC" || errno === "EDQUOT" || errno === "EROFS";
}

function wordsFor(errno: string, message: string): string {
  switch (errno) {
    case "EPERM":
    case "EACCES":
      return "permission denied";
    case "ELOOP":
    case "ENOTDIR":
      return "something else has taken the place of its folder";
    case "EISDIR":
      return "a folder has taken its place";
    default:
      // "ENOENT: no such file or directory, open '/…'": the path is that of a temporary file, and tells nobody anything
      return /^[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? message;
  }
}
