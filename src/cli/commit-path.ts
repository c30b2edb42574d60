/** Paths within commits, as they are typed: `photos/2024`, or, with the commit, `head~1:photos/2024`, as git has it. */
import { BakError } from "../errors.js";
import { byteStringFromText, type ByteString } from "../objects/byte-string.js";

/** A path, and in which commit. */
export interface CommitPath {
  /** The name of the commit; the latest where none is given. */
  readonly commit: string;
  readonly path: ByteString;
}

/** A moment may have colons itself. */
const momentPattern = /^@\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?/;

/** `COMMIT:PATH`; without a colon, `bare` says which of the two it is. Throws USAGE for a path that leads out of the commit. */
export function parseCommitAndPath(text: string, bare: "commit" | "path"): CommitPath {
  const moment = momentPattern.exec(text)?.[0].length ?? 0;
  const colon = text.indexOf(":", moment);
  if (colon < 0) {
    return bare === "commit"
      ? { commit: text, path: "" as ByteString }
      : { commit: "head", path: parseCommitPath(text) };
  }
  return { commit: text.slice(0, colon) || "head", path: parseCommitPath(text.slice(colon + 1)) };
}

/**
 * A path within a commit: relative to its root, with or without a slash before or after it. What bak shows escaped may be
 * typed so: `\xHH` for a byte, and `\\` for a backslash. Throws USAGE for one that leads out of the commit.
 */
export function parseCommitPath(text: string): ByteString {
  const names = text.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) {
    throw new BakError("USAGE", `not a path within a commit: '${text}'`, {
      hint: "write it from the pushed folder on, without '..'",
    });
  }
  return byteStringFromText(names.join("/")).replaceAll(/\\(?:x([0-9a-f]{2})|\\)/g, (_, hex?: string) =>
    hex === undefined ? "\\" : String.fromCharCode(Number.parseInt(hex, 16)),
  ) as ByteString;
}
