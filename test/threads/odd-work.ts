/** The work of threads that are tested: does what it is told, also what a thread should not do. */
import type { Done } from "../../src/threads/jobs.js";
import { BakError, unreachable } from "../../src/errors.js";

export type OddJob =
  | { readonly type: "add"; readonly numbers: readonly number[] }
  | { readonly type: "fill"; readonly buffer: ArrayBuffer; readonly byte: number }
  | { readonly type: "fail"; readonly how: "known" | "system" | "bug" }
  /** Waits until the shared number is not 0. */
  | { readonly type: "wait"; readonly gate: Int32Array }
  /** Ends the thread, perhaps after such a wait. */
  | { readonly type: "exit"; readonly gate?: Int32Array }
  /** How many jobs this thread has done before. */
  | { readonly type: "count" };

/** The work of one thread. */
export function createOddWork(): (job: OddJob) => Done<unknown> {
  let done = 0;
  return (job) => {
    done += 1;
    switch (job.type) {
      case "add":
        return { result: job.numbers.reduce((sum, each) => sum + each, 0) };
      case "fill":
        new Uint8Array(job.buffer).fill(job.byte);
        return { result: job.buffer, transfer: [job.buffer] };
      case "fail":
        if (job.how === "known") throw new BakError("SOURCE_FAILED", "cannot", { hint: "do not" });
        if (job.how === "bug") throw new TypeError("a bug");
        throw Object.assign(new Error("no space"), { code: "ENOSPC", errno: -28, syscall: "write" });
      case "wait":
        Atomics.wait(job.gate, 0, 0);
        return { result: undefined };
      case "exit":
        if (job.gate !== undefined) Atomics.wait(job.gate, 0, 0);
        return process.exit(7); // ends the thread alone
      case "count":
        return { result: done - 1 };
      default:
        return unreachable(job);
    }
  };
}
