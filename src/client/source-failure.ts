/** Tells what failed because of a file of the source, which is left out, from what the store failed with, which stops a push. */
import { BakError, errnoOf, meaningOf } from "../errors.js";

const sourceCodes: ReadonlySet<string> = new Set(["SOURCE_FAILED", "LIMIT"]);

/** Whether an error is the source's: a failed system call, or what we found wrong with a file. */
export function isSourceFailure(error: unknown): boolean {
  return errnoOf(error) !== undefined || (error instanceof BakError && sourceCodes.has(error.code));
}

/** Whether a name is not there any more; what is open and cannot be read is, whatever its file system calls that. */
export function isGone(error: unknown): boolean {
  return errnoOf(error) === "ENOENT" && (error as NodeJS.ErrnoException).syscall !== "read";
}

/** Wraps what the store failed with, so that no error number in it is taken for that of a source file. */
export class StoreFailure extends Error {
  readonly reason: unknown;
  constructor(reason: unknown) {
    super("the store failed");
    this.reason = reason;
  }
}

/** Why a path could not be read, in a few words. */
export function reasonOf(error: unknown): string {
  const errno = errnoOf(error);
  switch (errno ?? "") {
    case "ENOENT":
      return "no such file or folder";
    case "ENOTDIR":
      return "not a folder";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "ELOOP":
      return "it has become a symlink";
    case "EIO":
      return "input/output error";
    case "EISDIR":
      return "it has become a folder";
    case "ENXIO":
      return "it has become a socket";
    case "EMFILE":
    case "ENFILE":
      return "too many open files";
    case "ENAMETOOLONG":
      return "path too long";
    default:
      return meaningOf(errno ?? "") ?? (error instanceof Error ? error.message : String(error));
  }
}
