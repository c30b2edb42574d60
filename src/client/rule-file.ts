/** Reads files of rules: those that a person names, and those that lie in the folders that they are for. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { BakError } from "../errors.js";
import { byteString, byteStringFromText, type ByteString } from "../objects/byte-string.js";
import { openToRead } from "./open-file.js";
import { reasonOf } from "./source-failure.js";
import { fsPath } from "./source-path.js";

/** Each folder's own rules. */
export const ignoreFileName = ".bakignore" as ByteString;

const maxBytes = 4 << 20;

/** A file that a person names, or a pipe. Throws SOURCE_FAILED. */
export function readRuleFile(path: string): { name: ByteString; content: ByteString } {
  try {
    return { name: byteStringFromText(path), content: readAll(openSync(path, "r")) };
  } catch (cause) {
    throw new BakError("SOURCE_FAILED", `cannot read the rules in '${path}': ${reasonOf(cause)}`, { cause });
  }
}

/** A folder's own rules, from a regular file and through no link; throws what that fails with. */
export function readOwnRules(path: ByteString): ByteString {
  const fd = openToRead(fsPath(path));
  if (fstatSync(fd).isFile()) return readAll(fd);
  closeSync(fd);
  throw new BakError("SOURCE_FAILED", "not a file");
}

const cacheSignature = Buffer.from("Signature: 8a477f597d28d172789f06886806bc55");

/** Whether a file is what marks a folder as a cache (https://bford.info/cachedir/); false for one that cannot be read. */
export function isCacheTag(path: ByteString): boolean {
  try {
    const fd = openToRead(fsPath(path));
    try {
      const beginning = Buffer.alloc(cacheSignature.length);
      return fstatSync(fd).isFile() && readSync(fd, beginning, 0, beginning.length, 0) === beginning.length
        ? beginning.equals(cacheSignature)
        : false;
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
}

/** Closes the file, too. */
function readAll(fd: number): ByteString {
  try {
    const bytes = Buffer.allocUnsafe(Math.min(fstatSync(fd).size, maxBytes) + (1 << 16));
    const parts: Buffer[] = [];
    let length = 0;
    for (let count = readSync(fd, bytes); count > 0; count = readSync(fd, bytes)) {
      parts.push(Buffer.from(bytes.subarray(0, count)));
      length += count;
      if (length > maxBytes) throw new BakError("SOURCE_FAILED", "more than 4 MiB");
    }
    return byteString(Buffer.concat(parts));
  } finally {
    closeSync(fd);
  }
}
