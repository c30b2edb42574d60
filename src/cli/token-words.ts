/** What a token is good for, as a person reads it. */
import type { TokenLine } from "../protocol/token-lines.js";
import { formatBytes, formatTime } from "./format.js";

/** `token 'laptop' is for laptop-*: push, read; until 2027-02-21 10:00` */
export function describeToken(
  token: Pick<TokenLine, "name" | "projects" | "rights" | "expiresMs" | "quotaBytes">,
): string {
  const { name, projects, rights, expiresMs, quotaBytes } = token;
  const limits = [
    ...(quotaBytes === undefined ? [] : [`quota ${formatBytes(quotaBytes)}`]),
    expiresMs === undefined ? "never expires" : `expires ${formatTime(expiresMs)}`,
  ];
  return `token '${name}' is for ${projects.join(", ")}: ${rights.join(", ")}; ${limits.join(", ")}`;
}

/** A token as `--json` of `bak login` has it. Times are ISO 8601; null for what there is not. */
export interface GrantedToken {
  name: string;
  projects: readonly string[];
  rights: readonly string[];
  expires: string | null;
  /** In bytes. */
  quota: number | null;
}

/** What a token is good for, for `--json`. */
export function grantedToken({ name, projects, rights, expiresMs, quotaBytes }: TokenLine): GrantedToken {
  const expires = expiresMs === undefined ? null : new Date(expiresMs).toISOString();
  return { name, projects, rights, expires, quota: quotaBytes ?? null };
}
