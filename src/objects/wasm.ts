/** Loads what assembly/ was compiled to. */
import { readFileSync } from "node:fs";

/** As much of it as is used here; Node's types leave it to those of browsers. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** What every module exports. */
export interface WasmExports {
  readonly memory: { readonly buffer: ArrayBuffer };
}

/** A new instance of dist/NAME.wasm; what it exports. */
export function loadWasm(name: "deflate" | "gear" | "inflate"): WasmExports {
  const code = readFileSync(new URL(`../../dist/${name}.wasm`, import.meta.url));
  return new WebAssembly.Instance(new WebAssembly.Module(code)).exports as WasmExports;
}
