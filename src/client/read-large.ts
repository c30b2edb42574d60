/** Reads large files, and those that change meanwhile, one buffer at a time: the next step goes on where the last had to stop. */
import type { ByteString } from "../objects/byte-string.js";
import type { FileContent } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import type { PackedObject } from "../objects/object-kind.js";
import type { Done } from "../threads/jobs.js";
import { BatchBuilder, packingRoomBytes, type Batch } from "./batch.js";
import { readSourceFile, windowBytes, type ReadFile } from "./read-file.js";
import type { SourceStat } from "./source-stat.js";

export interface ReadMoreJob {
  readonly type: "readMore";
  /** Tells files apart that a thread is in the middle of. */
  readonly file: number;
  /** Absolute. */
  readonly path: ByteString;
  /** What the next objects go into, as many as it holds; it holds at least one of any size. None: the file is given up. */
  readonly buffer: ArrayBuffer | undefined;
}

export interface ReadMoreResult {
  /** The next objects of the file. */
  readonly batch: Batch | undefined;
  readonly bytesRead: number;
  /** At the end of the file. */
  readonly end: { content: FileContent; stat: SourceStat; isUnsteady: boolean } | undefined;
}

const givenUp = new Error("the file was given up");

/** The large files of one thread. */
export class LargeFiles {
  readonly #open = new Map<number, LargeFile>();
  /** Kept for the next: memory of this size that comes and goes makes the allocator keep more and more. */
  readonly #windows: Buffer[] = [];

  /** Reads on until the buffer is full, or the file at its end. Rejects with what reading it fails with. */
  async readMore({ file, path, buffer }: ReadMoreJob): Promise<Done<ReadMoreResult>> {
    let reading = this.#open.get(file);
    if (buffer === undefined) {
      if (reading !== undefined) {
        await reading.giveUp();
        this.#close(file, reading);
      }
      return { result: { batch: undefined, bytesRead: 0, end: undefined } };
    }
    if (reading === undefined) {
      const window = this.#windows.pop() ?? Buffer.allocUnsafeSlow(windowBytes);
      this.#open.set(file, (reading = new LargeFile(path, window)));
    }
    try {
      const step = await reading.fill(buffer);
      if (step.end !== undefined) this.#close(file, reading);
      return { result: step, transfer: [buffer] };
    } catch (error) {
      this.#close(file, reading);
      throw error;
    }
  }

  #close(file: number, { window }: LargeFile): void {
    if (this.#open.delete(file)) this.#windows.push(window);
  }
}

/** A file that is being read, and stands still between one buffer and the next. */
class LargeFile {
  readonly window: Buffer;
  readonly #path: ByteString;
  #reading: Promise<ReadFile> | undefined;
  #filling: BatchBuilder | undefined;
  #bytesRead = 0;
  /** Called when the buffer at hand can take no more. */
  #onFull: () => void = () => undefined;
  /** Wakes the reading that waits for another buffer. */
  #goOn: ((error?: Error) => void) | undefined;

  constructor(path: ByteString, window: Buffer) {
    this.#path = path;
    this.window = window;
  }

  async fill(buffer: ArrayBuffer): Promise<ReadMoreResult> {
    const filling = (this.#filling = new BatchBuilder(buffer, buffer.byteLength - packingRoomBytes));
    this.#bytesRead = 0;
    const full = new Promise<undefined>((resolve) => (this.#onFull = () => resolve(undefined)));
    this.#reading ??= readSourceFile(this.#path, {
      offer: (object) => this.#offer(object),
      onBytes: (count) => (this.#bytesRead += count),
      breathe: () => undefined,
      window: this.window,
    });
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
    const end = await Promise.race([this.#reading, full]);
    return { batch: filling.finish(), bytesRead: this.#bytesRead, end };
  }

  async giveUp(): Promise<void> {
    this.#goOn?.(givenUp);
    await this.#reading?.catch(() => undefined); // its file is closed then, which is all that is wanted of it
  }

  async #offer(object: PackedObject<ObjectId>): Promise<void> {
    while (this.#filling?.add(object) !== true) {
      const next = new Promise<void>((resolve, reject) => {
        this.#goOn = (error) => (error === undefined ? resolve() : reject(error));
      });
      this.#onFull();
      await next;
    }
  }
}
