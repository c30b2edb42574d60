/** Packs the objects of a batch into members. */
import { looksIncompressible } from "../objects/compressible.js";
import { packMember, type Codec } from "../objects/member-codec.js";
import { encodeMemberTar, tarLength } from "../objects/member-tar.js";
import { objectIdAt, objectIdLength, type ObjectId } from "../objects/object-id.js";
import type { PackedObject } from "../objects/object-kind.js";
import { memberTargetBytes } from "../objects/pack-format.js";
import { memberHeadroomBytes } from "../protocol/message-codec.js";
import { countGarbage } from "../threads/collect-garbage.js";
import type { Done } from "../threads/jobs.js";
import { bytesAt, kindAt, type Batch } from "./batch.js";

export interface PackJob extends Batch {
  readonly type: "pack";
  readonly codec: Codec;
  /** The codec's default, unless given. */
  readonly level: number | undefined;
}

export interface PackResult {
  /** As it was given. */
  readonly buffer: ArrayBuffer;
  readonly members: readonly PackedMember[];
}

export interface PackedMember {
  /** `memberHeadroomBytes` bytes and the member; in the batch's buffer, if it fits in there. */
  readonly room: Uint8Array<ArrayBuffer>;
  /** How many objects are in it. */
  readonly objects: number;
}

/** Holds the tar of all members but those of the longest objects. */
export const packScratchBytes = memberTargetBytes * 2;

interface Gathering {
  readonly level: number | undefined;
  objects: PackedObject<ObjectId>[];
  bytes: number;
}

/**
 * All objects of the batch, in members of one kind each, and with what does not compress apart from what does. `scratch`
 * is written over.
 */
export async function packBatch(job: PackJob, scratch: Uint8Array): Promise<Done<PackResult>> {
  const gatherings = new Map<string, Gathering>();
  const packed: { bytes: Uint8Array; objects: number }[] = [];
  const pack = async (gathering: Gathering): Promise<void> => {
    const bytes = packMember(await encodeMemberTar(gathering.objects, scratch), job.codec, gathering.level);
    countGarbage(bytes.buffer.byteLength + bytes.length); // zlib's buffer, and what it was joined to
    packed.push({ bytes, objects: gathering.objects.length });
    gathering.objects = [];
    gathering.bytes = 0;
  };
  for (let index = 0; index < job.kinds.length; index += 1) {
    const object = objectAt(job, index);
    const isIncompressible = object.kind === "blob" && looksIncompressible(object.bytes);
    const key = isIncompressible ? "incompressible" : object.kind;
    let gathering = gatherings.get(key);
    if (gathering === undefined) {
      gathering = { level: isIncompressible ? 0 : job.level, objects: [], bytes: 0 };
      gatherings.set(key, gathering);
    }
    const bytes = tarLength(object.bytes.length);
    if (gathering.bytes > 0 && gathering.bytes + bytes > memberTargetBytes * 2) await pack(gathering);
    gathering.objects.push(object);
    gathering.bytes += bytes;
    if (gathering.bytes >= memberTargetBytes) await pack(gathering);
  }
  for (const gathering of gatherings.values()) if (gathering.bytes > 0) await pack(gathering);
  // nothing of the objects is needed any more, so what they were packed to takes their place
  let at = 0;
  const members = packed.map(({ bytes, objects }) => {
    const length = memberHeadroomBytes + bytes.length;
    const fits = at + length <= job.buffer.byteLength;
    const room = fits ? new Uint8Array(job.buffer, at, length) : new Uint8Array(length);
    room.set(bytes, memberHeadroomBytes);
    if (fits) at += length;
    return { room, objects };
  });
  const transfer = new Set([job.buffer, ...members.map(({ room }) => room.buffer)]);
  return { result: { buffer: job.buffer, members }, transfer: [...transfer] };
}

function objectAt(job: PackJob, index: number): PackedObject<ObjectId> {
  return { kind: kindAt(job, index), id: objectIdAt(job.ids, index * objectIdLength), bytes: bytesAt(job, index) };
}
