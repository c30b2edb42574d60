/** Files with a secret in them: read only where nobody else could have read or written them. */
import { closeSync, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { reasonOf } from "../client/source-failure.js";
import { BakError, errnoOf, isBakError } from "../errors.js";
import { isTrustedOwner } from "./trusted-owner.js";

const maxBytes = 1 << 20;

/**
 * What the file says; undefined if there is none. Throws NOT_ALLOWED for one that others may read or write, or that belongs to
 * another user, and USAGE for one that cannot be read. What it says is in none of the messages.
 */
export function readPrivateFile(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return undefined;
    throw unreadable(path, cause);
  }
  try {
    assertPrivate(path, fstatSync(fd));
    const bytes = Buffer.alloc(maxBytes);
    let length = 0;
    for (let count = -1; count !== 0 && length < maxBytes; length += count)
      count = readSync(fd, bytes, length, maxBytes - length, null);
    if (length === maxBytes) throw new BakError("USAGE", `'${path}' is too large for what it should be`);
    return bytes.toString("utf8", 0, length);
  } catch (cause) {
    throw isBakError(cause) ? cause : unreadable(path, cause);
  } finally {
    closeSync(fd);
  }
}

/** As ssh has it for a key: for its user, and for nobody else. */
function assertPrivate(path: string, { uid, mode }: Stats): void {
  const own = process.geteuid?.();
  if (own === undefined) return; // a system without such modes
  if (!isTrustedOwner(uid)) {
    throw new BakError("NOT_ALLOWED", `'${path}' has a secret in it, and belongs to another user (${uid})`, {
      hint: `use a file of your own: chown ${own} '${path}'`,
    });
  }
  if ((mode & 0o077) === 0) return;
  throw new BakError("NOT_ALLOWED", `'${path}' has a secret in it, and others may read or change it`, {
    hint: `take that from them: chmod 600 '${path}'`,
  });
}

function unreadable(path: string, cause: unknown): BakError {
  return new BakError("USAGE", `cannot read '${path}': ${reasonOf(cause)}`, { cause });
}
