/** Which right each request needs: the one place where that is said. */
import { BakError } from "../errors.js";
import type { Right } from "../objects/rights.js";
import type { ProjectId } from "../objects/project-id.js";
import { answerTypes, type MessageType, type RequestType } from "../protocol/messages.js";
import type { Access } from "./access.js";

/**
 * Any one of the rights is enough; where none is named, a token that is for the project is. Who may push and not read gets
 * trees, commits and lists, without which there is no comparing, and no content of files (see without-blobs.ts).
 */
export const requestRights = {
  hello: [],
  projects: [],
  has: ["push"],
  packBegin: ["push"],
  packMember: ["push"],
  packEnd: ["push"],
  commit: ["push"],
  get: ["read", "push"],
  trees: ["read", "push"],
  log: ["read", "push"],
  forget: ["delete"],
  replace: ["delete"],
  forgottenLog: ["read", "delete"],
  collect: ["admin"],
  check: ["admin"],
  stats: ["admin"],
  measure: ["admin"],
  tokenAdd: ["admin"],
  tokenList: ["admin"],
  tokenRevoke: ["admin"],
  tokenTry: [],
} as const satisfies Record<RequestType, readonly Right[]>;

/** Throws NOT_ALLOWED unless the access is to last, and lets the request be answered. What is no request, anybody may send in vain. */
export function assertMay(access: Access, type: MessageType, project: ProjectId): void {
  access.revoked.throwIfAborted();
  if (isAnswer(type)) return;
  const needed: readonly Right[] = requestRights[type];
  if (needed.length === 0 || needed.some((right) => access.may(right))) return;
  throw notAllowed(access, needed, project);
}

/** NOT_ALLOWED: which token lacks which right, and what can be done. */
export function notAllowed({ name }: Access, needed: readonly Right[], project: ProjectId): BakError {
  const what = needed.map((right) => `'${right}'`).join(" or ");
  const where = needed.includes("admin") ? "this store" : `project '${project}'`;
  return new BakError("NOT_ALLOWED", `not allowed: token '${name}' has no right ${what} over ${where}`, {
    hint: `use a token that was made with '--may ${needed[0]}'; whoever keeps the store makes one with 'bak token add'`,
  });
}

function isAnswer(type: MessageType): type is (typeof answerTypes)[number] {
  return (answerTypes as readonly MessageType[]).includes(type);
}
