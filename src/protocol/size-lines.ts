/** How large projects are, and what commits have added, as that travels: a line of text each. */
import { BakError } from "../errors.js";
import { isObjectId, type ObjectId } from "../objects/object-id.js";
import { isProjectId, type ProjectId } from "../objects/project-id.js";

/** How large one project is, in bytes. */
export interface ProjectSizes {
  readonly project: ProjectId;
  readonly commits: number;
  /** What a restore of the latest commit writes. */
  readonly latestBytes: number;
  /** What restores of all commits would write. */
  readonly allBytes: number;
  /** Contents of files, each counted once, that its commits reach. */
  readonly contentBytes: number;
  /** What all that its commits reach takes on the store's disk. Projects may share some of it. */
  readonly storedBytes: number;
}

/** What the store did not have for any commit that it received earlier, in bytes. */
export interface CommitGrowth {
  readonly project: ProjectId;
  readonly commit: ObjectId;
  readonly receivedMs: number;
  readonly contentBytes: number;
  readonly storedBytes: number;
}

/** A line each: the id, the number of commits, and the four sizes in the order above. */
export function encodeProjectSizes(sizes: readonly ProjectSizes[]): string {
  return sizes
    .map(({ project, commits, latestBytes, allBytes, contentBytes, storedBytes }) =>
      [project, commits, latestBytes, allBytes, contentBytes, storedBytes].join(" "),
    )
    .join("\n");
}

/** A line each: the project, the commit, the time received in ms since 1970, and the two sizes. */
export function encodeGrowth(growth: readonly CommitGrowth[]): string {
  return growth
    .map(({ project, commit, receivedMs, contentBytes, storedBytes }) =>
      [project, commit, receivedMs, contentBytes, storedBytes].join(" "),
    )
    .join("\n");
}

/** The lines that a text is; throws BAD_MESSAGE for one that is none. */
export function decodeProjectSizes(text: string): ProjectSizes[] {
  return linesOf(text).map((line) => {
    const [project = "", ...rest] = line.split(" ");
    const [commits, latestBytes, allBytes, contentBytes, storedBytes] = numbersOf(rest, 5);
    if (!isProjectId(project)) throw malformed();
    return { project, commits, latestBytes, allBytes, contentBytes, storedBytes } as ProjectSizes;
  });
}

/** The same. */
export function decodeGrowth(text: string): CommitGrowth[] {
  return linesOf(text).map((line) => {
    const [project = "", commit = "", ...rest] = line.split(" ");
    const [receivedMs, contentBytes, storedBytes] = numbersOf(rest, 3);
    if (!isProjectId(project) || !isObjectId(commit)) throw malformed();
    return { project, commit, receivedMs, contentBytes, storedBytes } as CommitGrowth;
  });
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.split("\n");
}

function numbersOf(texts: readonly string[], count: number): number[] {
  const numbers = texts.map((text) => (/^(?:0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN));
  if (texts.length !== count || !numbers.every((number) => Number.isSafeInteger(number))) throw malformed();
  return numbers;
}

function malformed(): BakError {
  return new BakError("BAD_MESSAGE", "malformed message: not a line of sizes");
}
