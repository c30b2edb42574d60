/**
 * A store's tokens.json: who may speak with the store, and what each may do. Whoever changes it by hand takes the line of
 * the check out of it. Unlike config.json, nothing of it is ever mended: a file that is not right lets nobody in.
 *
 *     {"version": 1, "tokens": [{"name": …, "id": …, "hash": …, "projects": […], "rights": […], "created": …}], "check": …}
 */
import { BakError } from "../errors.js";
import { isRecord } from "../objects/is-record.js";
import { isObjectId } from "../objects/object-id.js";
import { isProjectPattern, maxProjectPatterns } from "../objects/project-pattern.js";
import { rights as allRights, type Right } from "../objects/rights.js";
import { isTokenName } from "../objects/token-name.js";
import type { TokenTerms } from "../objects/token-terms.js";
import { checkDigits, checkLength } from "./check-digits.js";

/** What the store knows of a token. */
export interface Token extends TokenTerms {
  /** A nanoid: tells it from another of the same name that was there before. */
  readonly id: string;
  /** The BLAKE3 of its secret, 64 hex digits. */
  readonly hash: string;
  /** In ms since 1970. */
  readonly createdMs: number;
}

/** Whether a token is of no use any more. */
export function isExpired({ expiresMs }: Pick<Token, "expiresMs">, nowMs: number): boolean {
  return expiresMs !== undefined && nowMs >= expiresMs;
}

/** More than these are refused, so that a login costs the same, and little, whoever asks. */
export const maxTokens = 1000;
/** A longer file is not read, and not written. */
export const maxTokensBytes = 1 << 20;

const idPattern = /^[A-Za-z0-9_-]{21}$/;
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const checkStart = ',\n  "check": "';
const checkEnd = '"\n}\n';
const uncheckedEnd = "\n}\n";

/** The text of a tokens.json. Throws LIMIT for more than a store may have. */
export function formatTokens(tokens: readonly Token[]): string {
  const entries = tokens.map(({ name, id, hash, projects, rights, createdMs, expiresMs, quotaBytes }) => {
    const expires = expiresMs === undefined ? {} : { expires: new Date(expiresMs).toISOString() };
    const quota = quotaBytes === undefined ? {} : { quota: quotaBytes };
    return { name, id, hash, projects, rights, created: new Date(createdMs).toISOString(), ...expires, ...quota };
  });
  const text = `${JSON.stringify({ version: 1, tokens: entries }, undefined, 2)}\n`;
  if (tokens.length > maxTokens || text.length > maxTokensBytes - 100) {
    throw new BakError("LIMIT", `a store can't have more tokens than it has: ${tokens.length - 1}`, {
      hint: "revoke those that nobody uses: 'bak token list' says when each was used last",
    });
  }
  return text.slice(0, -uncheckedEnd.length) + checkStart + checkDigits(text) + checkEnd;
}

/**
 * What a tokens.json says; its characters are bytes. Throws STORE_VERSION for a later version of the file, STORE_DAMAGED for
 * anything else that is not exactly as it should be.
 */
export function parseTokens(text: string, path: string): Token[] {
  if (text.length > maxTokensBytes) throw damaged(path, "it is too long");
  const content = parseJson(text, path);
  if (!isRecord(content)) throw damaged(path, "it is not a JSON object");
  const { version, tokens, check, ...others } = content;
  if (check !== undefined && !isRight(text)) throw damaged(path, "its check does not match");
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1)
    throw damaged(path, "it has no version");
  if (version !== 1) {
    throw new BakError("STORE_VERSION", `version ${version} of '${path}' is unknown, this bak reads 1`, {
      hint: "use a later version of bak",
    });
  }
  if (Object.keys(others).length > 0) throw damaged(path, "it has a key that bak does not know");
  if (!Array.isArray(tokens) || tokens.length > maxTokens) throw damaged(path, "it has no list of tokens");
  const parsed = tokens.map((token, index) => parseToken(token, `${index + 1}`, path));
  for (const key of ["name", "id", "hash"] as const) {
    if (new Set(parsed.map((token) => token[key])).size < parsed.length) {
      throw damaged(path, `two tokens have the same ${key}`);
    }
  }
  return parsed;
}

function parseToken(value: unknown, which: string, path: string): Token {
  const wrong = (what: string): BakError => damaged(path, `token ${which} ${what}`);
  if (!isRecord(value)) throw wrong("is not an object");
  const { name, id, hash, projects, rights, created, expires, quota, ...others } = value;
  // a key that is misspelt, such as "expire", must not lengthen what somebody may do
  if (Object.keys(others).length > 0) throw wrong("has a key that bak does not know");
  if (typeof name !== "string" || !isTokenName(name)) throw wrong("has no name");
  if (typeof id !== "string" || !idPattern.test(id)) throw wrong("has no id");
  if (typeof hash !== "string" || !isObjectId(hash)) throw wrong("has no hash");
  if (!isList(projects, isProjectPattern) || projects.length > maxProjectPatterns) throw wrong("has no projects");
  if (!isList(rights, isKnownRight)) throw wrong("has no rights, or others than there are");
  const createdMs = timeOf(created);
  if (createdMs === undefined) throw wrong("does not say when it was made");
  const expiresMs = expires === undefined ? undefined : timeOf(expires);
  if (expires !== undefined && expiresMs === undefined) throw wrong("does not say when it expires");
  if (quota !== undefined && !isQuota(quota)) throw wrong("has a quota that is no number of bytes");
  return { name, id, hash, projects, rights, createdMs, expiresMs, quotaBytes: quota };
}

function isKnownRight(value: string): value is Right {
  return (allRights as readonly string[]).includes(value);
}

/** One or more texts, each once, that are all of a kind. */
function isList<T extends string>(value: unknown, isOne: (text: string) => text is T): value is T[] {
  if (!Array.isArray(value) || value.length === 0 || new Set(value).size < value.length) return false;
  return value.every((each) => typeof each === "string" && isOne(each));
}

function isQuota(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function timeOf(value: unknown): number | undefined {
  if (typeof value !== "string" || !timePattern.test(value)) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}

function isRight(text: string): boolean {
  const start = text.length - checkEnd.length - checkLength - checkStart.length;
  if (start < 0 || !text.startsWith(checkStart, start) || !text.endsWith(checkEnd)) return false;
  const check = text.slice(start + checkStart.length, -checkEnd.length);
  return checkDigits(text.slice(0, start) + uncheckedEnd) === check;
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged(path, "it is not JSON"); // without the cause, which has a part of the text
  }
}

function damaged(path: string, why: string): BakError {
  return new BakError("STORE_DAMAGED", `damaged store: '${path}' can't be used, ${why}`, {
    hint: "mend it, or move it away and make new tokens; if you changed it, take the line of the check out of it",
  });
}
