/** Work for the tests of the pool: each job asks for something that a thread can do, or can go wrong with. */
import { readFileSync } from "node:fs";
import { threadId } from "node:worker_threads";
import { BakError } from "../../src/errors.js";
import { blake3 } from "../../src/objects/hash.js";
import { inTurn } from "../../src/threads/in-turn.js";
import type { Done } from "../../src/threads/jobs.js";

export type TestJob =
  | { readonly do: "double"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly do: "fail"; readonly how: "known" | "system" | "bug" }
  | { readonly do: "exit" | "throw later" | "where" | "count" | "blake3" }
  /** So many times, each in turn: looks whether another is at it, which the second word tells, and counts in the first. */
  | { readonly do: "take turns"; readonly turns: Int32Array; readonly words: Int32Array; readonly times: number }
  /** Waits until the first number is one, and tells so in the second. */
  | { readonly do: "wait"; readonly flags: Int32Array };

let count = 0;

/** How often somebody else was at it. */
function takeTurns({ turns, words, times }: TestJob & { do: "take turns" }): number {
  let met = 0;
  for (let time = 0; time < times; time += 1) {
    inTurn(turns, 0, () => {
      if (Atomics.exchange(words, 1, 1) !== 0) met += 1;
      const before = words[0] as number;
      blake3().hash(Buffer.alloc(1000)); // so that it takes a while
      words[0] = before + 1;
      Atomics.store(words, 1, 0);
    });
  }
  return met;
}

export async function testWork(job: TestJob): Promise<Done<unknown>> {
  switch (job.do) {
    case "double": {
      const bytes = job.bytes.map((byte) => byte * 2);
      return { result: bytes, transfer: [bytes.buffer] };
    }
    case "fail":
      if (job.how === "known") throw new BakError("BAD_PACK", "refused pack: for a test", { hint: "do not test" });
      if (job.how === "system") readFileSync("/there is no such file");
      throw new TypeError("a bug, for a test");
    case "exit":
      return process.exit(7);
    case "throw later":
      setImmediate(() => {
        throw new Error("out of order");
      });
      return new Promise(() => undefined);
    case "where":
      return { result: threadId };
    case "count":
      return { result: (count += 1) };
    case "blake3":
      return { result: blake3().name };
    case "take turns":
      return { result: takeTurns(job) };
    case "wait":
      Atomics.store(job.flags, 1, 1);
      Atomics.notify(job.flags, 1);
      Atomics.wait(job.flags, 0, 0, 10_000);
      return { result: threadId };
    default:
      throw new Error("no such job");
  }
}
