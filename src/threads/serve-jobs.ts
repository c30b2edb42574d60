/** The side of a thread: does the jobs that its pool sends, one after the other. */
import { parentPort, workerData } from "node:worker_threads";
import { loadBlake3, useBlake3 } from "../objects/hash.js";
import type { Done, JobMessage, ResultMessage, ThreadStart, Work } from "./jobs.js";
import { packError } from "./thread-error.js";

/** Makes this thread do `work` for its pool, until that ends it. */
export function serveJobs<Job, Result>(work: Work<Job, Result>): void {
  const port = parentPort;
  if (port === null) throw new Error("not on a thread of a pool");
  useBlake3(loadBlake3((workerData as ThreadStart).blake3));
  const answer = (message: ResultMessage, transfer: readonly ArrayBuffer[] = []): void => {
    port.postMessage(message, [...transfer]);
  };
  // such as a job whose buffers had been handed over before: its pool would wait for ever, and is told by this thread's end
  port.on("messageerror", (error) => {
    throw error;
  });
  let last: Promise<void> = Promise.resolve();
  port.on("message", ({ number, job }: JobMessage) => {
    const run = async (): Promise<void> => {
      let done: Done<Result>;
      try {
        done = await work(job as Job);
      } catch (error) {
        return answer({ number, error: packError(error) });
      }
      answer({ number, result: done.result }, done.transfer);
    };
    last = last.then(run);
  });
}
