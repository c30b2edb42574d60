/** What a token may allow. */
import { BakError } from "../errors.js";
import { quoted } from "./byte-string.js";

/**
 * `push` adds commits to a project, `read` gets content back, `delete` changes its history, and `admin` is about the store as
 * a whole. None of them includes another.
 */
export const rights = ["push", "read", "delete", "admin"] as const;
export type Right = (typeof rights)[number];

/** Append-only: nothing that is there can be taken away. */
export const defaultRights: readonly Right[] = ["push", "read"];

/** Rights from their names, each once, in the order of `rights`. Throws USAGE for another name, and for none at all. */
export function parseRights(names: readonly string[]): Right[] {
  const unknown = names.find((name) => !(rights as readonly string[]).includes(name));
  if (unknown !== undefined || names.length === 0) {
    const what = unknown === undefined ? "no right is named" : `not a right: ${quoted(unknown, 40)}`;
    throw new BakError("USAGE", what, { hint: `the rights are ${rights.join(", ")}` });
  }
  return rights.filter((right) => names.includes(right));
}
