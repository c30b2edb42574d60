/** What a store's threads do: check members that come in, make the indexes of packs, and cut members of which a part is to go. */
import type { Done } from "../threads/jobs.js";
import { checkMember, type CheckedMember } from "./check-member.js";
import { cutMember, type CutJob } from "./cut-member.js";
import { encodePackIndex, type PackIndexParts } from "./pack-index-builder.js";

export type IngestJob =
  | { readonly type: "check"; readonly packed: Uint8Array<ArrayBuffer>; readonly member: number }
  | { readonly type: "index"; readonly parts: PackIndexParts }
  | ({ readonly type: "cut" } & CutJob);

/** A member that has been checked, with its bytes, which are given back. */
export interface ReturnedMember extends CheckedMember {
  readonly packed: Uint8Array<ArrayBuffer>;
}

export type IngestResult =
  | { readonly type: "check"; readonly checked: ReturnedMember }
  | { readonly type: "index"; readonly index: Uint8Array<ArrayBuffer> }
  | { readonly type: "cut"; readonly member: Uint8Array<ArrayBuffer> };

/** Does one job; rejects with BAD_PACK for a member that is not what it claims to be. */
export async function ingestWork(job: IngestJob): Promise<Done<IngestResult>> {
  if (job.type === "index") {
    const index = encodePackIndex(job.parts);
    return { result: { type: "index", index }, transfer: [index.buffer] };
  }
  if (job.type === "cut") {
    const member = await cutMember(job);
    return { result: { type: "cut", member }, transfer: [member.buffer] };
  }
  const { packed, member } = job;
  const checked = { packed, ...(await checkMember(packed, member)) };
  return { result: { type: "check", checked }, transfer: [packed.buffer, checked.records.buffer] };
}
