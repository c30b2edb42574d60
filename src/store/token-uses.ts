/**
 * When each token was used last, and from where: the file `token-uses.json` of a store. Only the process that serves the
 * store writes it, now and then; what it loses is lost, and nothing else depends on it.
 */
import { isIP } from "node:net";
import { maxTokens } from "./tokens.js";

/** The last use of a token. */
export interface TokenUse {
  readonly atMs: number;
  /** The address that it came from, without the port. */
  readonly from: string;
}

/** Uses by the ids of their tokens. */
export type TokenUses = ReadonlyMap<string, TokenUse>;

/** The text of the file. */
export function formatTokenUses(uses: TokenUses): string {
  const entries = Array.from(uses, ([id, { atMs, from }]) => [id, { at: new Date(atMs).toISOString(), from }] as const);
  return `${JSON.stringify({ version: 1, uses: Object.fromEntries(entries) }, undefined, 2)}\n`;
}

const idPattern = /^[A-Za-z0-9_-]{21}$/;

/** What the file says; nothing where it is not as it should be. */
export function parseTokenUses(text: string): Map<string, TokenUse> {
  const uses = new Map<string, TokenUse>();
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return uses;
  }
  const { version, uses: found } = (content ?? {}) as Record<string, unknown>;
  if (version !== 1 || typeof found !== "object" || found === null) return uses;
  for (const [id, value] of Object.entries(found).slice(0, maxTokens)) {
    const { at, from } = (value ?? {}) as Record<string, unknown>;
    const atMs = typeof at === "string" ? Date.parse(at) : Number.NaN;
    if (!idPattern.test(id) || Number.isNaN(atMs) || typeof from !== "string" || isIP(from) === 0) continue;
    uses.set(id, { atMs, from });
  }
  return uses;
}
