/** Takes in one pack, member by member: inflates, checks and writes, with a few members in work at a time. */
import { BakError } from "../errors.js";
import { blake3 } from "../objects/hash.js";
import { assertCodec, codecOfMember, unpackMemberInBackground } from "../objects/member-codec.js";
import { decodeMemberTar, type MemberObject } from "../objects/member-tar.js";
import { objectIdOf, type ObjectId } from "../objects/object-id.js";
import {
  maxPackBytes,
  maxPackedMemberBytes,
  maxPackObjects,
  packTrailers,
  type PackCodec,
} from "../objects/pack-format.js";
import { explainDiskError } from "./disk-error.js";
import type { Disk } from "./disk.js";
import { PackIndexBuilder } from "./pack-index.js";
import type { PackReceipt, PackReceiver } from "./store.js";
import { removeQuietly, settle, type Incoming } from "./write-file.js";

/** While one member is inflated, another is hashed and a third is written. */
const maxMembersInWork = 3;

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
  /** Of the store, for messages. */
  readonly folder: string;
  /** Where the pack is written until it has been checked. */
  readonly temporary: string;
  /** Takes over a checked pack, whatever becomes of it; rejects if it is not kept. */
  readonly keep: (pack: CheckedPack) => Promise<PackReceipt>;
  /** Called once, when the receiver is at its end. */
  readonly onEnd: () => void;
}

/** The PackReceiver of a store on disk. */
export class DiskPackReceiver implements PackReceiver {
  readonly #options: ReceiverOptions;
  readonly #hasher = blake3().createHasher();
  readonly #index = new PackIndexBuilder();
  /** The members whose turn to be waited for has not come; none of these promises rejects. */
  readonly #inWork: Promise<void>[] = [];
  #last: Promise<void> = Promise.resolve();
  #length = 0;
  /** That of the first member, and so of all. */
  #codec: PackCodec | undefined;
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
    this.#checkCodec(member);
    this.#throwFailure();
    this.#hasher.update(member);
    this.#length += member.length;
    this.#last = this.#work(member, this.#last);
    this.#inWork.push(this.#last);
    if (this.#inWork.length >= maxMembersInWork) await this.#inWork.shift();
    this.#throwFailure();
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

  /** Inflates and checks one member while those before it are still in work, and writes it after them. */
  async #take(member: Uint8Array, before: Promise<void>): Promise<void> {
    const tar = await unpackMemberInBackground(member);
    const objects = decodeMemberTar(tar);
    for (const object of objects) assertHash(tar, object);
    await before;
    if (this.#failure !== undefined) return;
    if (this.#index.objectCount + objects.length > maxPackObjects) throw refused(`more than ${maxPackObjects} objects`);
    this.#index.addMember(member.length, tar.length, objects);
    await this.#write(member);
  }

  #checkCodec(member: Uint8Array): void {
    try {
      assertCodec(member, (this.#codec ??= codecOfMember(member)));
    } catch (error) {
      this.#fail(error);
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const { disk, temporary } = this.#options;
    this.#incoming ??= { path: temporary, file: await disk.createFile(temporary) };
    await this.#incoming.file.write(bytes);
  }

  /** Ends the file, and puts it on stable storage if it is the pack that it should be. */
  async #check(id: ObjectId): Promise<CheckedPack> {
    const codec = this.#codec;
    if (codec === undefined || this.#index.objectCount === 0) throw refused("no objects in it");
    this.#hasher.update(packTrailers[codec]);
    const actual = this.#hasher.digest().toString("hex");
    if (actual !== id) throw refused(`its bytes have the hash '${actual}', not '${id}'`);
    await this.#write(packTrailers[codec]);
    const incoming = this.#incoming as Incoming;
    this.#incoming = undefined; // closed from here on, and removed by whoever keeps it
    try {
      await settle(incoming);
    } catch (error) {
      await removeQuietly(this.#options.disk, incoming.path);
      throw error;
    }
    return { id, codec, temporary: incoming.path, index: this.#index.finish(id, codec) };
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

function assertHash(tar: Buffer, { kind, id, offset, length }: MemberObject): void {
  const actual = objectIdOf(tar.subarray(offset, offset + length));
  if (actual !== id) throw refused(`the bytes of '${kind}/${id}' have the hash '${actual}'`);
}

function refused(why: string): BakError {
  return new BakError("BAD_PACK", `refused pack: ${why}`);
}
