/** Lines of a log that are lost in it, found again by what the store's commits say. */
import { isBakError } from "../errors.js";
import { decodeCommit, type Commit } from "../objects/commit.js";
import { isObjectId, type ObjectId } from "../objects/object-id.js";
import type { ProjectId } from "../objects/project-id.js";
import { logLineLength } from "./project-log.js";
import type { AuditedProject } from "./projects.js";
import type { LogLine } from "./store.js";

/**
 * The lines of a log with those that are lost, as far as they can be told: a damaged line may still have its commit's id, and
 * every commit names the one before it. What was forgotten does not come back by that. The time of receipt is then that at
 * which the commit was made, kept between those of the lines around it.
 */
export async function rescueLines(
  project: ProjectId,
  { log, forgotten }: AuditedProject,
  readCommit: (id: ObjectId) => Promise<Uint8Array>,
): Promise<LogLine[]> {
  const known = new Set([...log.lines, ...forgotten.lines].map(({ commit }) => commit));
  const commitOf = async (id: string | undefined): Promise<Found | undefined> => {
    if (id === undefined || !isObjectId(id) || known.has(id)) return undefined;
    const content = await readOrNot(readCommit, id);
    return content?.project === project ? { id, content } : undefined;
  };
  /** The commits before one, back to the first that is known, or gone. */
  const before = async (commit: Commit | undefined, count: number): Promise<Found[]> => {
    const found: Found[] = [];
    for (let each = await commitOf(commit?.parent); each !== undefined; each = await commitOf(each.content.parent)) {
      known.add(each.id);
      found.unshift(each);
      if (found.length >= count) break;
    }
    return found;
  };
  const lines: LogLine[] = [];
  for (let at = 0; at <= log.lines.length; at += 1) {
    const next = log.lines[at];
    const lost = log.faults.filter((fault) => !fault.isMended && fault.at === at);
    if (lost.length > 0) {
      const found: Found[] = [];
      for (const id of lost.flatMap(({ text }) => text.match(/[0-9a-f]{64}/g) ?? [])) {
        const each = await commitOf(id);
        if (each === undefined) continue;
        known.add(each.id);
        found.push(each);
      }
      const count = lost.reduce((sum, { text }) => sum + Math.ceil(text.length / logLineLength), 0);
      const early = await before(found[0]?.content, count);
      const late = next === undefined ? [] : await before(await readOrNot(readCommit, next.commit), count);
      for (const { id, content } of [...early, ...found, ...late]) {
        const earliest = Math.max(content.endedMs, lines.at(-1)?.receivedMs ?? 0);
        lines.push({ commit: id, receivedMs: Math.min(earliest, next?.receivedMs ?? earliest) });
      }
    }
    if (next !== undefined) lines.push(next);
  }
  return lines;
}

interface Found {
  readonly id: ObjectId;
  readonly content: Commit;
}

/** A commit that the store has; undefined where it has it no more, or it is damaged. */
async function readOrNot(readCommit: (id: ObjectId) => Promise<Uint8Array>, id: ObjectId): Promise<Commit | undefined> {
  try {
    return decodeCommit(await readCommit(id));
  } catch (error) {
    if (isBakError(error, "NO_OBJECT", "STORE_DAMAGED", "BAD_OBJECT")) return undefined;
    throw error;
  }
}
