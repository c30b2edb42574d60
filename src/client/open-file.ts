/** Opens a file to read it, and nothing but that file. */
import { constants, openSync } from "node:fs";

/** Neither a link nor a fifo that has taken the file's place may lead or hold us elsewhere. */
const readOnly = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Reading changes nothing of the file, and so writes nothing to its disk; Linux has that, for the file's owner and root. */
const noAccessTime = process.platform === "linux" ? constants.O_NOATIME : 0;

/** The descriptor; throws what the file system says. */
export function openToRead(path: string | Buffer): number {
  if (noAccessTime === 0) return openSync(path, readOnly);
  try {
    return openSync(path, readOnly | noAccessTime);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
    return openSync(path, readOnly); // another's file
  }
}
