/** Forgetting commits, and bringing them back: which those are, as the client finds out before it asks the store. */
import { BakError } from "../errors.js";
import type { ObjectId } from "../objects/object-id.js";
import { findAmong, findCommit, noProject, readHistory } from "./history.js";
import type { ForgottenCommit, Remote } from "./remote.js";
import { judge, type Datable, type Judged, type Policy, type Received } from "./retention.js";

/**
 * Judges a project's commits, newest first. Rejects with USAGE where none would be kept, unless that is what was asked for: a
 * mistyped tag must not cost a whole history. Rejects with NO_PROJECT.
 */
export async function planForget(remote: Remote, policy: Policy): Promise<Judged<Datable>[]> {
  const judged = judge(await readDatable(remote, policy), policy);
  if (policy.last === 0 || judged.some(({ reasons }) => reasons.length > 0)) return judged;
  throw new BakError("USAGE", `that would keep no commit of project '${remote.project}'`, {
    hint: "if all are to go, say so with --keep-last 0",
  });
}

/** As `planForget`, for commits that are named, as `findCommit` takes names: gives only those. */
export async function planForgetNamed(remote: Remote, names: readonly string[]): Promise<Judged<Received>[]> {
  const goes = new Set<ObjectId>();
  for (const name of names) goes.add(await findCommit(remote, name));
  const judged: Judged<Received>[] = [];
  for await (const line of remote.log()) {
    if (goes.has(line.commit)) judged.push({ line, reasons: [] });
  }
  return judged;
}

/** What is to be brought back: all that can be, or, of that, what is named by the beginnings of ids. */
export async function planUndo(remote: Remote, names: readonly string[]): Promise<ForgottenCommit[]> {
  const forgotten: ForgottenCommit[] = [];
  for await (const line of remote.forgotten()) forgotten.push(line);
  if (names.length === 0) return forgotten;
  const ids = forgotten.map(({ commit }) => commit);
  const none = "no forgotten commit";
  const hint = "'bak log --forgotten' lists what can be brought back";
  const comes = new Set(names.map((name) => findAmong(ids, parsePrefix(name), { none, hint, of: remote.project })));
  return forgotten.filter(({ commit }) => comes.has(commit));
}

function parsePrefix(name: string): string {
  if (/^[0-9a-f]{4,64}$/i.test(name)) return name.toLowerCase();
  throw new BakError("BAD_COMMIT_NAME", `not a forgotten commit: '${name}'`, {
    hint: "name it by 4 or more digits of its id; 'bak log --forgotten' lists what can be brought back",
  });
}

/** Tags stand in the commits themselves, which are only fetched where a rule asks for tags. */
async function readDatable(remote: Remote, policy: Policy): Promise<Datable[]> {
  if (remote.head === undefined) throw await noProject(remote);
  const lines: Datable[] = [];
  if (policy.tags === undefined) {
    for await (const { commit, receivedMs } of remote.log()) lines.push({ commit, receivedMs, tags: [] });
  } else {
    for await (const { commit, receivedMs, content } of readHistory(remote))
      lines.push({ commit, receivedMs, tags: content.tags });
  }
  return lines;
}
