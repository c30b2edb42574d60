/** Writes to a file that was just opened, or written to. */
import { writeSync } from "node:fs";

/** Writes all of the bytes, in one call unless the system takes fewer. Throws what write(2) fails with. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}
