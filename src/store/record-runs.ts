/**
 * Reads many records of one index file, in the order in which they lie. What lies close together is read at once: a call of
 * the system costs as much as copying some thousand bytes.
 */
import { closeSync, openSync } from "node:fs";
import { readAt } from "./index-files.js";
import { recordLength } from "./pack-index.js";

/** As much is read at once, at most. */
const runBytes = 256 << 10;
/** What lies between two records is read too, up to so much. */
const maxGapBytes = 8 << 10;

/** Which records to read. */
export interface WantedRecords {
  readonly count: number;
  /** Where the `at`-th of them begins in the file; never before the one before. */
  readonly offsetOf: (at: number) => number;
}

/** Reads records in runs. Memory: 256 KiB. */
export class RecordRuns {
  readonly #run = Buffer.allocUnsafe(runBytes);

  /** Calls `visit` for each of the records; it stands at `offset` of `bytes` until `visit` returns. False if the file ends before one. */
  read(path: string, wanted: WantedRecords, visit: (at: number, bytes: Buffer, offset: number) => void): boolean {
    const descriptor = openSync(path, "r");
    try {
      for (let first = 0; first < wanted.count;) {
        const start = wanted.offsetOf(first);
        const next = this.#endOfRun(wanted, first);
        const run = this.#run.subarray(0, wanted.offsetOf(next - 1) + recordLength - start);
        if (readAt(descriptor, run, start) < run.length) return false;
        for (let at = first; at < next; at += 1) visit(at, run, wanted.offsetOf(at) - start);
        first = next;
      }
      return true;
    } finally {
      closeSync(descriptor);
    }
  }

  #endOfRun({ count, offsetOf }: WantedRecords, first: number): number {
    const limit = offsetOf(first) + runBytes - recordLength;
    let next = first + 1;
    for (; next < count; next += 1) {
      const offset = offsetOf(next);
      if (offset > limit || offset - offsetOf(next - 1) > maxGapBytes) break;
    }
    return next;
  }
}
