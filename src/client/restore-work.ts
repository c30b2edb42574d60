/** The jobs of a restore's threads. What a thread keeps between them is of the restore that it works for last. */
import type { Done } from "../threads/jobs.js";
import { RestoreWriter, type WriterPlan, type Written } from "./restore-writer.js";

export type RestoreJob = {
  readonly plan: WriterPlan;
  /** Counts the tables of one restore: with a new one, folders have other numbers. */
  readonly round: number;
} & (
  | { readonly type: "write"; readonly member: Uint8Array }
  | { readonly type: "compare"; readonly files: Int32Array; readonly hashes: Uint8Array }
);

export interface RestoreDone {
  readonly written: Written;
  /** Of a comparison: what it says of each file. */
  readonly verdicts?: Uint8Array;
}

let current: { readonly tag: string; readonly round: number; readonly writer: RestoreWriter } | undefined;

/** Does one job. */
export async function doRestoreJob(job: RestoreJob): Promise<Done<RestoreDone>> {
  const writer = writerFor(job);
  if (job.type === "write") return { result: { written: await writer.write(job.member) } };
  return { result: writer.compare(job.files, job.hashes) };
}

/** Closes what the jobs on this thread have left open. */
export function endRestoreJobs(): void {
  current?.writer.close();
  current = undefined;
}

function writerFor({ plan, round }: RestoreJob): RestoreWriter {
  if (current?.tag !== plan.tag || current.round !== round) {
    endRestoreJobs();
    current = { tag: plan.tag, round, writer: new RestoreWriter(plan) };
  }
  return current.writer;
}
