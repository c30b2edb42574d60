/**
 * How hard to compress, by what a push is waiting for: a slow link leaves the processor idle, which may then make fewer bytes.
 * The levels, and what they cost, were measured (docs/performance.md, Compression).
 *
 * Not for a store on this machine: there the other end needs the very cores that seem idle.
 */
import type { PackCodec } from "../objects/pack-format.js";

/** What a level does to text, at 512 KiB a member: MB/s of one core, and how many times smaller. */
export interface LevelCost {
  readonly level: number;
  readonly speed: number;
  readonly ratio: number;
}

/** The levels worth choosing, from the fastest: each makes fewer bytes than the one before, and takes longer. */
export const measuredLevels: Readonly<Record<PackCodec, readonly LevelCost[]>> = {
  gzip: [
    { level: 1, speed: 386, ratio: 5.75 },
    { level: 2, speed: 365, ratio: 5.97 },
    { level: 4, speed: 183, ratio: 6.22 },
    { level: 5, speed: 142, ratio: 6.52 },
    { level: 6, speed: 101, ratio: 6.65 },
  ],
  zstd: [
    { level: 1, speed: 615, ratio: 6.54 },
    { level: 2, speed: 594, ratio: 6.63 },
    { level: 3, speed: 533, ratio: 6.95 },
    { level: 5, speed: 268, ratio: 7.47 },
    { level: 6, speed: 180, ratio: 7.73 },
    { level: 7, speed: 159, ratio: 7.81 },
    { level: 9, speed: 123, ratio: 7.87 },
  ],
};

/** What happened since the last call of `observe`. */
export interface Observation {
  readonly elapsedMs: number;
  /** How much of that the sender waited for the network to take what was ready. */
  readonly networkWaitMs: number;
  /** How much of it the sender had nothing to send, because compression was not done. */
  readonly compressionWaitMs: number;
  /** Bytes that went out, compressed. */
  readonly sentBytes: number;
}

/** A decision needs so much time, and so many bytes, to rest on. */
const windowMs = 500;
const windowBytes = 1 << 20;
/** The network is what everything waits for if the sender waits for it so much of the time, and hardly for compression. */
const networkShare = 0.4;
const slackShare = 0.05;
/** Compression is what everything waits for. */
const compressionShare = 0.15;
/** After a level was too high, it is not tried again for so many windows; twice as many each time. */
const firstPause = 8;
const maxPause = 128;

/** Moves a codec's level up and down, one step at a time. Pure: it knows of time only what it is told. */
export class CompressionLevel {
  readonly #levels: readonly LevelCost[];
  readonly #start: number;
  #at: number;
  #window: Observation = nothing;
  /** Bytes a millisecond below which the last step up was a wrong one. */
  #leastRate = 0;
  /** No step up before so many more windows. */
  #pause = 0;
  #nextPause = firstPause;

  /** Begins at `level`, below which it never goes. */
  constructor(codec: PackCodec, level: number) {
    this.#levels = measuredLevels[codec];
    this.#start = Math.max(
      this.#levels.findIndex((each) => each.level === level),
      0,
    );
    this.#at = this.#start;
  }

  /** What to compress with now. */
  get level(): number {
    return (this.#levels[this.#at] as LevelCost).level;
  }

  /** To be told regularly what was waited for; short observations are added up. Gives the level from now on. */
  observe(observation: Observation): number {
    this.#window = sum(this.#window, observation);
    if (this.#window.elapsedMs >= windowMs && this.#window.sentBytes >= windowBytes) {
      this.#decide(this.#window);
      this.#window = nothing;
    }
    return this.level;
  }

  #decide({ elapsedMs, networkWaitMs, compressionWaitMs, sentBytes }: Observation): void {
    this.#pause = Math.max(this.#pause - 1, 0);
    const rate = sentBytes / elapsedMs;
    if (compressionWaitMs > elapsedMs * compressionShare || rate < this.#leastRate) return this.#stepDown();
    const isNetworkFull = networkWaitMs > elapsedMs * networkShare && compressionWaitMs <= elapsedMs * slackShare;
    if (isNetworkFull) this.#stepUp(rate);
  }

  /**
   * A link that is full carries as many bytes a second whatever is in them. Where it only seemed so, since both ends wait for
   * the same processor, fewer will come: by as much as the next level is slower, and makes them fewer.
   */
  #stepUp(rate: number): void {
    const [from, to] = this.#levels.slice(this.#at, this.#at + 2);
    if (this.#pause > 0 || from === undefined || to === undefined) return;
    const rateIfProcessorIsFull = rate * (to.speed / from.speed) * (from.ratio / to.ratio);
    this.#leastRate = (rate + rateIfProcessorIsFull) / 2;
    this.#at += 1;
  }

  #stepDown(): void {
    this.#leastRate = 0; // a link that has become slower is no reason to go down further
    if (this.#at === this.#start) return;
    this.#at -= 1;
    this.#pause = this.#nextPause;
    this.#nextPause = Math.min(this.#nextPause * 2, maxPause);
  }
}

const nothing: Observation = { elapsedMs: 0, networkWaitMs: 0, compressionWaitMs: 0, sentBytes: 0 };

function sum(a: Observation, b: Observation): Observation {
  return {
    elapsedMs: a.elapsedMs + b.elapsedMs,
    networkWaitMs: a.networkWaitMs + b.networkWaitMs,
    compressionWaitMs: a.compressionWaitMs + b.compressionWaitMs,
    sentBytes: a.sentBytes + b.sentBytes,
  };
}
