/** What a store's threads do with what comes in: check members, and make the indexes of packs. */
import type { Done } from "../threads/jobs.js";
import { checkMember, type CheckedMember } from "./check-member.js";
import { encodePackIndex, type PackIndexParts } from "./pack-index-builder.js";

export type IngestJob =
  | { readonly type: "check"; readonly packed: Uint8Array<ArrayBuffer>; readonly member: number }
  | { readonly type: "index"; readonly parts: PackIndexParts };

/** A member that has been checked, with its bytes, which are given back. */
export interface ReturnedMember extends CheckedMember {
  readonly packed: Uint8Array<ArrayBuffer>;
}

export type IngestResult =
  | { readonly type: "check"; readonly checked: ReturnedMember }
  | { readonly type: "index"; readonly index: Uint8Array<ArrayBuffer> };

/** Does one job; rejects with BAD_PACK for a member that is not what it claims to be. */
export async function ingestWork(job: IngestJob): Promise<Done<IngestResult>> {
  if (job.type === "index") {
    const index = encodePackIndex(job.parts);
    return { result: { type: "index", index }, transfer: [index.buffer] };
  }
  const { packed, member } = job;
  const checked = { packed, ...(await checkMember(packed, member)) };
  return { result: { type: "check", checked }, transfer: [packed.buffer, checked.records.buffer] };
}
