/**
 * Frees buffers that nobody uses any more. V8 collects when its own heap has filled up, and buffers lie outside of that:
 * a thread that inflates a member after the other holds dozens of them for nothing. A collection of young objects, of
 * which hardly any survive, takes less than a millisecond.
 *
 * One of the whole heap takes ten, and helps nothing here; but V8 counts buffers as what has been added to the heap since the last, and
 * beside a heap of 10 MB every few of them would be enough for the next. So it is told to bear some of them.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isMainThread } from "node:worker_threads";

/** So much may lie unused. */
const maxGarbageBytes = 2 << 20;
/** So much may be added to a small heap before all of it is gone through: more than buffers come to that are in use. */
const headroomBytes = 32 << 20;

/** In how many steps that follows the heap from one multiple of its size to the next: V8 is not told anew each time. */
const steps = 4;

type Collect = (options: { type: "minor" }) => void;

let collect: Collect | undefined;
let garbageBytes = 0;
let growingPercent = 0;

/** Tells that buffers of so many bytes were used, and are not needed any more. */
export function countGarbage(bytes: number): void {
  garbageBytes += bytes;
  if (garbageBytes < maxGarbageBytes) return;
  garbageBytes = 0;
  collect ??= findCollector();
  collect({ type: "minor" });
  if (isMainThread) bearBuffers(); // flags are the whole process's
}

/** V8 offers its collector to new contexts only, and only once it has been told to. */
function findCollector(): Collect {
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("globalThis.gc");
  return typeof found === "function" ? (found as Collect) : () => undefined;
}

/** Has V8 wait for so much before it goes through all of its heap; a heap that is larger itself is left to V8's own judgement. */
function bearBuffers(): void {
  const { used_heap_size: heapBytes } = getHeapStatistics();
  const percent = heapBytes < headroomBytes ? Math.ceil((headroomBytes / heapBytes) * steps) * (100 / steps) : 0;
  if (percent === growingPercent) return;
  growingPercent = percent;
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}
