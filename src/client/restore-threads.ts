/** The threads of a restore: as many as pay, bounded in what they have at hand, and what their jobs come to. */
import { ownBytes } from "../threads/own-bytes.js";
import { ThreadPool, usefulThreads } from "../threads/thread-pool.js";
import type { RestoreTable } from "./restore-table.js";
import { doRestoreJob, endRestoreJobs, type RestoreDone, type RestoreJob } from "./restore-work.js";
import type { WriterPlan, Written } from "./restore-writer.js";

/** Members that wait for a thread, or are on one. Inflated, those that are on one take several times as much. */
const maxBytesAtHand = 16 << 20;
/** A thread has one job to do and one to go on with. */
const jobsPerThread = 2;
/**
 * Less work than this is done on the main thread. A thread takes 55 ms of CPU to start and load what it needs, and all of
 * them start before the first has done anything: with two cores and 1,500 small files two threads took 0.62 s of CPU in
 * all and 0.7 s of time, none 0.5 s and 0.5 s.
 */
const minFilesForThreads = 4096;
const minBytesForThreads = 96 << 20;
/** How often what a long job has written is told of. */
const reportIntervalMs = 100;

export interface RestoreThreadsOptions {
  /** How many; if it is not said, as many as pay. */
  readonly size: number | undefined;
  readonly plan: WriterPlan;
  readonly table: RestoreTable;
  readonly onWritten: (bytes: number) => void;
  /** What it throws ends the restore. */
  readonly onResult: (written: Written) => void;
}

type Task =
  | { readonly type: "write"; readonly member: Uint8Array }
  | { readonly type: "compare"; readonly files: Int32Array; readonly hashes: Uint8Array };

export class RestoreThreads {
  readonly #options: RestoreThreadsOptions;
  #pool: ThreadPool<RestoreJob, RestoreDone> | undefined;
  #foreseenFiles = 0;
  #foreseenBytes = 0;
  #jobs = 0;
  #bytes = 0;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  #reported = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RestoreThreadsOptions) {
    this.#options = options;
  }

  /** There will be work: before the first of it is done, this decides whether threads are started. */
  foresee(files: number, bytes: number): void {
    this.#foreseenFiles += files;
    this.#foreseenBytes += bytes;
  }

  /**
   * Resolves when a job is under way, and there was room for it. Throws what an earlier one failed with. `onDone` is given
   * its result in place of `onResult`.
   */
  async run(task: Task, round: number, onDone?: (done: RestoreDone) => void): Promise<void> {
    const pool = (this.#pool ??= this.#start());
    const bytes = task.type === "write" ? task.member.length : 0;
    const maxJobs = pool.size * jobsPerThread;
    while (this.#jobs >= maxJobs || (this.#jobs > 0 && this.#bytes + bytes > maxBytesAtHand)) await this.#change();
    this.#throwFailure();
    this.#jobs += 1;
    this.#bytes += bytes;
    const { plan, onResult } = this.#options;
    const [owned, transfer] = task.type === "write" ? handedOver(task.member) : [task, []];
    void this.#finish(
      pool.run({ plan, round, ...owned }, transfer),
      bytes,
      onDone ?? (({ written }) => onResult(written)),
    );
  }

  async #finish(job: Promise<RestoreDone>, bytes: number, take: (done: RestoreDone) => void): Promise<void> {
    try {
      const done = await job;
      this.#report();
      take(done);
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#jobs -= 1;
    this.#bytes -= bytes;
    this.#wake?.();
  }

  /** Resolves when all jobs are done; throws what one of them failed with. */
  async drain(): Promise<void> {
    while (this.#jobs > 0) await this.#change();
    this.#throwFailure();
  }

  /** Ends what is under way as soon as it may be, and the threads. Never rejects. */
  async end(): Promise<void> {
    this.#options.table.stop();
    while (this.#jobs > 0) await this.#change();
    clearInterval(this.#timer);
    endRestoreJobs();
    await this.#pool?.close();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /**
   * As many threads as there are cores, up to eight, beside this one, which only receives and hands on: with one core that
   * is one, with two it is two, since this thread and a store on the same machine need less than a quarter of the CPU, and
   * a third would only wait. Beyond eight, this thread and the network are what limits.
   */
  #start(): ThreadPool<RestoreJob, RestoreDone> {
    const pays = this.#foreseenFiles >= minFilesForThreads || this.#foreseenBytes >= minBytesForThreads;
    const size = this.#options.size ?? (pays ? usefulThreads() : 0);
    this.#timer = setInterval(() => this.#report(), reportIntervalMs);
    this.#timer.unref();
    const entry = new URL("./restore-thread.js", import.meta.url);
    return new ThreadPool({ entry, work: doRestoreJob, size });
  }

  #report(): void {
    const written = this.#options.table.bytesWritten;
    if (written > this.#reported) this.#options.onWritten(written - this.#reported);
    this.#reported = written;
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

function handedOver(bytes: Uint8Array): [Task, ArrayBuffer[]] {
  const member = ownBytes(bytes);
  return [{ type: "write", member }, [member.buffer]];
}
