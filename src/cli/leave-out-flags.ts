/** The flags that say what a push leaves out, and what they come to. */
import * as Flags from "@oclif/core/flags";
import { readLeaveOut, type LeaveOut } from "../client/leave-out.js";
import { BakError } from "../errors.js";
import { byteStringFromText, quoted, type ByteString } from "../objects/byte-string.js";
import { parseSize } from "./size.js";

const helpGroup = "LEAVE OUT";

/** To be spread into a command's own flags. */
export const leaveOutFlags = {
  exclude: Flags.string({
    char: "e",
    summary: "Leave out what this pattern of gitignore names; may be given several times.",
    description: "Goes before the files '.bakignore', which hold such patterns for the folders that they are in.",
    multiple: true,
    multipleNonGreedy: true,
    helpValue: "PATTERN",
    helpGroup,
  }),
  "exclude-from": Flags.string({
    summary: "Leave out what the patterns in a file name, unless '.bakignore' or --exclude say otherwise.",
    multiple: true,
    multipleNonGreedy: true,
    helpValue: "FILE",
    helpGroup,
  }),
  "exclude-caches": Flags.boolean({
    summary: "Leave out what is in folders with a CACHEDIR.TAG, but for that.",
    helpGroup,
  }),
  "exclude-if-present": Flags.string({
    summary: "Leave out what is in folders with something of this name, but for that.",
    multiple: true,
    multipleNonGreedy: true,
    helpValue: "NAME",
    helpGroup,
  }),
  "exclude-larger-than": Flags.string({
    summary: "Leave out files that are larger, such as 500M or 2G.",
    helpValue: "SIZE",
    helpGroup,
  }),
  "one-file-system": Flags.boolean({
    summary: "Leave out what is in folders on other file systems than the folder itself.",
    helpGroup,
  }),
};

interface LeaveOutFlags {
  exclude?: string[] | undefined;
  "exclude-from"?: string[] | undefined;
  "exclude-caches": boolean;
  "exclude-if-present"?: string[] | undefined;
  "exclude-larger-than"?: string | undefined;
  "one-file-system": boolean;
}

/** Throws USAGE for what cannot be meant, SOURCE_FAILED for a file that cannot be read. */
export function leaveOutOf(flags: LeaveOutFlags): LeaveOut {
  const size = flags["exclude-larger-than"];
  return readLeaveOut({
    patterns: (flags.exclude ?? []).map(bytesTyped),
    files: flags["exclude-from"] ?? [],
    isWithoutCaches: flags["exclude-caches"],
    markers: (flags["exclude-if-present"] ?? []).map(bytesTyped),
    maxFileBytes: size === undefined ? undefined : parseSize(size),
    isOneFileSystem: flags["one-file-system"],
  });
}

/** Node gives bytes that are not UTF-8 as U+FFFD, and a rule for other names than were meant would be no rule at all. */
function bytesTyped(text: string): ByteString {
  if (!text.includes("\ufffd")) return byteStringFromText(text);
  throw new BakError("USAGE", `not UTF-8: ${quoted(text, 200)}`, {
    hint: "write the pattern into a file, and name that with --exclude-from",
  });
}
