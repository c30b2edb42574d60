/** Commits with a path in them, as they are typed: `head~1:photos/2024`, as git has it. */
import type { ByteString } from "../objects/byte-string.js";
import { parseCommitPath } from "./store-command.js";

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
