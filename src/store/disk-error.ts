/** Turns the failures of system calls on a store's files into what bak says about them. */
import { BakError, errnoOf } from "../errors.js";

/** For whoever meets a process that may open no more files. */
export const tooManyFilesHint = "try again later; if it goes on, let the process have more files ('ulimit -n')";

/**
 * STORE_FULL or STORE_FAILED for the error of a system call, which stays its cause; any other value as it is: a BakError
 * says already what it has to, and the rest are bugs.
 */
export function explainDiskError(error: unknown, folder: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined || !(error instanceof Error)) return error;
  if (errno === "ENOSPC" || errno === "EDQUOT") {
    const why = errno === "EDQUOT" ? " (quota)" : "";
    return storeFull(folder, why, error);
  }
  const hint = errno === "EMFILE" || errno === "ENFILE" ? tooManyFilesHint : undefined;
  return new BakError("STORE_FAILED", `store '${folder}' failed: ${error.message}`, { hint, cause: error });
}

/** STORE_FULL; `why` is what is added to the message. */
export function storeFull(folder: string, why: string, cause?: unknown): BakError {
  return new BakError("STORE_FULL", `no space left on the store '${folder}'${why}`, {
    hint: "free some space on its disk, or let 'bak forget' and 'bak gc' do it; what was pushed before is unharmed",
    cause,
  });
}

/** Does some work on a store's files; rejects with what `explainDiskError` makes of a failure. */
export async function explained<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explainDiskError(error, folder);
  }
}
