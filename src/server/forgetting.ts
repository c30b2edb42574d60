/** What a session does about a project's forgotten commits. */
import { decodeObjectIds } from "../objects/object-id.js";
import type { ProjectId } from "../objects/project-id.js";
import { maxForgottenLinesPerMessage } from "../protocol/limits.js";
import { encodeForgottenLines } from "../protocol/log-lines.js";
import type { MessageOf } from "../protocol/messages.js";
import { defaultGraceMs } from "../store/grace.js";
import type { Store } from "../store/store.js";

type ForgetStore = Pick<Store, "forget" | "undoForget" | "readForgotten">;

/** Does what a `forget` asks for; the answer says how many commits that moved. */
export async function answerForget(
  store: ForgetStore,
  project: ProjectId,
  { request, commits, undo }: MessageOf<"forget">,
): Promise<MessageOf<"forgotten">> {
  const ids = decodeObjectIds(commits);
  const count = undo ? await store.undoForget(project, ids) : await store.forget(project, ids);
  return { type: "forgotten", request, count };
}

/** A page of what can be brought back, what was forgotten last first. */
export async function answerForgottenLog(
  store: ForgetStore,
  project: ProjectId,
  { request, skip, limit }: MessageOf<"forgottenLog">,
): Promise<MessageOf<"forgottenPage">> {
  const forgotten = await store.readForgotten(project);
  const end = Math.max(forgotten.length - skip, 0);
  const start = Math.max(end - Math.min(limit, maxForgottenLinesPerMessage), 0);
  const lines = encodeForgottenLines(forgotten.slice(start, end).toReversed());
  return { type: "forgottenPage", request, lines, total: forgotten.length, graceMs: defaultGraceMs };
}
