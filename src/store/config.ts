/**
 * A store's config.json, which makes a folder a store: `{"version": 1, "id": "…", "created": "…"}`, and `"compression"` where
 * the store asks for another than gzip.
 */
import { BakError } from "../errors.js";
import { codecs, type Codec } from "../objects/member-codec.js";

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

/** The text of a config.json. */
export function formatConfig({ version, id, createdMs, compression }: StoreConfig): string {
  const asked = compression === "gzip" ? {} : { compression };
  return `${JSON.stringify({ version, id, created: new Date(createdMs).toISOString(), ...asked }, undefined, 2)}\n`;
}

/** What a config.json says. Throws STORE_VERSION for a later version of the format, STORE_DAMAGED for anything else. */
export function parseConfig(text: string, path: string): StoreConfig {
  const { version: found, id, created, compression: asked } = parseObject(text, path);
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

function parseObject(text: string, path: string): Record<"version" | "id" | "created" | "compression", unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, "it is not JSON", cause);
  }
  if (typeof value !== "object" || value === null) throw damaged(path, "it is not a JSON object");
  return { version: undefined, id: undefined, created: undefined, compression: undefined, ...value };
}

function damaged(path: string, why: string, cause?: unknown): BakError {
  return new BakError("STORE_DAMAGED", `damaged store: '${path}' can't be used, ${why}`, {
    hint: "restore the file from a copy of the store; packs and projects do not depend on it",
    cause,
  });
}
