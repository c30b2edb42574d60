/** What the threads of a push do: read and hash files, and pack the objects that the store lacks. */
import { unreachable } from "../errors.js";
import { returnFreedMemory } from "../platform/allocator.js";
import type { Work } from "../threads/jobs.js";
import { ThreadPool, type PoolThread } from "../threads/thread-pool.js";
import { packBatch, type PackJob, type PackResult } from "./pack-batch.js";
import { readBatch, type ReadJob, type ReadResult } from "./read-batch.js";
import { LargeFiles, type ReadMoreJob, type ReadMoreResult } from "./read-large.js";

export type PushJob = ReadJob | ReadMoreJob | PackJob;
interface PushResults {
  read: ReadResult;
  readMore: ReadMoreResult;
  pack: PackResult;
}
type PushJobResult = PushResults[PushJob["type"]];
export type PushPool = ThreadPool<PushJob, PushJobResult>;
export type PushThread = PoolThread<PushJob, PushJobResult>;

/** The work of one thread; it remembers the large files that it is in the middle of. */
export function createPushWork(): Work<PushJob, PushJobResult> {
  const largeFiles = new LargeFiles();
  return (job) => {
    switch (job.type) {
      case "read":
        return readBatch(job);
      case "readMore":
        return largeFiles.readMore(job);
      case "pack":
        return packBatch(job);
      default:
        return unreachable(job);
    }
  };
}

/** Reading a few files, and packing them, their trees and the commit: a small push needs no other thread. */
const localJobs = 5;

/** A pool for one push; with a size of 0 the caller's own thread does it all. */
export function createPushPool(size: number): PushPool {
  const entry = new URL("./push-thread.js", import.meta.url);
  return new ThreadPool({ entry, work: createPushWork(), size, localJobs, onFirstThread: returnFreedMemory });
}

/** Does a job; its buffer goes along. */
export async function doJob<J extends PushJob>(on: PushPool | PushThread, job: J): Promise<PushResults[J["type"]]> {
  const result = await on.run(job, job.buffer === undefined ? [] : [job.buffer]);
  return result as PushResults[J["type"]];
}
