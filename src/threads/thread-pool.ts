/**
 * A pool of threads (node:worker_threads) that all do one kind of job. Threads are started when there is work for them, or
 * soon will be, and keep what they have loaded from one job to the next. What a job or a result holds in array buffers is
 * handed over, not copied.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { BakError } from "../errors.js";
import { blake3 } from "../objects/hash.js";
import { compileLater } from "./compile-later.js";
import type { JobMessage, ResultMessage, ThreadStart, Work } from "./jobs.js";
import { unpackError } from "./thread-error.js";

/** A thread has its next job at hand while it does one, so that it does not wait for this thread in between. */
const jobsAtHand = 2;
/**
 * V8 lets the youngest objects of a thread grow to 48 MiB by default. Those of a job are not needed after it, and hold
 * buffers that are only freed with them: they are collected sooner.
 */
const youngGenerationMb = 4;
/** More threads than this wait for memory and for the disk rather than for each other. */
const maxThreads = 8;

/** How many threads make use of this machine: one a core, up to eight. */
export function usefulThreads(): number {
  return Math.min(availableParallelism(), maxThreads);
}

export interface ThreadPoolOptions<Job, Result> {
  /** The module that a thread runs; it calls `serveJobs` with `work`. */
  readonly entry: URL;
  readonly work: Work<Job, Result>;
  /** Threads at most. With 0 the jobs are done on this thread, one after the other, with a turn for others in between. */
  readonly size: number;
  /** So many jobs are done on this thread before others are given any: for little work that is sooner than starting one. */
  readonly localJobs?: number;
  /** Called before the first thread is started. */
  readonly onFirstThread?: () => void;
}

/** One thread of a pool, for jobs that belong together and find on it what the one before has left. */
export interface PoolThread<Job, Result> {
  run(job: Job, transfer?: readonly ArrayBuffer[]): Promise<Result>;
}

interface Waiting {
  readonly job: unknown;
  readonly transfer: readonly ArrayBuffer[];
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

/** See the top of the file. */
export class ThreadPool<Job, Result> {
  readonly #options: ThreadPoolOptions<Job, Result>;
  readonly #threads: Thread[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #local: LocalThread<Job, Result>;
  #localJobsLeft: number;
  #hasStarted = false;
  #isClosed = false;

  constructor(options: ThreadPoolOptions<Job, Result>) {
    this.#options = options;
    this.#local = new LocalThread(options.work);
    this.#localJobsLeft = options.size === 0 ? Infinity : (options.localJobs ?? 0);
  }

  /** How many jobs can be under way at the same time. */
  get size(): number {
    return Math.max(this.#options.size, 1);
  }

  /** Does a job on whichever thread is free first. Rejects with what the job failed with, or INTERNAL where its thread died. */
  run(job: Job, transfer: readonly ArrayBuffer[] = []): Promise<Result> {
    if (this.#isClosed) return Promise.reject(new Error("the pool is closed"));
    if (this.#localJobsLeft > 0) {
      this.#localJobsLeft -= 1;
      return this.#local.run(job);
    }
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ job, transfer, resolve, reject });
      this.#dispatch();
    });
  }

  /** Starts all threads, for work that is about to come: by then they have loaded what they need. */
  startAll(): void {
    if (this.#isClosed) return;
    while (this.#threads.length < this.#options.size) this.#start();
  }

  /** The thread with the least to do; what it is given goes before what waits for any. */
  thread(): PoolThread<Job, Result> {
    if (this.#options.size === 0) return this.#local;
    const thread = this.#freest() ?? this.#threads.toSorted((a, b) => a.jobs - b.jobs)[0];
    return {
      run: (job, transfer = []) =>
        new Promise<Result>((resolve, reject) => {
          if (this.#isClosed || thread === undefined) return reject(new Error("the pool is closed"));
          thread.post({ job, transfer, resolve, reject });
        }),
    };
  }

  /** Ends the threads, whatever they are doing; jobs that are not done reject. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const error = new Error("the pool was closed");
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    await Promise.all(this.#threads.splice(0).map((thread) => thread.end(error)));
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#freest();
      if (thread === undefined) return;
      thread.post(this.#waiting.shift() as Waiting);
    }
  }

  /** An idle thread, a new one, or one that has a single job; none if all have enough to do. */
  #freest(): Thread | undefined {
    const least = this.#threads.toSorted((a, b) => a.jobs - b.jobs)[0];
    if (least?.jobs === 0) return least;
    if (!this.#isClosed && this.#threads.length < this.#options.size) return this.#start();
    return least !== undefined && least.jobs < jobsAtHand ? least : undefined;
  }

  #start(): Thread {
    if (!this.#hasStarted) this.#options.onFirstThread?.();
    this.#hasStarted = true;
    const thread = new Thread(this.#options.entry, {
      onFree: () => this.#dispatch(),
      onGone: () => {
        const at = this.#threads.indexOf(thread);
        if (at >= 0) this.#threads.splice(at, 1);
        this.#dispatch(); // what waits for any thread can have a new one
      },
    });
    this.#threads.push(thread);
    return thread;
  }
}

/** One worker, and the jobs that it has been given. */
class Thread {
  readonly #worker: Worker;
  readonly #jobs = new Map<number, Waiting>();
  #nextNumber = 1;
  /** Why it does no more jobs. */
  #end: Error | undefined;

  constructor(entry: URL, events: { onFree: () => void; onGone: () => void }) {
    compileLater();
    const start: ThreadStart = { blake3: blake3().name };
    this.#worker = new Worker(entry, {
      workerData: start,
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
    });
    this.#worker.unref(); // an idle thread does not keep the process
    this.#worker.on("message", (message: ResultMessage) => {
      const waiting = this.#jobs.get(message.number);
      this.#jobs.delete(message.number);
      // while it is being ended it keeps the process: what it was doing may only now have been done
      if (this.#jobs.size === 0 && this.#end === undefined) this.#worker.unref();
      events.onFree();
      if ("error" in message) waiting?.reject(unpackError(message.error));
      else waiting?.resolve(message.result as never);
    });
    const onGone = (why: string, cause?: Error): void => {
      if (this.#end !== undefined) return;
      this.#fail(new BakError("INTERNAL", `a thread of this process died: ${why}`, { hint: "try again", cause }));
      events.onGone();
    };
    this.#worker.on("error", (error: Error) => onGone(error.message, error));
    this.#worker.on("messageerror", (error: Error) => {
      onGone(error.message, error);
      void this.#worker.terminate();
    });
    this.#worker.on("exit", (code) => onGone(`it ended with exit code ${code}`));
  }

  /** How many jobs it has been given and has not done. */
  get jobs(): number {
    return this.#jobs.size;
  }

  post(waiting: Waiting): void {
    if (this.#end !== undefined) return waiting.reject(this.#end);
    const number = this.#nextNumber;
    this.#nextNumber += 1;
    const message: JobMessage = { number, job: waiting.job };
    try {
      this.#worker.postMessage(message, [...waiting.transfer]);
    } catch (error) {
      return waiting.reject(error as Error); // a job that can't be sent
    }
    this.#jobs.set(number, waiting);
    this.#worker.ref();
  }

  async end(error: Error): Promise<void> {
    this.#fail(error);
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#end ??= error;
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const { reject } of jobs) reject(error);
  }
}

/** Does the jobs on the calling thread. */
class LocalThread<Job, Result> implements PoolThread<Job, Result> {
  readonly #work: Work<Job, Result>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(work: Work<Job, Result>) {
    this.#work = work;
  }

  run(job: Job): Promise<Result> {
    const done = this.#last.then(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return (await this.#work(job)).result;
    });
    this.#last = done.catch(() => undefined);
    return done;
  }
}
