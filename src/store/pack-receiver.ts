/** Takes in one pack, member by member: has them checked by the store's threads, and writes them in their order. */
import { BakError } from "../errors.js";
import type { ObjectId } from "../objects/object-id.js";
import type { ProjectId } from "../objects/project-id.js";
import {
  maxPackBytes,
  maxPackedMemberBytes,
  maxPackObjects,
  packTrailers,
  type PackCodec,
} from "../objects/pack-format.js";
import { PackHasher } from "../objects/pack-hasher.js";
import { countGarbage } from "../threads/collect-garbage.js";
import { explainDiskError } from "./disk-error.js";
import type { Disk } from "./disk.js";
import type { Ingest } from "./ingest.js";
import { PackIndexBuilder } from "./pack-index-builder.js";
import { recordLength } from "./pack-index.js";
import type { PackReceipt, PackReceiver } from "./store.js";
import { removeQuietly, settle, type Incoming } from "./write-file.js";

/** Beside those that threads check, each with the next at hand, one is written and one comes. */
const maxMembersInWork = (threads: number): number => 2 * threads + 2;
/** The members in work have so many bytes at most, whatever their number; a longer one is alone. */
const maxBytesInWork = 8 << 20;

/** What came in from the network, and what was joined of it. */
const garbagePerByte = 2;

/** A pack that has been checked and lies in incoming/, on stable storage. */
export interface CheckedPack {
  readonly id: ObjectId;
  readonly codec: PackCodec;
  readonly temporary: string;
  readonly index: Buffer;
}

/** What a receiver needs of the store that it belongs to. */
export interface ReceiverOptions {
  readonly disk: Disk;
  readonly ingest: Ingest;
  /** Of the store, for messages. */
  readonly folder: string;
  /** Where the pack is written until it has been checked. */
  readonly temporary: string;
  /** The project that it is of. */
  readonly owner: ProjectId | undefined;
  /** Called with the length of each member as it comes; throws where that is more than may come. */
  readonly onBytes: (bytes: number) => void;
  /** Called before bytes are written; rejects with STORE_FULL where the disk has no space to spare for them. */
  readonly takeSpace: (bytes: number) => Promise<void>;
  /** Takes over a checked pack, whatever becomes of it; rejects if it is not kept. */
  readonly keep: (pack: CheckedPack) => Promise<PackReceipt>;
  /** Called once, when the receiver is at its end. */
  readonly onEnd: () => void;
}

/** The PackReceiver of a store on disk. */
export class DiskPackReceiver implements PackReceiver {
  readonly #options: ReceiverOptions;
  readonly #hasher = new PackHasher();
  readonly #index = new PackIndexBuilder();
  /** The members whose turn to be waited for has not come; none of these promises rejects. */
  readonly #inWork: { readonly done: Promise<void>; readonly bytes: number }[] = [];
  #bytesInWork = 0;
  #members = 0;
  #last: Promise<void> = Promise.resolve();
  #length = 0;
  #incoming: Incoming | undefined;
  #failure: { readonly reason: unknown } | undefined;
  #isEnded = false;
  /** Resolves, and never rejects, once an end that has begun is complete. */
  #ending: Promise<void> = Promise.resolve();

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  async add(member: Uint8Array): Promise<void> {
    this.#assertReceiving();
    if (member.length > maxPackedMemberBytes) this.#fail(refused(`a member of ${member.length} bytes`));
    if (this.#length + member.length + packTrailers.gzip.length > maxPackBytes)
      this.#fail(refused("pack beyond 128 MiB"));
    this.#hash(member);
    this.#throwFailure();
    const bytes = member.length;
    this.#count(bytes);
    this.#length += bytes;
    this.#last = this.#work(member, this.#last);
    this.#inWork.push({ done: this.#last, bytes });
    this.#bytesInWork += bytes;
    await this.#room();
    this.#throwFailure();
  }

  #count(bytes: number): void {
    try {
      this.#options.onBytes(bytes);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  /** Resolves when there is room for another member in work. */
  async #room(): Promise<void> {
    const most = maxMembersInWork(this.#options.ingest.threads);
    while (this.#inWork.length >= most || this.#bytesInWork > maxBytesInWork) {
      const first = this.#inWork.shift();
      if (first === undefined) return;
      await first.done;
      this.#bytesInWork -= first.bytes;
    }
  }

  async finish(id: ObjectId): Promise<PackReceipt> {
    this.#assertReceiving();
    this.#isEnded = true;
    const finishing = this.#finish(id);
    this.#ending = finishing.then(
      () => undefined,
      () => undefined,
    );
    return finishing;
  }

  async abort(): Promise<void> {
    if (!this.#isEnded) {
      this.#isEnded = true;
      this.#fail(new BakError("STORE_FAILED", "the pack was given up before its end"));
      this.#ending = this.#last.then(() => this.#discard()).finally(this.#options.onEnd);
    }
    await this.#ending;
  }

  async #finish(id: ObjectId): Promise<PackReceipt> {
    try {
      await this.#last;
      this.#throwFailure();
      return await this.#options.keep(await this.#check(id));
    } catch (error) {
      await this.#discard();
      throw explainDiskError(error, this.#options.folder);
    } finally {
      this.#options.onEnd();
    }
  }

  /** Takes one member; resolves when it and all before it are done with, whether they failed or not. */
  async #work(member: Uint8Array, before: Promise<void>): Promise<void> {
    await this.#take(member, before).catch((error: unknown) => this.#fail(error));
    await before;
  }

  /** Has one member checked while those before it are still in work, and writes it after them. */
  async #take(member: Uint8Array, before: Promise<void>): Promise<void> {
    const number = this.#members;
    this.#members += 1;
    const { packed, inflatedLength, records } = await this.#options.ingest.check(member, number);
    await before;
    if (this.#failure !== undefined) return;
    const objects = this.#index.objectCount + records.length / recordLength;
    if (objects > maxPackObjects) throw refused(`more than ${maxPackObjects} objects`);
    this.#index.addRecords(packed.length, inflatedLength, records);
    await this.#write(packed);
    countGarbage(garbagePerByte * packed.length);
  }

  #hash(member: Uint8Array): void {
    try {
      this.#hasher.add(member);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const { disk, temporary, takeSpace } = this.#options;
    await takeSpace(bytes.length);
    this.#incoming ??= { path: temporary, file: await disk.createFile(temporary) };
    await this.#incoming.file.write(bytes);
  }

  /** Ends the file, and puts it on stable storage if it is the pack that it should be. */
  async #check(id: ObjectId): Promise<CheckedPack> {
    const { codec } = this.#hasher;
    if (codec === undefined || this.#index.objectCount === 0) throw refused("no objects in it");
    const actual = this.#hasher.finish();
    if (actual !== id) throw refused(`its bytes have the hash '${actual}', not '${id}'`);
    const index = await this.#options.ingest.makeIndex(this.#index.parts(id, codec, this.#options.owner));
    await this.#write(packTrailers[codec]);
    const incoming = this.#incoming as Incoming;
    this.#incoming = undefined; // closed from here on, and removed by whoever keeps it
    try {
      await settle(incoming);
    } catch (error) {
      await removeQuietly(this.#options.disk, incoming.path);
      throw error;
    }
    return { id, codec, temporary: incoming.path, index };
  }

  #assertReceiving(): void {
    if (!this.#isEnded) return;
    this.#throwFailure();
    throw new Error("the pack has ended");
  }

  #fail(reason: unknown): void {
    this.#failure ??= { reason: explainDiskError(reason, this.#options.folder) };
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  async #discard(): Promise<void> {
    const incoming = this.#incoming;
    this.#incoming = undefined;
    if (incoming === undefined) return;
    await incoming.file.close().catch(() => undefined); // nothing of the file is wanted any more
    await removeQuietly(this.#options.disk, incoming.path);
  }
}

function refused(why: string): BakError {
  return new BakError("BAD_PACK", `refused pack: ${why}`);
}
