/**
 * BLAKE3-256 (https://github.com/BLAKE3-team/BLAKE3-specs), from one of two implementations with the same interface:
 * native code where the optional package @napi-rs/blake-hash is installed, WebAssembly everywhere else.
 */
import { createRequire } from "node:module";
import type * as Wasm from "blake3-wasm";
import type * as Native from "@napi-rs/blake-hash";

/** Length of a BLAKE3-256 hash in bytes. */
export const hashLength = 32;

/** An incremental hash; `digest` may be called once. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** The 32 bytes of the hash of everything given to `update`. */
  digest(): Buffer;
}

/** One implementation of BLAKE3-256. */
export interface Blake3 {
  readonly name: Blake3Name;
  /** The 32-byte hash of the given bytes, whole. */
  hash(bytes: Uint8Array): Buffer;
  /** The same as 64 lower-case hex digits, for less: of small objects, making a buffer costs more than hashing them. */
  hashHex(bytes: Uint8Array): string;
  createHasher(): Hasher;
}

export const blake3Names = ["native", "wasm"] as const;
export type Blake3Name = (typeof blake3Names)[number];

const load = createRequire(import.meta.url);

/** WebAssembly memory is never given back, so what is copied into it at a time is kept small. */
const wasmStepBytes = 1 << 20;

function loadWasm(): Blake3 {
  const wasm = load("blake3-wasm") as typeof Wasm;
  const createHasher = (): Hasher => {
    const hasher = wasm.createHash();
    return {
      update: (bytes) => {
        for (let at = 0; at < bytes.length; at += wasmStepBytes) hasher.update(bytes.subarray(at, at + wasmStepBytes));
      },
      digest: () => Buffer.from(hasher.digest()),
    };
  };
  const hash = (bytes: Uint8Array): Buffer => {
    if (bytes.length <= wasmStepBytes) return Buffer.from(wasm.hash(bytes));
    const hasher = createHasher();
    hasher.update(bytes);
    return hasher.digest();
  };
  return { name: "wasm", hash, hashHex: (bytes) => hash(bytes).toString("hex"), createHasher };
}

function loadNative(): Blake3 {
  const native = load("@napi-rs/blake-hash") as typeof Native;
  const reused = new native.Blake3Hasher(); // nobody else has it between reset and digest
  return {
    name: "native",
    hash: (bytes) => native.blake3(bytes),
    hashHex: (bytes) => {
      reused.reset();
      reused.update(bytes);
      return reused.digest("hex");
    },
    createHasher: () => {
      const hasher = new native.Blake3Hasher();
      return { update: (bytes) => void hasher.update(bytes), digest: () => hasher.digestBuffer() };
    },
  };
}

/** Loads one implementation by name; throws what `require` throws where it is not installed. */
export function loadBlake3(name: Blake3Name): Blake3 {
  return name === "native" ? loadNative() : loadWasm();
}

let chosen: Blake3 | undefined;

/** Makes every later hash of this process come from the given implementation. */
export function useBlake3(implementation: Blake3): void {
  chosen = implementation;
}

/** The implementation in use: native where it can be loaded, WebAssembly otherwise. */
export function blake3(): Blake3 {
  if (chosen === undefined) {
    try {
      chosen = loadBlake3("native");
    } catch {
      chosen = loadBlake3("wasm"); // an optional package that is missing, or built for another machine, is no failure
    }
  }
  return chosen;
}
