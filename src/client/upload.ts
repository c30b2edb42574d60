/**
 * What is new goes to the store: objects are offered one by one, the store is asked in batches which of them it lacks, and
 * those are gathered into members, compressed, and sent as packs. Everything between offer and acknowledgement is bounded.
 */
import { looksIncompressible } from "../objects/compressible.js";
import { packMember, type Codec } from "../objects/member-codec.js";
import { encodeMemberTar, tarLength } from "../objects/member-tar.js";
import type { ObjectId } from "../objects/object-id.js";
import type { ObjectKind, PackedObject } from "../objects/object-kind.js";
import { memberTargetBytes, packTargetBytes, packTargetObjects } from "../objects/pack-format.js";
import type { PackReceipt, PackUpload, Remote } from "./remote.js";

/** Bytes of objects that may wait for an answer, for compression and for the network. */
const maxWaitingBytes = 8 << 20;
/** The store is asked about so many objects, or so many bytes of them, at a time. */
const askObjects = 2048;
const askBytes = 2 << 20;
/** Members being compressed at the same time. */
const maxCompressing = 4;
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

interface UploadOptions {
  readonly onSent?: (bytes: number) => void;
  readonly onKept?: (receipt: PackReceipt) => void;
  /** What members are compressed with: gzip unless it says otherwise. */
  readonly codec?: Codec;
}

type Offered = PackedObject<ObjectId>;

interface Gathering {
  objects: Offered[];
  bytes: number;
}

export class Uploader {
  readonly counts: UploadCounts = {
    objects: { blob: 0, list: 0, tree: 0, commit: 0 },
    objectBytes: 0,
    packedBytes: 0,
    packs: 0,
  };
  readonly #remote: Pick<Remote, "has" | "upload">;
  /** Offered in this push; nothing is asked or sent twice. */
  readonly #seen = new Set<ObjectId>();
  #asking: Gathering = { objects: [], bytes: 0 };
  /** One open member for each kind, and for data that compresses and data that does not: each is better off alone. */
  readonly #gathering = new Map<string, Gathering>();
  #waitingBytes = 0;
  #roomFor: (() => void)[] = [];
  #failure: { error: unknown } | undefined;
  /** Each step runs after the one before it, so that members leave in the order in which they were gathered. */
  #answers: Promise<void> = Promise.resolve();
  #sending: Promise<void> = Promise.resolve();
  #compressing = 0;
  #slotFor: (() => void) | undefined;
  #open: { upload: PackUpload; bytes: number; objects: number } | undefined;
  readonly #unacknowledged = new Set<Promise<void>>();
  readonly #options: UploadOptions;

  /** `onSent` is told the bytes of each member that went out, `onKept` of each pack that was acknowledged. */
  constructor(remote: Pick<Remote, "has" | "upload">, options: UploadOptions = {}) {
    this.#remote = remote;
    this.#options = options;
  }

  /**
   * Takes an object whose bytes stay as they are from now on. Gives a promise to wait for when too much is waiting, and
   * nothing otherwise. A failure of an earlier object is thrown here, or by `finish`.
   */
  offer(object: Offered): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#seen.has(object.id)) return undefined;
    this.#seen.add(object.id);
    const { length } = object.bytes;
    this.#waitingBytes += length;
    this.#asking.objects.push(object);
    this.#asking.bytes += length;
    if (this.#asking.objects.length >= askObjects || this.#asking.bytes >= askBytes) this.#ask();
    return this.#waitingBytes < maxWaitingBytes ? undefined : this.#room();
  }

  /** Resolves once everything offered is on the store's stable storage. */
  async finish(): Promise<void> {
    this.#ask();
    await this.#answers;
    for (const key of this.#gathering.keys()) this.#pack(key);
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
    this.#failure ??= { error };
    this.#wake();
  }

  /** Asks about the batch at hand. Several questions may be under way; their answers are dealt with in order. */
  #ask(): void {
    const batch = this.#asking;
    if (batch.objects.length === 0 || this.#failure !== undefined) return;
    this.#asking = { objects: [], bytes: 0 };
    const answer = this.#remote.has(batch.objects.map(({ id }) => id));
    answer.catch((error: unknown) => this.#fail(error));
    this.#answers = this.#answers
      .then(async () => {
        const isKnown = await answer;
        for (const [index, object] of batch.objects.entries()) {
          if (isKnown[index] === true) this.#release(object.bytes.length);
          else this.#gather(object);
        }
        await this.#compressionRoom();
      })
      .catch((error: unknown) => this.#fail(error));
  }

  #gather(object: Offered): void {
    const isIncompressible = object.kind === "blob" && looksIncompressible(object.bytes);
    const key = isIncompressible ? "stored" : object.kind;
    let gathering = this.#gathering.get(key);
    const bytes = tarLength(object.bytes.length);
    if (gathering !== undefined && gathering.bytes + bytes > memberTargetBytes * 2) {
      this.#pack(key);
      gathering = undefined;
    }
    if (gathering === undefined) this.#gathering.set(key, (gathering = { objects: [], bytes: 0 }));
    gathering.objects.push(object);
    gathering.bytes += bytes;
    if (gathering.bytes >= memberTargetBytes) this.#pack(key);
  }

  /** Compresses what was gathered, beside other members, and sends it in its turn. */
  #pack(key: string): void {
    const gathering = this.#gathering.get(key);
    this.#gathering.delete(key);
    if (gathering === undefined || this.#failure !== undefined) return;
    const { objects } = gathering;
    this.#compressing += 1;
    const member = encodeMemberTar(objects).then((tar) =>
      packMember(tar, this.#options.codec ?? "gzip", key === "stored" ? 0 : undefined),
    );
    member.catch(() => undefined); // thrown where it is sent
    this.#sending = this.#sending
      .then(async () => {
        if (this.#failure !== undefined) return;
        await this.#send(await member, objects);
      })
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#compressing -= 1;
        this.#slotFor?.();
        this.#release(objects.reduce((sum, { bytes }) => sum + bytes.length, 0));
      });
  }

  async #compressionRoom(): Promise<void> {
    while (this.#compressing >= maxCompressing) await new Promise<void>((resolve) => (this.#slotFor = resolve));
  }

  async #send(member: Uint8Array, objects: readonly Offered[]): Promise<void> {
    const open = (this.#open ??= { upload: await this.#begin(), bytes: 0, objects: 0 });
    await open.upload.add(member);
    this.#options.onSent?.(member.length);
    open.bytes += member.length;
    open.objects += objects.length;
    this.counts.packedBytes += member.length;
    for (const { kind, bytes } of objects) {
      this.counts.objects[kind] += 1;
      this.counts.objectBytes += bytes.length;
    }
    if (open.bytes >= packTargetBytes || open.objects >= packTargetObjects) this.#endPack();
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
