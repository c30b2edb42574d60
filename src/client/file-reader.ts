/**
 * Has files read by the threads of a push: small ones many at a time, large ones a buffer at a time. What was read goes on
 * as batches; what became of each file is told to whoever asked for it.
 */
import { BakError } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import { maxWholeFileBytes } from "../objects/chunker.js";
import type { FileContent } from "../objects/entry.js";
import { objectIdAt, objectIdLength, type ObjectId } from "../objects/object-id.js";
import { unpackError } from "../threads/thread-error.js";
import { selectObjects, type Batch } from "./batch.js";
import type { BufferPool } from "./buffer-pool.js";
import { minPredictedBytes, type OldChunks } from "./old-chunks.js";
import { doJob, type PushPool } from "./push-work.js";
import { readOutcomes, statFields, type ReadResult } from "./read-batch.js";
import type { Unsteadiness } from "./read-file.js";
import type { ReadMoreResult } from "./read-large.js";
import type { SourceStat } from "./source-stat.js";

/** No batch has more files: their paths and stats travel as well. */
const maxBatchFiles = 1024;

/** What has become of a file. */
export type ReadOutcome =
  | {
      readonly type: "read";
      readonly content: FileContent;
      /** As it was when the reading ended; its size is that of the content. */
      readonly stat: SourceStat;
      /** What was still happening to it at the last try: then its content may be of no one moment. */
      readonly unsteady: Unsteadiness | undefined;
    }
  /** It need not be read: what is in it is known, and in the store. */
  | { readonly type: "known"; readonly content: FileContent; readonly stat: SourceStat }
  | { readonly type: "failed"; readonly error: Error };

export interface FileReaderOptions {
  readonly pool: PushPool;
  /** For small files; holds the largest of them. */
  readonly smallBuffers: BufferPool;
  /** For large files; holds the largest chunk and list. */
  readonly largeBuffers: BufferPool;
  /** Takes over what was read, buffer and all. */
  readonly take: (batch: Batch) => void;
  /** Told of bytes as they are read. */
  readonly onBytes: (count: number) => void;
  /** Told of a file that is read a buffer at a time by how much more of it was read, and at its end of all that as taken away. */
  readonly onUnderWay: (change: number) => void;
  /** Fetches the chunks that a list of the head names. What it rejects with stops the reading of all files. */
  readonly oldChunks?: (list: ObjectId) => Promise<OldChunks | undefined>;
}

/** See `FileReader.read`. */
export type ReadsFile = (
  path: ByteString,
  stat: SourceStat,
  done: (outcome: ReadOutcome) => void,
  before?: ObjectId,
) => Promise<void> | undefined;

interface Asked {
  readonly path: ByteString;
  readonly stat: SourceStat;
  readonly done: (outcome: ReadOutcome) => void;
  readonly before: ObjectId | undefined;
}

export class FileReader {
  readonly #options: FileReaderOptions;
  #gathered: Asked[] = [];
  #gatheredBytes = 0;
  /** Batches that are on their way, and large files. */
  readonly #underWay = new Set<Promise<void>>();
  /** What the next call of `read` has to wait for. */
  #room: Promise<void> | undefined;
  #largeFiles = 0;
  /** Small files that were others than they were found, and are read again: one after the other, since any may be large by now. */
  #again: Promise<void> = Promise.resolve();
  #waitingAgain = 0;
  #nextFile = 1;
  #failure: { readonly reason: unknown } | undefined;

  constructor(options: FileReaderOptions) {
    this.#options = options;
  }

  /**
   * Has a file read that was found as `stat` says; `done` is called once, later. Gives a promise to wait for when enough is
   * under way. `before` is the list of the file at the head, if it had one, whose chunks the store has. Throws, and `finish`
   * rejects, with what stops the reading of all files.
   */
  read(...[path, stat, done, before]: Parameters<ReadsFile>): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure.reason;
    if (stat.size > maxWholeFileBytes) return this.#startLarge({ path, stat, done, before });
    const isFull = this.#gatheredBytes + stat.size > maxWholeFileBytes || this.#gathered.length >= maxBatchFiles;
    if (isFull) {
      this.#options.pool.startAll(); // where there is one full batch, there are more as a rule
      this.#sendBatch();
    }
    this.#gathered.push({ path, stat, done, before });
    this.#gatheredBytes += stat.size;
    return this.#waitingAgain > maxBatchFiles ? this.#again : this.#room;
  }

  /** Resolves once every file has been read, or has failed. */
  async finish(): Promise<void> {
    this.#sendBatch();
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  /** Waits for what is under way, and calls nobody any more. */
  async abandon(): Promise<void> {
    this.#failure ??= { reason: new BakError("INTERNAL", "the reading of files was given up") };
    this.#gathered = [];
    await Promise.all(this.#underWay);
  }

  #sendBatch(): void {
    const files = this.#gathered;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (files.length === 0) return;
    const buffer = this.#options.smallBuffers.take();
    // the next batch may be gathered meanwhile, but only one waits for a buffer
    const room = buffer.then(
      () => undefined,
      () => undefined,
    );
    this.#room = room;
    void room.then(() => {
      if (this.#room === room) this.#room = undefined;
    });
    this.#track(this.#readBatch(files, buffer));
  }

  async #readBatch(files: readonly Asked[], buffer: Promise<ArrayBuffer>): Promise<void> {
    const stats = new BigInt64Array(files.length * statFields);
    for (const [index, { stat }] of files.entries()) {
      stats[index * statFields] = stat.ino;
      stats[index * statFields + 1] = BigInt(stat.size);
      stats[index * statFields + 2] = stat.ctimeNs;
    }
    const paths = files.map(({ path }) => path).join("\0");
    const result = await doJob(this.#options.pool, { type: "read", paths, stats, buffer: await buffer });
    if (this.#failure !== undefined) return;
    this.#options.take(batchOf(files, result));
    const failures = new Map(result.failures.map(({ index, error }) => [index, error]));
    for (const [index, asked] of files.entries()) {
      const { stat, done } = asked;
      const failure = failures.get(index);
      if (failure !== undefined) {
        done({ type: "failed", error: unpackError(failure) });
      } else if (result.outcomes[index] === readOutcomes.moved) {
        this.#readAgain(asked);
      } else {
        this.#options.onBytes(stat.size);
        const content = { blob: objectIdAt(result.ids, index * objectIdLength) };
        done({ type: "read", content, stat, unsteady: undefined });
      }
    }
  }

  #startLarge(asked: Asked): Promise<void> | undefined {
    this.#largeFiles += 1;
    const reading = this.#readLarge(asked).finally(() => (this.#largeFiles -= 1));
    this.#track(reading);
    return this.#largeFiles < this.#options.pool.size ? this.#room : reading.catch(() => undefined);
  }

  /** Reads a file with more care, after all others that are to be read so. */
  #readAgain(asked: Asked): void {
    this.#waitingAgain += 1;
    const reading = this.#again.then(() => this.#readLarge(asked)).finally(() => (this.#waitingAgain -= 1));
    this.#again = reading.catch(() => undefined);
    this.#track(reading);
  }

  async #readLarge(asked: Asked): Promise<void> {
    const { onBytes, onUnderWay } = this.#options;
    let underWay = 0;
    try {
      await this.#readParts(asked, (count) => {
        underWay += count;
        onBytes(count);
        onUnderWay(count);
      });
    } finally {
      onUnderWay(-underWay);
    }
  }

  async #readParts({ path, stat, done, before }: Asked, onRead: (count: number) => void): Promise<void> {
    const { pool, largeBuffers, take, oldChunks } = this.#options;
    const isPredicted = before !== undefined && stat.size >= minPredictedBytes;
    let old = isPredicted ? await oldChunks?.(before) : undefined;
    if (this.#failure !== undefined) return;
    const thread = pool.thread();
    const file = this.#nextFile;
    this.#nextFile += 1;
    const giveUp = (): Promise<unknown> => doJob(thread, { type: "readMore", file, path, buffer: undefined });
    for (;;) {
      let step: ReadMoreResult;
      const buffer = await largeBuffers.take().catch(async (error: unknown) => {
        await giveUp();
        throw error;
      });
      try {
        step = await doJob(thread, { type: "readMore", file, path, buffer, old });
        old = undefined; // the thread has it
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        largeBuffers.give(new ArrayBuffer(largeBuffers.sizeBytes)); // the one that was sent has not come back
        if (this.#failure === undefined) done({ type: "failed", error });
        return;
      }
      if (this.#failure !== undefined) return void (await giveUp());
      onRead(step.bytesRead);
      if (step.batch !== undefined) take(step.batch);
      if (step.end !== undefined) return done({ type: "read", ...step.end });
    }
  }

  /** Nothing more is read. What is under way keeps its buffers, or has lost them with its thread: nobody is to wait for those. */
  #fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#options.smallBuffers.fail(reason);
    this.#options.largeBuffers.fail(reason);
  }

  #track(work: Promise<void>): void {
    const tracked = work.catch((error: unknown) => this.#fail(error)).finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }
}

/** The files that were read. */
function batchOf(files: readonly Asked[], { buffer, outcomes, ids }: ReadResult): Batch {
  const places = new Uint32Array(files.length * 2);
  let at = 0;
  for (const [index, { stat }] of files.entries()) {
    places[index * 2] = at;
    places[index * 2 + 1] = stat.size;
    at += stat.size;
  }
  const kinds = new Uint8Array(files.length); // blobs all
  return selectObjects({ buffer, kinds, ids, places }, (index) => outcomes[index] === readOutcomes.read);
}
