/** Project ids: what names a line of commits; also a folder's name in the store, so nothing that could climb is one. */
import { BakError } from "../errors.js";
import { objectIdOf } from "./object-id.js";
import { quoted } from "./byte-string.js";

declare const brand: unique symbol;

/** 1 to 128 of the letters A-Z and a-z, digits, `.`, `_` and `-`; never `.` or `..`. */
export type ProjectId = string & { readonly [brand]: "ProjectId" };

const pattern = /^[A-Za-z0-9._-]{1,128}$/;

/** Whether a text is a project id. */
export function isProjectId(text: string): text is ProjectId {
  return pattern.test(text) && text !== "." && text !== "..";
}

/** The only way text becomes a ProjectId. Throws BAD_PROJECT_ID. */
export function parseProjectId(text: string): ProjectId {
  if (isProjectId(text)) return text;
  throw new BakError("BAD_PROJECT_ID", `not a project id: ${quoted(text, 200)}`, {
    hint: "use 1 to 128 letters, digits, '.', '_' and '-'",
  });
}

/**
 * A project id made from any text: spaces become `-`, and what else may not stand in one is left out; so that two texts
 * do not become one id by that, a few digits of the text's hash then take its place.
 */
export function projectIdFrom(text: string): ProjectId {
  const spaced = text.trim().replace(/\s+/g, "-");
  const kept = spaced.replace(/[^A-Za-z0-9._-]+/g, "").slice(0, 119);
  if (kept === spaced && isProjectId(kept)) return kept;
  const digits = objectIdOf(Buffer.from(text)).slice(0, 8);
  return parseProjectId(/[A-Za-z0-9]$/.test(kept) ? `${kept}-${digits}` : `${kept}${digits}`);
}
