/**
 * Feeds a decoder with inputs that are nearly right: valid encodings that have been spoiled, and some that are random. Each
 * input follows from a seed and its own number, so any of them can be made again alone.
 *
 *     npm run fuzz -- --minutes 10 --seed 7        longer, and with other inputs, than `npm test`
 */
import { getHeapStatistics } from "node:v8";
import { Worker } from "node:worker_threads";
import type { Test } from "tap";
import { isBakError, type ErrorCode } from "../../src/errors.js";
import { seededBytes, seededNumbers } from "./arbitrary-bytes.js";
import { mutate, type Shape } from "./mutations.js";

export interface FuzzTarget {
  /** Valid encodings, to be spoiled. Each of them must be accepted as it is. */
  readonly seeds: readonly Uint8Array[];
  /** More that is to be spoiled, or to be put into the others; nobody expects it to be accepted. */
  readonly material?: readonly Uint8Array[];
  /** What the encodings are made of. */
  readonly shape: Shape;
  /** The only codes that bytes may be refused with. */
  readonly codes: readonly ErrorCode[];
  /**
   * Decodes the bytes, and gives what is wrong with what came out of it; undefined if all is well. What it throws is a
   * fault, too, unless it is a BakError with one of the codes.
   */
  readonly judge: (bytes: Buffer) => string | undefined | Promise<string | undefined>;
  /** How many inputs there are when nobody asks for more. */
  readonly count: number;
  /** What may be allocated for an input, beside 64 times its own length. */
  readonly allocatedBytes?: number;
}

/** An input may take so much time of the processor, and so much more for each of its bytes. */
const cpuLimitMs = 100;
const cpuLimitMsPerByte = 0.001;
/** Whoever has not come back after so long never does. */
const hangMs = 30_000;
const defaultAllocatedBytes = 4 << 20;
const allocatedPerByte = 64;
const maxShownBytes = 1 << 16;
const maxInputBytes = 4 << 20;

/** What came of it. */
export interface FuzzReport {
  readonly inputs: number;
  readonly accepted: number;
  readonly refused: number;
  /** The first input that something was wrong with. */
  readonly fault?: { readonly what: string; readonly input: string; readonly hex: string };
}

/** Tests a decoder with `count` inputs, or for the time that the command line asks for. */
export async function fuzz(t: Test, name: string, target: FuzzTarget): Promise<void> {
  const options = parseArguments(process.argv);
  const begun = performance.now();
  const { fault, inputs, accepted, refused } = await findFault(name, target, options);
  const seconds = (performance.now() - begun) / 1000;
  t.comment(
    `${name}: ${inputs} inputs of seed ${options.seed}, ${accepted} accepted, ${refused} refused, ` +
      `${seconds.toFixed(1)} s, ${Math.round(inputs / seconds)} a second`,
  );
  if (fault !== undefined) return void t.fail(`${name}: ${fault.input}: ${fault.what}`, { hex: fault.hex });
  t.ok(refused > inputs / 100, `${name}: inputs are spoiled: ${refused} of ${inputs} refused`);
  t.ok(accepted > target.seeds.length, `${name}: and not beyond all recognition: ${accepted} accepted`);
}

/** The same, without a test. Each valid encoding comes first, as it is. */
export async function findFault(
  name: string,
  target: FuzzTarget,
  { seed, minutes }: { seed: number; minutes?: number | undefined },
): Promise<FuzzReport> {
  const watch = new Watch(name);
  const tally = { accepted: 0, refused: 0 };
  let inputs = 0;
  const take = async (bytes: Buffer, input: string, isValid = false): Promise<FuzzReport | undefined> => {
    watch.see(bytes);
    inputs += 1;
    const { refused } = tally;
    const what = (await faultIn(target, bytes, tally)) ?? (isValid && tally.refused > refused ? "refused" : undefined);
    return what === undefined ? undefined : { inputs, ...tally, fault: { what, input, hex: shown(bytes) } };
  };
  try {
    for (const [index, valid] of target.seeds.entries()) {
      const found = await take(Buffer.from(valid), `valid encoding ${index}`, true);
      if (found !== undefined) return found;
    }
    const endMs = minutes === undefined ? Infinity : performance.now() + minutes * 60_000;
    const count = minutes === undefined ? target.count : Infinity;
    for (let number = 0; number < count && (number % 256 !== 0 || performance.now() < endMs); number += 1) {
      const found = await take(inputOf(target, seed, number), `input ${number} of seed ${seed}`);
      if (found !== undefined) return found;
    }
    return { inputs, ...tally };
  } finally {
    await watch.end();
  }
}

/** One input in sixteen is random from its first byte on. */
function inputOf({ seeds, material = [], shape }: FuzzTarget, seed: number, number: number): Buffer {
  const next = seededNumbers(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b));
  for (let warm = 0; warm < 3; warm += 1) next();
  if (next() % 16 === 0) return seededBytes(next(), next() % 300);
  return mutate([...seeds, ...material], shape, next);
}

async function faultIn(
  target: FuzzTarget,
  bytes: Buffer,
  tally: { accepted: number; refused: number },
): Promise<string | undefined> {
  const { codes, judge, allocatedBytes = defaultAllocatedBytes } = target;
  const before = allocated();
  const begun = performance.now();
  try {
    const judging = judge(bytes);
    const wrong = judging instanceof Promise ? await judging : judging;
    if (wrong !== undefined) return wrong;
    tally.accepted += 1;
  } catch (error) {
    if (!isBakError(error, ...codes)) {
      return `threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    }
    tally.refused += 1;
  }
  // less than was allocated where garbage has been collected meanwhile, which a later input of the kind shows
  const grown = allocated() - before;
  if (grown > allocatedBytes + bytes.length * allocatedPerByte) return `allocated ${grown} bytes for ${bytes.length}`;
  if (performance.now() - begun > cpuLimitMs) return slownessOf(target, bytes);
  return undefined;
}

/** Other processes may have had their turn: only an input that is slow again and again, by the processor's time, is at fault. */
async function slownessOf({ judge }: FuzzTarget, bytes: Buffer): Promise<string | undefined> {
  let fastestMs = Infinity;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const begun = process.cpuUsage();
    await (async () => judge(bytes))().catch(() => undefined);
    const { user, system } = process.cpuUsage(begun);
    fastestMs = Math.min(fastestMs, (user + system) / 1000);
  }
  return fastestMs > cpuLimitMs + bytes.length * cpuLimitMsPerByte
    ? `took ${Math.round(fastestMs)} ms of the processor for ${bytes.length} bytes`
    : undefined;
}

function allocated(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

function shown(bytes: Buffer): string {
  const hex = bytes.toString("hex", 0, maxShownBytes);
  return bytes.length > maxShownBytes ? `${hex}… (${bytes.length} bytes)` : hex;
}

/** Told by `npm run fuzz`, through tap. */
function parseArguments(argv: readonly string[]): { seed: number; minutes: number | undefined } {
  const numberAfter = (flag: string): number | undefined => {
    const given = argv.find((each) => each.startsWith(`${flag}=`));
    return given === undefined ? undefined : Number(given.slice(flag.length + 1));
  };
  return { seed: numberAfter("--seed") ?? 1, minutes: numberAfter("--minutes") };
}

interface WatchData {
  readonly name: string;
  readonly limitMs: number;
  readonly maxShownBytes: number;
  /** How many inputs have been seen, and how long the last one is. */
  readonly state: Int32Array;
  readonly input: Uint8Array;
}

/**
 * Sees from another thread whether this one still goes on: a decoder that never comes back cannot be stopped, so the input
 * that it hangs on is printed, and the process killed.
 */
class Watch {
  readonly #state = new Int32Array(new SharedArrayBuffer(8));
  readonly #input = new Uint8Array(new SharedArrayBuffer(maxInputBytes));
  readonly #worker: Worker;

  constructor(name: string) {
    const workerData: WatchData = { name, limitMs: hangMs, maxShownBytes, state: this.#state, input: this.#input };
    this.#worker = new Worker(`(${watchOver.toString()})(require)`, { eval: true, workerData, execArgv: [] });
    this.#worker.unref();
  }

  see(bytes: Uint8Array): void {
    this.#input.set(bytes.subarray(0, this.#input.length));
    this.#state[1] = bytes.length;
    Atomics.add(this.#state, 0, 1);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** What the other thread does; it has nothing but its own text, and `require`. */
function watchOver(load: (name: string) => unknown): void {
  const { workerData } = load("node:worker_threads") as { workerData: WatchData };
  const { name, limitMs, maxShownBytes: most, state, input } = workerData;
  const { writeSync } = load("node:fs") as { writeSync: (fd: number, text: string) => void };
  let last = 0;
  let since = Date.now();
  setInterval(() => {
    const seen = Atomics.load(state, 0);
    if (seen !== last) [last, since] = [seen, Date.now()];
    if (seen === 0 || Date.now() - since < limitMs) return;
    const hex = Buffer.from(input.slice(0, Math.min(state[1] as number, most))).toString("hex");
    writeSync(2, `${name}: hangs on ${state[1]} bytes: ${hex}\n`);
    process.kill(process.pid, "SIGKILL");
  }, 500);
}
