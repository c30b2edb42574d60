/** A snapshot that is being taken, and all that it feeds: threads, upload and journal. */
import { defaultLevels, packCodecOf, type Codec } from "../objects/member-codec.js";
import { chooseCodec } from "./choose-codec.js";
import { CompressionLevel } from "./compression-level.js";
import type { Head } from "./head.js";
import { Journal, journalFile } from "./journal.js";
import { JournaledReader } from "./journaled-reader.js";
import { KeptTrees } from "./kept-trees.js";
import { fetchOldChunks } from "./old-chunks.js";
import { PushPipeline } from "./push-pipeline.js";
import type { PushEvent, PushOptions } from "./push-options.js";
import type { Remote } from "./remote.js";
import { takeSnapshot } from "./snapshot.js";
import type { Snapshot, SnapshotSink } from "./snapshot-options.js";
import { isConfigFolder } from "./config-folder.js";
import { isStoreFolder } from "./store-folder.js";
import type { Compression } from "./upload.js";

/** What is held of events before the head is known, counted as paths are long; then the walk waits. */
const maxHeldBytes = 4 << 20;
/** What an event takes beside its path. */
const eventBytes = 100;

/** Where a snapshot comes from and goes to. */
export interface TakingFrom {
  readonly head: Head;
  /** May still be connecting: what is found to be new waits to be confirmed, within the pipeline's bounds. */
  readonly remote: Promise<Remote>;
  /** The store's id. */
  readonly store: string;
  /** Whether what an earlier push has read may be taken for read. */
  readonly isJournaled: boolean;
  readonly packBytes: number;
}

/** See the top of the file. */
export class Taking {
  readonly head: Head;
  readonly pipeline: PushPipeline;
  readonly snapshot: Promise<Snapshot>;
  /** Rejected if the store cannot take what was asked for. */
  readonly compression: Promise<Compression>;
  /** What was read and is not committed yet; undefined where that is not kept. */
  readonly journal: Journal | undefined;
  /** All trees of the snapshot. */
  readonly kept: KeptTrees;
  readonly #stop = new AbortController();
  readonly #onEvent: PushOptions["onEvent"];
  /** What there is to be told, until it is certain that the head is the right one. */
  #held: PushEvent[] | undefined = [];
  #heldBytes = 0;
  /** The same for what there is to be sent. */
  #send: () => void = () => undefined;
  #sendNothing: (reason: unknown) => void = () => undefined;

  constructor(options: PushOptions, from: TakingFrom) {
    const { progress, signal } = options;
    const { head, remote, store } = from;
    this.head = head;
    this.kept = new KeptTrees(options.indexFile);
    this.#onEvent = options.onEvent;
    const confirmed = new Promise<Remote>((resolve, reject) => {
      this.#send = () => resolve(remote);
      this.#sendNothing = reject;
    });
    confirmed.catch(() => undefined); // thrown to whoever has something to send
    const later = {
      hasMany: async (ids: Uint8Array) => (await confirmed).hasMany(ids),
      upload: async () => (await confirmed).upload(),
    };
    this.compression = remote.then((known) => compressionFor(known, options.compression));
    this.compression.catch(() => undefined); // thrown where the push is finished
    this.pipeline = new PushPipeline(later, {
      threads: options.threads,
      compression: this.compression,
      onRead: (bytes) => (progress.bytesRead += bytes),
      onUnderWay: (change) => (progress.bytesUnderWay += change),
      onSent: (bytes) => (progress.bytesSent += bytes),
      packBytes: from.packBytes,
      oldChunks: async (list) => fetchOldChunks(await confirmed, list),
      onKept: () => {
        this.journal?.flush(); // the files of the pack are in it
        this.#tell({ type: "packKept" });
      },
    });
    if (from.isJournaled) {
      this.journal = new Journal(journalFile(options.indexFile), { store, folder: options.folder }, (error) =>
        this.#tell({ type: "journalNotKept", why: error instanceof Error ? error.message : String(error) }),
      );
    }
    this.snapshot = takeSnapshot({
      folder: options.folder,
      baseline: head.baseline,
      isFull: options.isFull,
      sink: options.isDryRun ? undefined : this.#sink(options, later),
      isLeftOut: (folder) =>
        options.isLeftOut(folder) || isStoreFolder(folder, store) || isConfigFolder(folder, options.folder),
      leaveOut: options.leaveOut,
      onEvent: (event) => this.#tell(event),
      room: () => (this.#heldBytes > maxHeldBytes ? confirmed.then(() => undefined) : undefined),
      progress,
      signal: signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]),
    });
    this.snapshot.catch(() => undefined); // thrown where it is waited for
  }

  /** The head is the right one: tells and sends what was held back, and what comes from now on at once. */
  confirm(): void {
    this.#send();
    this.journal?.begin();
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#heldBytes = 0;
    if (this.head.commit !== undefined && !this.head.baseline.isOfFolder) {
      const { host, path } = this.head.commit;
      this.#onEvent({ type: "otherFolder", host, path });
    }
    for (const event of held) this.#onEvent(event);
  }

  /** Stops whatever is still under way. */
  async giveUp(reason: unknown): Promise<void> {
    this.#stop.abort(reason);
    this.#sendNothing(reason);
    try {
      await this.pipeline.close();
      await this.snapshot.catch(() => undefined);
    } finally {
      this.journal?.end();
      this.kept.close();
    }
  }

  #sink(options: PushOptions, remote: Pick<Remote, "hasMany">): SnapshotSink {
    const { reader, uploader } = this.pipeline;
    const offer: SnapshotSink["offer"] = (tree) => uploader.offer(tree);
    const { journal, kept } = this;
    if (journal === undefined) return { reader, offer, kept };
    const journaled = new JournaledReader({ reader, journal, remote, folderLength: options.folder.length });
    return { reader: journaled, offer, kept };
  }

  #tell(event: PushEvent): void {
    if (this.#held === undefined) return this.#onEvent(event);
    this.#held.push(event);
    this.#heldBytes += eventBytes + ("path" in event ? event.path.length : 0);
  }
}

/** Of a store on this machine, the level stays as it is: the other end needs the very cores that seem idle. */
export function compressionFor(remote: Remote, asked: Codec | undefined): Compression {
  const codec = chooseCodec(remote, asked);
  const isFixed = remote.isLocal || codec === "none";
  return { codec, level: isFixed ? undefined : new CompressionLevel(packCodecOf(codec), defaultLevels[codec]) };
}
