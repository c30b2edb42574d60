/**
 * Frees buffers that nobody uses any more. V8 collects when its own heap has filled up, and buffers lie outside of that:
 * a thread that inflates a member after the other holds dozens of them for nothing. A collection of young objects, of
 * which hardly any survive, takes less than a millisecond.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** So much may lie unused. */
const maxGarbageBytes = 4 << 20;

type Collect = (options: { type: "minor" }) => void;

let collect: Collect | undefined;
let garbageBytes = 0;

/** Tells that buffers of so many bytes were used, and are not needed any more. */
export function countGarbage(bytes: number): void {
  garbageBytes += bytes;
  if (garbageBytes < maxGarbageBytes) return;
  garbageBytes = 0;
  collect ??= findCollector();
  collect({ type: "minor" });
}

/** V8 offers its collector to new contexts only, and only once it has been told to. */
function findCollector(): Collect {
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("globalThis.gc");
  return typeof found === "function" ? (found as Collect) : () => undefined;
}
