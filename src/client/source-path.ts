/** Paths as Node's file calls take them, from ByteStrings: text where that is the same, bytes where it is not. */
import { bytesOf, type ByteString } from "../objects/byte-string.js";

// eslint-disable-next-line no-control-regex
const ascii = /^[\x00-\x7f]*$/;

/** What to hand to `node:fs` for a path. */
export function fsPath(path: ByteString): string | Buffer {
  return ascii.test(path) ? path : bytesOf(path);
}
