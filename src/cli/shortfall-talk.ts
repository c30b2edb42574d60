/** What a restore tells of names that are there, but not with all that they had. */
import type { Shortfall } from "../client/shortfalls.js";
import { meaningOf, unreachable } from "../errors.js";
import { displayName, type ByteString } from "../objects/byte-string.js";
import { formatCounted } from "./format.js";

/** One line for each kind; names of the target are counted, and one is given. */
export function describeShortfall(shortfall: Shortfall): string {
  const { kind, count, attribute, errno } = shortfall;
  const names = formatCounted(count, "name");
  const path = `'${shownPath(shortfall.path)}'`;
  switch (kind) {
    case "others":
      return `${names} belonged to others, and ${count === 1 ? "is" : "are"} yours now: only root sets owners`;
    case "privileged":
      return `${names} without attributes that only root sets, such as '${shownPath(attribute as ByteString)}' of ${path}`;
    case "owner":
      return `the owner of ${names} could not be set, such as that of ${path}: ${wordsFor(errno)}`;
    case "attributes": {
      const which = attribute === "" ? path : `'${shownPath(attribute as ByteString)}' of ${path}`;
      return `extended attributes of ${names} could not be set, such as ${which}: ${wordsFor(errno)}`;
    }
    default:
      return unreachable(kind);
  }
}

/** The same as plain data. */
export function shortfallData(shortfall: Shortfall): Record<keyof Shortfall, string | number> {
  return { ...shortfall, path: shownPath(shortfall.path) };
}

function shownPath(path: ByteString): string {
  return path === "" ? "." : displayName(path);
}

function wordsFor(errno: string): string {
  switch (errno) {
    case "":
      return "the package 'koffi' is not installed, or does not work here";
    case "EPERM":
    case "EACCES":
      return "permission denied";
    case "ENOTSUP":
    case "EOPNOTSUPP":
      return "the file system has no such thing";
    case "ENOSPC":
    case "E2BIG":
    case "ERANGE":
      return "the file system has no room for it";
    case "EINVAL":
      return "the system does not know it";
    default:
      return meaningOf(errno) ?? errno;
  }
}
