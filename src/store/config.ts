/** A store's config.json, which makes a folder a store: `{"version": 1, "id": "…", "created": "…"}`. */
import { BakError } from "../errors.js";

/** The version of the store's layout that this code makes, and the only one it opens. */
export const storeVersion = 1;

const idPattern = /^[A-Za-z0-9_-]{21}$/;

export interface StoreConfig {
  /** A nanoid. */
  readonly id: string;
  readonly createdMs: number;
}

/** The text of a config.json. */
export function formatConfig({ id, createdMs }: StoreConfig): string {
  return `${JSON.stringify({ version: storeVersion, id, created: new Date(createdMs).toISOString() }, undefined, 2)}\n`;
}

/** What a config.json says. Throws STORE_VERSION for a later version of the format, STORE_DAMAGED for anything else. */
export function parseConfig(text: string, path: string): StoreConfig {
  const { version, id, created } = parseObject(text, path);
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1)
    throw damaged(path, "it has no version");
  if (version > storeVersion) {
    throw new BakError(
      "STORE_VERSION",
      `store format ${version} is unknown: '${path}', this bak reads ${storeVersion}`,
      {
        hint: "use a later version of bak",
      },
    );
  }
  if (typeof id !== "string" || !idPattern.test(id)) throw damaged(path, "it has no store id");
  const createdMs = typeof created === "string" ? Date.parse(created) : Number.NaN;
  if (Number.isNaN(createdMs)) throw damaged(path, "it does not say when the store was created");
  return { id, createdMs };
}

function parseObject(text: string, path: string): Record<"version" | "id" | "created", unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, "it is not JSON", cause);
  }
  if (typeof value !== "object" || value === null) throw damaged(path, "it is not a JSON object");
  return { version: undefined, id: undefined, created: undefined, ...value };
}

function damaged(path: string, why: string, cause?: unknown): BakError {
  return new BakError("STORE_DAMAGED", `damaged store: '${path}' can't be used, ${why}`, {
    hint: "restore the file from a copy of the store; packs and projects do not depend on it",
    cause,
  });
}
