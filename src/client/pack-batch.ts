/** Packs the objects of a batch into members. */
import { deflatesYet, looksIncompressible } from "../objects/compressible.js";
import { packMember, tarRoom, type Codec } from "../objects/member-codec.js";
import { memberTarEncoder, tarLength } from "../objects/member-tar.js";
import { objectIdAt, objectIdLength, type ObjectId } from "../objects/object-id.js";
import type { PackedObject } from "../objects/object-kind.js";
import { memberTargetBytes } from "../objects/pack-format.js";
import type { Done } from "../threads/jobs.js";
import { bytesAt, kindAt, type Batch } from "./batch.js";
import { PackedMembers, type PackedMember } from "./packed-members.js";

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

interface Gathering {
  readonly level: number | undefined;
  objects: PackedObject<ObjectId>[];
  bytes: number;
}

/**
 * All objects of the batch, in members of one kind each, and with what does not compress apart from what does. They come to lie
 * in the batch's buffer, over objects that are in members already.
 */
export async function packBatch(job: PackJob): Promise<Done<PackResult>> {
  const encodeTar = await memberTarEncoder(); // from here on nothing is awaited: others make their tars in the same room
  const gatherings = new Map<string, Gathering>();
  const packed = new PackedMembers(job.buffer);
  /** `next` is where those objects begin that have not been gathered. */
  const pack = (gathering: Gathering, next: number): void => {
    const { objects, level } = gathering;
    const tar = encodeTar(objects, tarRoom());
    gathering.objects = [];
    gathering.bytes = 0;
    const waiting = [...gatherings.values()].map((each) => each.objects[0]?.bytes.byteOffset ?? next);
    packed.add(packMember(tar, job.codec, level, { isBorrowed: true }), objects.length, Math.min(next, ...waiting));
  };
  for (let index = 0; index < job.kinds.length; index += 1) {
    const object = objectAt(job, index);
    const from = object.bytes.byteOffset;
    const isIncompressible = object.kind === "blob" && isCompressionWasted(object.bytes, job.codec);
    const key = isIncompressible ? "incompressible" : object.kind;
    let gathering = gatherings.get(key);
    if (gathering === undefined) {
      gathering = { level: isIncompressible ? 0 : job.level, objects: [], bytes: 0 };
      gatherings.set(key, gathering);
    }
    const bytes = tarLength(object.bytes.length);
    if (gathering.bytes > 0 && gathering.bytes + bytes > memberTargetBytes * 2) pack(gathering, from);
    gathering.objects.push(object);
    gathering.bytes += bytes;
    if (gathering.bytes >= memberTargetBytes) pack(gathering, from + object.bytes.length);
  }
  for (const gathering of gatherings.values()) {
    if (gathering.bytes > 0) pack(gathering, job.buffer.byteLength);
  }
  const members = packed.finish();
  const transfer = new Set([job.buffer, ...members.map(({ room }) => room.buffer)]);
  return { result: { buffer: job.buffer, members }, transfer: [...transfer] };
}

/** zstd finds out by itself, and is as fast then. */
function isCompressionWasted(bytes: Uint8Array, codec: Codec): boolean {
  return looksIncompressible(bytes) && !(codec === "gzip" && deflatesYet(bytes));
}

function objectAt(job: PackJob, index: number): PackedObject<ObjectId> {
  return { kind: kindAt(job, index), id: objectIdAt(job.ids, index * objectIdLength), bytes: bytesAt(job, index) };
}
