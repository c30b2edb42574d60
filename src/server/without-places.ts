/** What somebody elsewhere is told of a store's failures: what failed and what to do, and not where the store lies. */
import { BakError } from "../errors.js";

const askTheKeeper = "ask whoever keeps the store: the server's log says more";

/** The error, for somebody who is not to learn the folder of the store that it is of, nor which process has it. */
export function errorWithoutPlaces(error: BakError, folder: string): BakError {
  const told = withoutPlaces(error.message, folder)
    .replace(/ by process \d+/, " by another process")
    .replace(/, \w+ '\/[^']*'$/, ""); // what a system call failed at elsewhere: a file of bak's own
  return new BakError(error.code, told, { hint: hintOf(error, folder), cause: error });
}

/** A text with paths in a folder told from there on, and the folder as "the store". */
export function withoutPlaces(text: string, folder: string): string {
  const path = folder.replace(/\/+$/, "").replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  if (path === "") return text;
  const begin = "(?<![^\\s'\"(])";
  const end = "(?=['\"\\s,;:)]|$)";
  return text
    .replaceAll(new RegExp(`(?:the )?store '${path}'`, "g"), "the store")
    .replaceAll(new RegExp(`${begin}${path}/+(?=[^\\s'"])`, "g"), "")
    .replaceAll(new RegExp(`${begin}${path}/*${end}`, "g"), "the store");
}

function hintOf(error: BakError, folder: string): string | undefined {
  if (error.code === "STORE_LOCKED") return `try again later, or ${askTheKeeper}`;
  if (error.hint !== undefined) return withoutPlaces(error.hint, folder);
  return error.code.startsWith("STORE_") ? askTheKeeper : undefined;
}
