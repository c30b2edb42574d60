/** A project's history, and the names that its commits go by. */
import { BakError, isBakError, unreachable } from "../errors.js";
import { decodeCommit, type Commit } from "../objects/commit.js";
import type { ObjectId } from "../objects/object-id.js";
import type { ProjectId } from "../objects/project-id.js";
import type { LogLine } from "../protocol/log-lines.js";
import { fetchObjects } from "./fetch.js";
import { isLoss, readRest } from "./fetch-rest.js";
import type { ForgottenCommit, Remote } from "./remote.js";

export interface LoggedCommit extends LogLine {
  readonly content: Commit;
}

/** Commits whose objects are fetched at a time. */
const batchSize = 1024;

/** What may be said about a history beside whose it is. */
export interface HistoryOptions {
  readonly limit?: number;
  /** Told of each commit that the store has lost, or has damaged, which is left out. */
  readonly onLost?: (line: LogLine) => void;
}

/**
 * The project's commits, newest first. Rejects with NO_PROJECT if it has none, and, without `onLost`, where the store has lost
 * one.
 */
export async function* readHistory(
  remote: Remote,
  options: HistoryOptions = {},
): AsyncGenerator<LoggedCommit, void, undefined> {
  if (remote.head === undefined) throw await noProject(remote);
  let batch: LogLine[] = [];
  for await (const line of remote.log(options)) {
    batch.push(line);
    if (batch.length < batchSize) continue;
    yield* await withContent(remote, batch, options);
    batch = [];
  }
  yield* await withContent(remote, batch, options);
}

/** One commit of the project. Rejects with NO_OBJECT for one that the store has lost. */
export async function readCommit(remote: Remote, id: ObjectId): Promise<Commit> {
  let commit: Commit | undefined;
  try {
    await fetchObjects(remote, [id], (_, bytes) => (commit = decodeCommit(bytes)));
  } catch (cause) {
    if (!isLoss(cause)) throw cause;
    throw new BakError("NO_OBJECT", `cannot read commit '${id.slice(0, 12)}': it is damaged or missing in the store`, {
      hint: "'bak log' lists the others; 'bak check' says what else is lost",
      cause,
    });
  }
  return commit as Commit;
}

/**
 * The commit that a name stands for: `head`, `head~3` (the third before it), `@2026-11-01` or `@2026-11-01T12:00` (the last
 * one received before that moment, local time unless it says otherwise), or a unique prefix of an id.
 */
export async function findCommit(remote: Remote, name: string): Promise<ObjectId> {
  const parsed = parseCommitName(name);
  if (remote.head === undefined) throw await noProject(remote);
  switch (parsed.type) {
    case "back":
      for await (const line of remote.log({ skip: parsed.count, limit: 1 })) return line.commit;
      throw noCommit(`no commit '${name}'`, `project '${remote.project}' has fewer commits than that`);
    case "before":
      for await (const line of remote.log()) if (line.receivedMs < parsed.timeMs) return line.commit;
      throw noCommit(
        `no commit '${name}'`,
        `project '${remote.project}' has none before ${new Date(parsed.timeMs).toISOString()}`,
      );
    case "prefix":
      return findByPrefix(remote, parsed.prefix);
    default:
      return unreachable(parsed);
  }
}

type CommitName =
  { type: "back"; count: number } | { type: "before"; timeMs: number } | { type: "prefix"; prefix: string };

const datePattern = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

function parseCommitName(name: string): CommitName {
  const back = /^head(?:~(\d{1,9}))?$/i.exec(name);
  if (back !== null) return { type: "back", count: Number(back[1] ?? 0) };
  if (name.startsWith("@")) {
    const date = name.slice(1);
    // a date alone would be taken as UTC
    const timeMs = datePattern.test(date) ? Date.parse(date.length === 10 ? `${date}T00:00` : date) : Number.NaN;
    if (Number.isNaN(timeMs) || !isDay(date.slice(0, 10)))
      throw badName(`not a date: '${name}'`, "write @2026-11-01 or @2026-11-01T18:30");
    return { type: "before", timeMs };
  }
  if (/^[0-9a-f]{4,64}$/i.test(name)) return { type: "prefix", prefix: name.toLowerCase() };
  throw badName(
    `not a commit: '${name}'`,
    "name it by 4 or more digits of its id, or head, head~3, @2026-11-01; a path comes after it",
  );
}

/** Whether the calendar has the day: JavaScript takes the 31st of February for the 3rd of March. */
function isDay(date: string): boolean {
  const day = new Date(`${date}T00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(date);
}

async function findByPrefix(remote: Remote, prefix: string): Promise<ObjectId> {
  const ids: ObjectId[] = [];
  for await (const line of remote.log()) if (line.commit.startsWith(prefix)) ids.push(line.commit);
  if (ids.length > 0) return findAmong(ids, prefix, { none: "no commit", hint: "", of: remote.project });
  for await (const { commit } of forgottenIfSeen(remote)) {
    if (!commit.startsWith(prefix)) continue;
    const why = `commit '${prefix}' of project '${remote.project}' was forgotten`;
    throw noCommit(why, `'bak forget --undo ${prefix}' brings it back`);
  }
  throw noCommit(`no commit '${prefix}' in project '${remote.project}'`, "'bak log' lists its commits");
}

/** The one of some ids that begins with a prefix; throws NO_COMMIT, with words for that case, and AMBIGUOUS_COMMIT. */
export function findAmong(
  ids: readonly ObjectId[],
  prefix: string,
  { none, of, hint }: { none: string; of: ProjectId; hint: string },
): ObjectId {
  const found = new Set(ids.filter((id) => id.startsWith(prefix)));
  const [only, other] = found;
  if (only === undefined) throw noCommit(`${none} '${prefix}' in project '${of}'`, hint);
  if (other === undefined) return only;
  const some = [...found].slice(0, 4).map((id) => id.slice(0, Math.max(prefix.length + 4, 12)));
  throw new BakError("AMBIGUOUS_COMMIT", `'${prefix}' is the beginning of ${found.size} commits`, {
    hint: `give more digits: ${some.join(", ")}${found.size > some.length ? ", …" : ""}`,
  });
}

async function withContent(
  remote: Remote,
  lines: readonly LogLine[],
  { onLost }: HistoryOptions,
): Promise<LoggedCommit[]> {
  const contents = new Map<ObjectId, Commit>();
  const take = (id: ObjectId, bytes: Uint8Array): void => void contents.set(id, decodeCommit(bytes));
  try {
    const ids = lines.map((line) => line.commit);
    await fetchObjects(remote, ids, take);
  } catch (error) {
    if (onLost === undefined || !isLoss(error)) throw error;
    const left = [...new Set(lines.map((line) => line.commit).filter((id) => !contents.has(id)))];
    for await (const { id, bytes } of readRest(remote, left, (each) => !contents.has(each))) take(id, bytes);
  }
  return lines.flatMap((line) => {
    const content = contents.get(line.commit);
    if (content === undefined) onLost?.(line);
    return content === undefined ? [] : [{ ...line, content }];
  });
}

/** For a project that has no commit: what to tell. */
export async function noProject(remote: Remote): Promise<BakError> {
  for await (const _ of forgottenIfSeen(remote)) {
    return new BakError("NO_PROJECT", `all commits of project '${remote.project}' were forgotten`, {
      hint: "'bak forget --undo' brings them back; 'bak log --forgotten' lists them",
    });
  }
  const others = await remote.projects();
  const shown = others.slice(0, 5).join(", ");
  const hint =
    others.length === 0
      ? "there is none yet that you may see: 'bak push' makes one"
      : `it has: ${shown}${others.length > 5 ? ", …" : ""}; choose with --project`;
  return new BakError("NO_PROJECT", `no project '${remote.project}' in '${remote.peer}'`, { hint });
}

/** What was forgotten, for a better word about what is not there; nothing where the token has no right to see it. */
async function* forgottenIfSeen(remote: Remote): AsyncGenerator<ForgottenCommit, void, undefined> {
  try {
    yield* remote.forgotten();
  } catch (error) {
    if (!isBakError(error, "NOT_ALLOWED")) throw error;
  }
}

function noCommit(message: string, hint: string): BakError {
  return new BakError("NO_COMMIT", message, { hint });
}

function badName(message: string, hint: string): BakError {
  return new BakError("BAD_COMMIT_NAME", message, { hint });
}
