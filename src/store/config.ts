/**
 * A store's config.json, which makes a folder a store: `{"version": 1, "id": "…", "created": "…", "check": "…"}`, with
 * `"compression"` before the check where the store asks for another than gzip. The check is of the text without it.
 */
import { BakError } from "../errors.js";
import { codecs, type Codec } from "../objects/member-codec.js";
import { checkDigits, checkLength, mendOneByte, type Checked } from "./check-digits.js";

/**
 * The versions of the store's layout that this code opens. A store of version 1 has gzip packs alone, and is what this code
 * makes; in one of version 2 there may be zstd packs, too.
 */
const storeVersions = [1, 2] as const;
export type StoreVersion = (typeof storeVersions)[number];

const idPattern = /^[A-Za-z0-9_-]{21}$/;

export interface StoreConfig {
  readonly version: StoreVersion;
  /** A nanoid. */
  readonly id: string;
  readonly createdMs: number;
  /** What clients are asked to compress with. */
  readonly compression: Codec;
}

/** A config.json that has been read. */
export interface ParsedConfig {
  readonly config: StoreConfig;
  /** Whether the file has a wrong byte, of which its check tells what it was. */
  readonly isMended: boolean;
}

/** The text of a config.json. */
export function formatConfig({ version, id, createdMs, compression }: StoreConfig): string {
  const asked = compression === "gzip" ? {} : { compression };
  const content = { version, id, created: new Date(createdMs).toISOString(), ...asked };
  const text = `${JSON.stringify(content, undefined, 2)}\n`;
  return putTogether({ text, check: checkDigits(text) });
}

/**
 * What a config.json says; its characters are bytes. Throws STORE_VERSION for a later version of the format, STORE_DAMAGED for
 * anything else. One without a check, as earlier versions have made it, or a person, is taken as it is.
 */
export function parseConfig(text: string, path: string): ParsedConfig {
  const mended = mendConfig(text);
  return { config: readConfig(mended ?? text, path), isMended: mended !== undefined };
}

function readConfig(text: string, path: string): StoreConfig {
  const { version: found, id, created, compression: asked, check } = parseObject(text, path);
  if (check !== undefined && !isRight(text)) {
    throw damaged(path, "its check does not match", {
      hint: "if you changed the file, take the line of the check out of it",
    });
  }
  if (typeof found !== "number" || !Number.isInteger(found) || found < 1) throw damaged(path, "it has no version");
  const version = storeVersions.find((each) => each === found);
  if (version === undefined) {
    throw new BakError(
      "STORE_VERSION",
      `store format ${found} is unknown: '${path}', this bak reads ${storeVersions.join(" and ")}`,
      { hint: "use a later version of bak" },
    );
  }
  if (typeof id !== "string" || !idPattern.test(id)) throw damaged(path, "it has no store id");
  const createdMs = typeof created === "string" ? Date.parse(created) : Number.NaN;
  if (Number.isNaN(createdMs)) throw damaged(path, "it does not say when the store was created");
  const compression = codecs.find((each) => each === (asked ?? "gzip"));
  if (compression === undefined) throw damaged(path, `its compression is not one of ${codecs.join(", ")}`);
  return { version, id, createdMs, compression };
}

// what a text ends with, and the check within it
const uncheckedEnd = "\n}\n";
const checkStart = ',\n  "check": "';
const checkEnd = '"\n}\n';
const longestMended = 4096;

/** Where the check begins in a text that has one, or may have had; negative where it is too short for that. */
function startOfCheck(text: string): number {
  return text.length - checkEnd.length - checkLength - checkStart.length;
}

/** A text with a check in its place, taken apart; undefined for any other. */
function takeApart(text: string): Checked | undefined {
  const start = startOfCheck(text);
  if (start < 0 || !text.startsWith(checkStart, start) || !text.endsWith(checkEnd)) return undefined;
  const check = text.slice(start + checkStart.length, -checkEnd.length);
  return { text: text.slice(0, start) + uncheckedEnd, check };
}

function putTogether({ text, check }: Checked): string {
  return text.slice(0, -uncheckedEnd.length) + checkStart + check + checkEnd;
}

function isRight(text: string): boolean {
  const parts = takeApart(text);
  return parts !== undefined && checkDigits(parts.text) === parts.check;
}

/** The text as it was before one byte of it went wrong; undefined where that is not what happened to it. */
function mendConfig(text: string): string | undefined {
  const start = startOfCheck(text);
  if (start < 0 || text.length > longestMended || isRight(text)) return undefined;
  const check = text.slice(-checkEnd.length - checkLength, -checkEnd.length);
  const parts: Checked = { text: text.slice(0, start) + uncheckedEnd, check };
  const candidates = [parts, ...mendOneByte(parts)].map(putTogether);
  const mended = candidates.filter((each) => isRight(each) && hasOneDifference(each, text));
  return mended.length === 1 ? mended[0] : undefined;
}

function hasOneDifference(a: string, b: string): boolean {
  let count = a.length === b.length ? 0 : 2;
  for (let at = 0; at < a.length && count < 2; at += 1) if (a[at] !== b[at]) count += 1;
  return count === 1;
}

type Key = "version" | "id" | "created" | "compression" | "check";

function parseObject(text: string, path: string): Record<Key, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, "it is not JSON", { cause });
  }
  if (typeof value !== "object" || value === null) throw damaged(path, "it is not a JSON object");
  return { version: undefined, id: undefined, created: undefined, compression: undefined, check: undefined, ...value };
}

const restoreHint = "restore the file from a copy of the store; packs and projects do not depend on it";

function damaged(path: string, why: string, options: { cause?: unknown; hint?: string } = {}): BakError {
  return new BakError("STORE_DAMAGED", `damaged store: '${path}' can't be used, ${why}`, {
    hint: restoreHint,
    ...options,
  });
}
