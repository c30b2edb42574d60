/** Finds out which members of a damaged pack are intact: those that inflate, and whose objects have the hashes they are named by. */
import { open, type FileHandle } from "node:fs/promises";
import { errnoOf, isBakError } from "../errors.js";
import { IdSet } from "../objects/id-set.js";
import { unpackFirstMember } from "../objects/member-codec.js";
import { maxPackBytes, maxPackedMemberBytes, packTrailers, type PackCodec } from "../objects/pack-format.js";
import { zstdMagic } from "../objects/zstd-frame.js";
import { ifThere } from "./if-there.js";
import type { Ingest } from "./ingest.js";
import { recordLength, type MemberPlace } from "./pack-index.js";

/** What gzip members of ours begin with. */
const gzipMagic = Buffer.from("1f8b0800", "hex");

export interface ExamineOptions {
  readonly ingest: Pick<Ingest, "check">;
  readonly codec: PackCodec;
  /** Where the members should lie, by the pack's index; undefined where that is lost. */
  readonly places: Iterable<MemberPlace> | undefined;
  readonly signal: AbortSignal;
  /** Is given each member that is intact, in their order, and owns its bytes. */
  readonly onIntact?: (member: Uint8Array<ArrayBuffer>) => Promise<void>;
}

/** What is left of a pack. */
export interface Examined {
  /** Members that are intact, and how many others there are; some of these may count as one where the index is lost. */
  readonly intact: number;
  readonly broken: number;
  /** The objects in intact members. */
  readonly objects: IdSet;
}

/** Goes through a pack that may be damaged in any way. Memory: one member, or the pack itself where its index is lost. */
export async function examinePack(path: string, options: ExamineOptions): Promise<Examined> {
  const objects = new IdSet();
  let [intact, broken] = [0, 0];
  const handle = await ifThere(open(path, "r"));
  if (handle === undefined) return { intact, broken, objects };
  try {
    const { places } = options;
    const members = places === undefined ? scan(handle, options.codec) : readPlaces(handle, places);
    for await (const member of members) {
      options.signal.throwIfAborted();
      const checked = member && (await checkedOrUndefined(member, options.ingest));
      if (checked === undefined) {
        broken += 1;
        continue;
      }
      intact += 1;
      for (let at = 0; at < checked.records.length; at += recordLength) objects.add(checked.records, at);
      await options.onIntact?.(checked.packed);
    }
    return { intact, broken, objects };
  } finally {
    await handle.close();
  }
}

async function checkedOrUndefined(
  member: Uint8Array,
  ingest: ExamineOptions["ingest"],
): Promise<Awaited<ReturnType<Ingest["check"]>> | undefined> {
  try {
    return await ingest.check(member, 0);
  } catch (error) {
    if (isBakError(error, "BAD_PACK")) return undefined;
    throw error;
  }
}

/** The bytes of each member where the index says that it lies; undefined for one that is not there as a whole. */
async function* readPlaces(
  handle: FileHandle,
  places: Iterable<MemberPlace>,
): AsyncGenerator<Uint8Array<ArrayBuffer> | undefined, void, undefined> {
  for (const { offset, packedLength } of places) {
    if (packedLength > maxPackedMemberBytes) yield undefined;
    else yield await readWhole(handle, offset, packedLength);
  }
}

/** Members one after the other, as far as they inflate; after one that does not, from where the next one seems to begin. */
async function* scan(
  handle: FileHandle,
  codec: PackCodec,
): AsyncGenerator<Uint8Array<ArrayBuffer> | undefined, void, undefined> {
  const size = Math.min((await handle.stat()).size, maxPackBytes);
  const bytes = Buffer.from((await readWhole(handle, 0, size)) ?? []);
  const trailer = packTrailers[codec];
  const magic = codec === "gzip" ? gzipMagic : zstdMagic;
  for (let at = 0; at < bytes.length;) {
    if (bytes.subarray(at, at + trailer.length).equals(trailer)) {
      at += trailer.length;
      continue;
    }
    const length = await lengthOfMember(bytes.subarray(at, at + maxPackedMemberBytes), codec);
    yield length === undefined ? undefined : Uint8Array.from(bytes.subarray(at, at + length));
    const next = length === undefined ? bytes.indexOf(magic, at + 1) : at + length;
    at = next < 0 ? bytes.length : next;
  }
}

async function lengthOfMember(bytes: Buffer, codec: PackCodec): Promise<number | undefined> {
  try {
    return (await unpackFirstMember(bytes, codec)).packedLength;
  } catch (error) {
    if (isBakError(error, "BAD_PACK")) return undefined;
    throw error;
  }
}

/** Undefined where the file ends before, or the disk can't read it. */
async function readWhole(
  handle: FileHandle,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const bytes = new Uint8Array(length);
  try {
    for (let at = 0; at < length;) {
      const { bytesRead } = await handle.read(bytes, at, length - at, offset + at);
      if (bytesRead === 0) return undefined;
      at += bytesRead;
    }
    return bytes;
  } catch (error) {
    if (errnoOf(error) === "EIO") return undefined;
    throw error;
  }
}
