/**
 * What a push has beside its main thread: threads that read, hash and compress, the buffers that go around between them,
 * and the upload that they feed. The main thread only directs and sends.
 */
import { maxChunkBytes, maxWholeFileBytes } from "../objects/chunker.js";
import { packingRoomBytes } from "./batch.js";
import { BufferPool } from "./buffer-pool.js";
import { Distance } from "./distance.js";
import { FileReader, type FileReaderOptions } from "./file-reader.js";
import { createPushPool, type PushPool } from "./push-work.js";
import type { PackReceipt, Remote } from "./remote.js";
import { Uploader, type Compression } from "./upload.js";

/** For each thread: one buffer is read into, one is packed, and others wait for the store's answer or for the network. */
const smallBuffersPerThread = 2;
const moreSmallBuffers = 4;
/** A large file's next buffer is read when the one before is packed: with two more instead of one, the image took as long. */
const largeBuffersPerThread = 1;
const moreLargeBuffers = 1;

/** How long a thread is busy with a MiB, about: as long as an answer takes, others have to be at hand. */
const busyMsPerMib = 10;
/** Of either size, where answers take long. */
const maxDistanceBytes = 32 << 20;

export interface PipelineOptions {
  /** With 0 all is done on the calling thread. */
  readonly threads: number;
  readonly compression: Promise<Compression>;
  readonly packBytes: number;
  readonly oldChunks: FileReaderOptions["oldChunks"] & object;
  /** Told of bytes as they are read, as a large file goes on, and as they are sent. */
  readonly onRead: FileReaderOptions["onBytes"];
  readonly onUnderWay: FileReaderOptions["onUnderWay"];
  readonly onSent: (bytes: number) => void;
  readonly onKept: (receipt: PackReceipt) => void;
}

export class PushPipeline {
  readonly reader: FileReader;
  readonly uploader: Uploader;
  readonly #pool: PushPool;
  readonly #buffers: readonly BufferPool[];

  constructor(remote: Pick<Remote, "hasMany" | "upload">, options: PipelineOptions) {
    const { threads, compression, packBytes, oldChunks, onRead, onUnderWay, onSent, onKept } = options;
    const pool = createPushPool(threads);
    const smallBuffers = new BufferPool(
      maxWholeFileBytes + packingRoomBytes,
      smallBuffersPerThread * pool.size + moreSmallBuffers,
    );
    const largeBuffers = new BufferPool(
      maxChunkBytes + packingRoomBytes,
      largeBuffersPerThread * pool.size + moreLargeBuffers,
    );
    const distance = new Distance((ms) => {
      for (const buffers of [smallBuffers, largeBuffers]) {
        const busyMs = (buffers.sizeBytes / (1 << 20)) * busyMsPerMib;
        const more = Math.min((ms / busyMs) * pool.size, maxDistanceBytes / buffers.sizeBytes);
        buffers.allow(buffers.limit + Math.floor(more));
      }
    });
    const giveBack = (buffer: ArrayBuffer): void => {
      (buffer.byteLength === largeBuffers.sizeBytes ? largeBuffers : smallBuffers).give(buffer);
    };
    this.#pool = pool;
    this.#buffers = [smallBuffers, largeBuffers];
    this.uploader = new Uploader(remote, {
      pool,
      compression,
      packBytes,
      onSent,
      onKept,
      onAnswered: (ms) => distance.observe(ms),
      onFailed: (reason) => this.#stop(reason),
    });
    this.reader = new FileReader({
      pool,
      smallBuffers,
      largeBuffers,
      take: (batch) => this.uploader.offerBatch(batch, giveBack),
      onBytes: onRead,
      onUnderWay,
      oldChunks,
    });
  }

  /** Ends the threads; what is still under way is given up. */
  async close(): Promise<void> {
    this.#stop(new Error("the push has ended"));
    await this.reader.abandon();
    await this.#pool.close();
  }

  #stop(reason: unknown): void {
    for (const buffers of this.#buffers) buffers.fail(reason);
  }
}
