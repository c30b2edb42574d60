/** Project ids: what names a line of commits; also a folder's name in the store, so nothing that could climb is one. */
import { BakError } from "../errors.js";
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

/** A project id made from any text: what may not stand in one becomes `-`. */
export function projectIdFrom(text: string): ProjectId {
  const id = text
    .normalize("NFKD")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[-.]+|-+$/g, "")
    .slice(0, 128);
  return parseProjectId(id === "" ? "folder" : id);
}
