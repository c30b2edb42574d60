/** What a session sends of the store: members with the objects that were asked for, or with the trees of a folder. */
import { BakError, isBakError } from "../errors.js";
import { decodeCommit } from "../objects/commit.js";
import { codecOfMember } from "../objects/member-codec.js";
import type { ObjectId } from "../objects/object-id.js";
import { packCodecs, type PackCodec } from "../objects/pack-format.js";
import type { ProjectId } from "../objects/project-id.js";
import type { Conversation } from "../protocol/conversation.js";
import { maxIdsPerMessage } from "../protocol/limits.js";
import { memberHeadroomBytes } from "../protocol/message-codec.js";
import { sendPackStream } from "../protocol/pack-stream.js";
import { reachableTrees } from "../store/reachable.js";
import type { HeldMembers, MemberLocation, ObjectSource, Store, View } from "../store/store.js";
import type { Access } from "./access.js";
import { notAllowed } from "./request-rights.js";
import { withoutBlobs } from "./without-blobs.js";

/** Who something is sent to, and what he may see. */
export interface SendingOptions {
  readonly conversation: Conversation;
  readonly store: Store;
  /** What the client may see of the store; undefined for all of it. */
  readonly view: View | undefined;
  readonly access: Access;
  readonly project: ProjectId;
  /** What members the client can deal with. */
  readonly reads: readonly PackCodec[];
}

export class Sending {
  /** What was asked for by its id, and all that was sent. */
  readonly sent = { objects: 0, bytes: 0 };
  readonly #options: SendingOptions;

  constructor(options: SendingOptions) {
    this.#options = options;
  }

  /** What of the store the client may see. */
  get objects(): ObjectSource {
    return this.#options.view ?? this.#options.store;
  }

  /** Sends the members that hold the objects. Rejects, before anything is sent, where one is not there or not to be read. */
  async sendObjects(request: number, ids: ObjectId[]): Promise<void> {
    const { conversation, store, access, project } = this.#options;
    const members = await this.#openMembers(ids);
    try {
      const [content] = access.may("read") ? [] : store.blobsAmong(ids);
      if (content !== undefined) throw notAllowed(access, ["read"], project);
      this.sent.objects += ids.length;
      await sendPackStream(conversation, request, this.#read(members));
    } finally {
      members.release();
    }
  }

  /** Sends the trees that a tree or a commit reaches, and the commit; of `have`, where that is there, only what it does not reach. */
  async sendTrees(request: number, root: ObjectId, have: ObjectId | undefined): Promise<void> {
    const known = have !== undefined && (await this.objects.has(have)) ? await this.#treeOf(have) : undefined;
    const tree = await this.#treeOf(root);
    const ids = batches(reachableTrees(this.objects, tree, { known }), root === tree ? [] : [root]);
    return sendPackStream(this.#options.conversation, request, this.#membersOf(ids));
  }

  /** The tree that an id stands for: itself, or, for a commit, the commit's. */
  async #treeOf(id: ObjectId): Promise<ObjectId> {
    try {
      return decodeCommit(await this.objects.readObject(id)).tree;
    } catch (error) {
      if (isBakError(error, "BAD_OBJECT")) return id; // no commit, then a tree, as the walk will see
      throw error;
    }
  }

  #openMembers(ids: readonly ObjectId[]): HeldMembers | Promise<HeldMembers> {
    const { store, view } = this.#options;
    if (view !== undefined) return view.openMembers(ids);
    const members = store.locateMembers(ids);
    return { read: (headroom) => this.#readAll(members, headroom), release: store.pin(members) };
  }

  async *#readAll(members: readonly MemberLocation[], headroom: number): AsyncGenerator<Buffer, void, undefined> {
    for (const at of members) yield await this.#options.store.readMember(at, headroom);
  }

  /** The members that hold the objects, in the order in which they lie on disk within a batch of ids. */
  async *#membersOf(ids: AsyncIterable<ObjectId[]>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const batch of ids) {
      const members = await this.#openMembers(batch);
      try {
        yield* this.#read(members);
      } finally {
        members.release();
      }
    }
  }

  /** Members with headroom; throws NOT_SUPPORTED before one that the client cannot deal with. */
  async *#read(members: HeldMembers): AsyncGenerator<Uint8Array, void, undefined> {
    const { access } = this.#options;
    for await (const whole of members.read(memberHeadroomBytes)) {
      const room = access.may("read") ? whole : await withoutBlobs(whole, memberHeadroomBytes);
      access.revoked.throwIfAborted(); // much may have been sent since the stream began
      if (room === undefined) continue;
      this.#assertReadable(room.subarray(memberHeadroomBytes));
      this.sent.bytes += room.length - memberHeadroomBytes;
      yield room;
    }
  }

  #assertReadable(member: Uint8Array): void {
    const { reads } = this.#options;
    if (reads.length === packCodecs.length) return;
    const codec = codecOfMember(member);
    if (reads.includes(codec)) return;
    throw new BakError(
      "NOT_SUPPORTED",
      `the client does not read ${codec}, and what it asks for lies in a pack of that`,
      {
        hint: `use a client that reads ${codec}, as every bak of this version does`,
      },
    );
  }
}

/** Gathers ids into batches, `first` at the head, so that no more than one batch is in memory. */
async function* batches(ids: AsyncIterable<ObjectId>, first: ObjectId[]): AsyncGenerator<ObjectId[], void, undefined> {
  let batch = [...first];
  for await (const id of ids) {
    batch.push(id);
    if (batch.length < maxIdsPerMessage) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
