/**
 * What is new goes to the store: the store is asked which of the objects it lacks, and those are packed by the threads of
 * the push and sent as packs. Everything between offer and acknowledgement is bounded: batches by the buffers that they
 * come in and that go back when their members are sent, objects that are offered one by one by their bytes.
 */
import { countGarbage } from "../threads/collect-garbage.js";
import type { Codec } from "../objects/member-codec.js";
import { IdSet } from "../objects/id-set.js";
import { tarLength } from "../objects/member-tar.js";
import { encodeObjectIds, objectIdAt, objectIdBytes, objectIdLength, type ObjectId } from "../objects/object-id.js";
import type { ObjectKind, PackedObject } from "../objects/object-kind.js";
import { memberTargetBytes, packTargetObjects } from "../objects/pack-format.js";
import { BatchBuilder, bytesAt, kindAt, kindNumber, selectObjects, type Batch } from "./batch.js";
import { memberHeadroomBytes } from "../protocol/message-codec.js";
import type { CompressionLevel } from "./compression-level.js";
import type { PackedMember } from "./packed-members.js";
import { doJob, type PushPool } from "./push-work.js";
import type { PackReceipt, PackUpload, Remote } from "./remote.js";

/** Bytes of objects offered one by one that may wait for an answer, for compression and for the network. */
const maxWaitingBytes = 8 << 20;
/** The store is asked about so many of them, or so many bytes of them, at a time. */
const askObjects = 2048;
const askBytes = 2 << 20;
/** What is lacking of a batch is packed as it is from so many bytes of tar on; less waits for others to be packed with. */
const minBatchBytes = memberTargetBytes / 4;
/** Lists go out after so many bytes of other objects: as long as they wait, what they name counts for nothing. */
const listsAfterBytes = 8 << 20;
const listNumber = kindNumber("list");
/** Members of gathered objects that are being packed, or wait to be sent. */
const maxGatheredMembers = 4;
/** Packs sent whole but not acknowledged. */
const maxUnacknowledged = 2;

/** What an upload has come to. */
export interface UploadCounts {
  /** Objects of each kind that were sent, that is, that the store lacked. */
  objects: Record<ObjectKind, number>;
  /** Bytes of objects sent, before compression. */
  objectBytes: number;
  /** Bytes of members sent: what went over the network. */
  packedBytes: number;
  packs: number;
}

type Offered = PackedObject<ObjectId>;

interface Gathering {
  readonly objects: Offered[];
  bytes: number;
  /** What the bytes come to in a tar. */
  tarBytes: number;
}

/** How members are compressed. */
export interface Compression {
  readonly codec: Codec;
  /** Moves the level, where the processor may be given more to do than it has. */
  readonly level: CompressionLevel | undefined;
}

export interface UploaderOptions {
  readonly pool: PushPool;
  /** What members are compressed with; known when the store has answered. */
  readonly compression: Promise<Compression>;
  /** A pack is ended at about so many bytes. */
  readonly packBytes: number;
  /** Told the bytes of each member that went out. */
  readonly onSent?: (bytes: number) => void;
  /** Told of each pack that was acknowledged. */
  readonly onKept?: (receipt: PackReceipt) => void;
  /** Told how long the store took to say what it lacks of a batch, in ms. */
  readonly onAnswered?: (ms: number) => void;
  /** Called once, as soon as nothing more can be sent, with the reason. */
  readonly onFailed?: (reason: unknown) => void;
}

/** Packed, and on its way out. */
interface Packing {
  readonly members: Promise<readonly PackedMember[]>;
  /** What it was packed from. */
  readonly batch: Batch;
  /** Called when it has been sent. */
  readonly release: () => void;
}

export class Uploader {
  readonly counts: UploadCounts = {
    objects: { blob: 0, list: 0, tree: 0, commit: 0 },
    objectBytes: 0,
    packedBytes: 0,
    packs: 0,
  };
  readonly #remote: Pick<Remote, "hasMany" | "upload">;
  readonly #options: UploaderOptions;
  /** Offered in this push; nothing is asked or sent twice. */
  readonly #seen = new IdSet();
  #asking: { objects: Offered[]; bytes: number } = { objects: [], bytes: 0 };
  /** One open member for each kind. */
  readonly #gathering = new Map<ObjectKind, Gathering>();
  #bytesSinceLists = 0;
  #level: CompressionLevel | undefined;
  #observedMs = performance.now();
  #gatheredMembers = 0;
  #onGatheredSent: () => void = () => undefined;
  #waitingBytes = 0;
  #roomFor: (() => void)[] = [];
  #failure: { error: unknown } | undefined;
  /** Each step runs after the one before it. */
  #answers: Promise<void> = Promise.resolve();
  #sending: Promise<void> = Promise.resolve();
  #open: { upload: PackUpload; bytes: number; objects: number } | undefined;
  readonly #unacknowledged = new Set<Promise<void>>();

  constructor(remote: Pick<Remote, "hasMany" | "upload">, options: UploaderOptions) {
    this.#remote = remote;
    this.#options = options;
    options.compression.then(
      ({ level }) => (this.#level = level),
      (error: unknown) => this.#fail(error),
    );
  }

  /**
   * Takes an object whose bytes stay as they are from now on. Gives a promise to wait for when too much is waiting, and
   * nothing otherwise. A failure of an earlier object is thrown here, or by `finish`.
   */
  offer(object: Offered): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (!this.#seen.add(objectIdBytes(object.id))) return undefined;
    const { length } = object.bytes;
    this.#waitingBytes += length;
    this.#asking.objects.push(object);
    this.#asking.bytes += length;
    if (this.#asking.objects.length >= askObjects || this.#asking.bytes >= askBytes) this.#ask();
    return this.#waitingBytes < maxWaitingBytes ? undefined : this.#room();
  }

  /** Takes a batch; `release` is given its buffer when nothing of it is needed any more. A failure comes out of `finish`. */
  offerBatch(batch: Batch, release: (buffer: ArrayBuffer) => void): void {
    const fresh = selectObjects(batch, (index) => this.#seen.add(batch.ids, index * objectIdLength));
    if (fresh.kinds.length === 0 || this.#failure !== undefined) return release(batch.buffer);
    const askedMs = performance.now();
    const answer = this.#remote.hasMany(fresh.ids).then((isKnown) => {
      this.#options.onAnswered?.(performance.now() - askedMs);
      return isKnown;
    });
    this.#afterAnswer(answer, async () => {
      const isKnown = await answer;
      const lacking = selectObjects(fresh, (index) => !isKnown(index));
      if (lacking.kinds.length === 0) return release(batch.buffer);
      if (tarSizeOf(lacking) >= minBatchBytes) return this.#packBatch(lacking, release);
      for (let index = 0; index < lacking.kinds.length; index += 1) {
        const bytes = Buffer.from(bytesAt(lacking, index));
        this.#waitingBytes += bytes.length;
        this.#gather({ kind: kindAt(lacking, index), id: objectIdAt(lacking.ids, index * objectIdLength), bytes });
      }
      release(batch.buffer);
      await this.#gatheredRoom();
    });
  }

  /** Resolves once everything offered is on the store's stable storage. */
  async finish(): Promise<void> {
    this.#ask();
    await this.#answers;
    for (const kind of this.#gathering.keys()) this.#pack(kind);
    await this.#sending;
    if (this.#open !== undefined && this.#failure === undefined) this.#endPack();
    await Promise.all(this.#unacknowledged);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #room(): Promise<void> {
    while (this.#waitingBytes >= maxWaitingBytes && this.#failure === undefined) {
      await new Promise<void>((resolve) => this.#roomFor.push(resolve));
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #release(bytes: number): void {
    this.#waitingBytes -= bytes;
    if (this.#waitingBytes < maxWaitingBytes) this.#wake();
  }

  #wake(): void {
    const waiting = this.#roomFor;
    this.#roomFor = [];
    for (const resolve of waiting) resolve();
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#wake();
    this.#onGatheredSent(); // nothing more is sent
    this.#options.onFailed?.(error);
  }

  /** Asks about the objects at hand. Several questions may be under way; their answers are dealt with in order. */
  #ask(): void {
    const { objects } = this.#asking;
    if (objects.length === 0 || this.#failure !== undefined) return;
    this.#asking = { objects: [], bytes: 0 };
    const answer = this.#remote.hasMany(encodeObjectIds(objects.map(({ id }) => id)));
    this.#afterAnswer(answer, async () => {
      const isKnown = await answer;
      for (const [index, object] of objects.entries()) {
        if (isKnown(index)) this.#release(object.bytes.length);
        else this.#gather(object);
      }
      await this.#gatheredRoom();
    });
  }

  #afterAnswer(answer: Promise<unknown>, step: () => Promise<void>): void {
    answer.catch((error: unknown) => this.#fail(error));
    this.#answers = this.#answers.then(step).catch((error: unknown) => this.#fail(error));
  }

  #gather(object: Offered): void {
    let gathering = this.#gathering.get(object.kind);
    if (gathering === undefined) this.#gathering.set(object.kind, (gathering = { objects: [], bytes: 0, tarBytes: 0 }));
    gathering.objects.push(object);
    gathering.bytes += object.bytes.length;
    gathering.tarBytes += tarLength(object.bytes.length);
    if (gathering.tarBytes >= memberTargetBytes) this.#pack(object.kind);
  }

  /** Packs what was gathered of a kind. */
  #pack(kind: ObjectKind): void {
    const gathering = this.#gathering.get(kind);
    this.#gathering.delete(kind);
    if (gathering === undefined || this.#failure !== undefined) return;
    this.#gatheredMembers += 1;
    this.#packBatch(batchOf(gathering), () => {
      this.#gatheredMembers -= 1;
      this.#onGatheredSent();
      this.#release(gathering.bytes);
    });
  }

  /** What is gathered from here and there is not bounded by the buffers that it came in. */
  async #gatheredRoom(): Promise<void> {
    while (this.#gatheredMembers >= maxGatheredMembers && this.#failure === undefined)
      await new Promise<void>((resolve) => (this.#onGatheredSent = resolve));
  }

  /**
   * Has a batch packed, beside others, and its members sent. What lists name goes out before them, so that a store that has
   * a list has what it names, too.
   */
  #packBatch(batch: Batch, release: (buffer: ArrayBuffer) => void): void {
    if (batch.kinds.includes(listNumber)) this.#pack("blob");
    let { buffer } = batch;
    const packing = this.#options.compression.then(({ codec, level }) =>
      doJob(this.#options.pool, { type: "pack", codec, level: level?.level, ...batch }),
    );
    const members = packing.then((result) => {
      ({ buffer } = result);
      return result.members;
    });
    members.catch(() => undefined); // thrown where they are sent
    this.#send({ members, batch, release: () => release(buffer) });
    this.#bytesSinceLists += sizeOf(batch);
    if (this.#bytesSinceLists < listsAfterBytes) return;
    this.#bytesSinceLists = 0;
    this.#pack("list");
  }

  /** Sends members as soon as they are packed and those of before are sent. */
  #send({ members, batch, release }: Packing): void {
    this.#sending = this.#sending
      .then(async () => {
        if (this.#failure !== undefined) return;
        const beganMs = performance.now();
        const all = await members;
        this.#observe({ compressionWaitMs: performance.now() - beganMs });
        let left = all.length;
        const onSent = (): void => {
          left -= 1;
          if (left === 0) release();
        };
        for (const member of all) await this.#sendMember(member, onSent);
        for (let index = 0; index < batch.kinds.length; index += 1) this.counts.objects[kindAt(batch, index)] += 1;
        this.counts.objectBytes += sizeOf(batch);
      })
      .catch((error: unknown) => this.#fail(error));
  }

  /** Tells the level what was waited for. */
  #observe(waited: { compressionWaitMs?: number; networkWaitMs?: number; sentBytes?: number }): void {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#observedMs;
    this.#observedMs = nowMs;
    this.#level?.observe({ elapsedMs, compressionWaitMs: 0, networkWaitMs: 0, sentBytes: 0, ...waited });
  }

  async #sendMember({ room, objects }: PackedMember, onSent: () => void): Promise<void> {
    const open = (this.#open ??= { upload: await this.#begin(), bytes: 0, objects: 0 });
    const length = room.length - memberHeadroomBytes;
    const beganMs = performance.now();
    await open.upload.add(room, onSent);
    countGarbage(length);
    this.#observe({ networkWaitMs: performance.now() - beganMs, sentBytes: length });
    this.#options.onSent?.(length);
    open.bytes += length;
    open.objects += objects;
    this.counts.packedBytes += length;
    if (open.bytes >= this.#options.packBytes || open.objects >= packTargetObjects) this.#endPack();
  }

  async #begin(): Promise<PackUpload> {
    while (this.#unacknowledged.size >= maxUnacknowledged) await Promise.race(this.#unacknowledged);
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#remote.upload();
  }

  #endPack(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    const kept = open.upload
      .finish()
      .then(
        (receipt) => {
          this.counts.packs += 1;
          this.#options.onKept?.(receipt);
        },
        (error: unknown) => this.#fail(error),
      )
      .finally(() => this.#unacknowledged.delete(kept));
    this.#unacknowledged.add(kept);
  }
}

function sizeOf({ places }: Batch): number {
  let sum = 0;
  for (let at = 1; at < places.length; at += 2) sum += places[at] as number;
  return sum;
}

function tarSizeOf({ places }: Batch): number {
  let sum = 0;
  for (let at = 1; at < places.length; at += 2) sum += tarLength(places[at] as number);
  return sum;
}

/** Copies objects into a buffer of their own. */
function batchOf({ objects, bytes }: Gathering): Batch {
  const builder = new BatchBuilder(new ArrayBuffer(bytes), bytes);
  for (const object of objects) builder.add(object);
  return builder.finish();
}
