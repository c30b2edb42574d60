/**
 * The parts of bak that the bench calls, from dist/ as they were built: the one place that names them. Their types come from
 * src/, so that a part that has changed does not type-check here.
 */
import { BenchError } from "./bench-error.js";

/** @param {string} path */
async function load(path) {
  const url = new URL(`../dist/${path}`, import.meta.url).href;
  try {
    return await import(url);
  } catch (cause) {
    if (/** @type {NodeJS.ErrnoException} */ (cause).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new BenchError(`bak is not built: no 'dist/${path}'`, { hint: "npm run build", cause });
  }
}

/** What members, packs and their indexes are made with. */
export const loadPacking = async () => ({
  .../** @type {typeof import("../src/objects/hash.js")} */ (await load("objects/hash.js")),
  .../** @type {typeof import("../src/objects/member-codec.js")} */ (await load("objects/member-codec.js")),
  .../** @type {typeof import("../src/objects/member-tar.js")} */ (await load("objects/member-tar.js")),
  .../** @type {typeof import("../src/objects/object-id.js")} */ (await load("objects/object-id.js")),
  .../** @type {typeof import("../src/objects/pack-format.js")} */ (await load("objects/pack-format.js")),
  .../** @type {typeof import("../src/store/pack-index-builder.js")} */ (await load("store/pack-index-builder.js")),
});

/** What the metadata of a folder is made with. */
export const loadMetadata = async () => ({
  .../** @type {typeof import("../src/objects/byte-string.js")} */ (await load("objects/byte-string.js")),
  .../** @type {typeof import("../src/objects/commit.js")} */ (await load("objects/commit.js")),
  .../** @type {typeof import("../src/objects/project-id.js")} */ (await load("objects/project-id.js")),
  .../** @type {typeof import("../src/objects/tree.js")} */ (await load("objects/tree.js")),
});

/** What opens a store, and finds its way in it. */
export const loadStore = async () => ({
  .../** @type {typeof import("../src/store/layout.js")} */ (await load("store/layout.js")),
  .../** @type {typeof import("../src/store/open-store.js")} */ (await load("store/open-store.js")),
});

/** What cuts files, and what messages are made with. */
export const loadChunker = async () =>
  /** @type {typeof import("../src/objects/chunker.js")} */ (await load("objects/chunker.js"));
export const loadMessages = async () =>
  /** @type {typeof import("../src/protocol/message-codec.js")} */ (await load("protocol/message-codec.js"));
