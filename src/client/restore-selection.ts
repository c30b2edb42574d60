/** Which paths of a commit are restored, by patterns: those of gitignore, written from the commit's own folder on. */
import { splitPath, type ByteString } from "../objects/byte-string.js";
import { parsePattern, type Pattern } from "./patterns.js";

/** What of a name is wanted: it with all that is in it; of a folder, perhaps something in it; nothing. */
export type Choice = "all" | "some" | "none";

/** `isWithin` says that the folder above was chosen as `all`. */
export type Selection = (path: ByteString, isFolder: boolean, isWithin: boolean) => Choice;

/** Everything. */
export const selectAll: Selection = () => "all";

/**
 * What matches one of `include`, or all where there are none, with all that is in it; and of that, not what matches one of
 * `exclude`, with all that is in it. Of several patterns the last that matches counts: a `!` takes back.
 */
export function selectBy(include: readonly ByteString[], exclude: readonly ByteString[]): Selection {
  const [included, excluded] = [include.map(parsePattern), exclude.map(parsePattern)];
  return (path, isFolder, isWithin) => {
    const folders = splitPath(path);
    const name = folders.pop() as ByteString;
    if (isMatch(excluded, folders, { name, isFolder })) return "none";
    if (isWithin || included.length === 0 || isMatch(included, folders, { name, isFolder })) return "all";
    return isFolder ? "some" : "none";
  };
}

function isMatch(
  patterns: readonly Pattern[],
  folders: readonly ByteString[],
  { name, isFolder }: { name: ByteString; isFolder: boolean },
): boolean {
  const last = patterns.findLast((each) => (isFolder || !each.isForFolders) && each.matches(folders, name));
  return last !== undefined && !last.isNegated;
}
