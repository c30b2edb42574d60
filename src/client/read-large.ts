/** Reads large files, and those that change meanwhile, one buffer at a time: the next step goes on where the last had to stop. */
import type { ByteString } from "../objects/byte-string.js";
import type { Done } from "../threads/jobs.js";
import type { Batch } from "./batch.js";
import type { OldChunks } from "./old-chunks.js";
import { SourceFile, type ReadFile } from "./read-file.js";

export interface ReadMoreJob {
  readonly type: "readMore";
  /** Tells files apart that a thread is in the middle of. */
  readonly file: number;
  /** Absolute. */
  readonly path: ByteString;
  /** What the next objects go into, as many as it holds; it holds at least one of any size. None: the file is given up. */
  readonly buffer: ArrayBuffer | undefined;
  /** Chunks that the file had, and that the store has; asked for with its first buffer. */
  readonly old?: OldChunks | undefined;
}

export interface ReadMoreResult {
  /** The next objects of the file. */
  readonly batch: Batch | undefined;
  readonly bytesRead: number;
  /** At the end of the file. */
  readonly end: ReadFile | undefined;
}

/** The large files of one thread. */
export class LargeFiles {
  readonly #open = new Map<number, SourceFile>();
  #bytesRead = 0;

  /** Reads on until the buffer is full, or the file at its end. Throws what reading it fails with. */
  readMore({ file, path, buffer, old }: ReadMoreJob): Done<ReadMoreResult> {
    if (buffer === undefined) {
      this.#close(file);
      return { result: { batch: undefined, bytesRead: 0, end: undefined } };
    }
    this.#bytesRead = 0;
    try {
      let reading = this.#open.get(file);
      if (reading === undefined) {
        reading = new SourceFile(path, (count) => (this.#bytesRead += count), old);
        this.#open.set(file, reading);
      }
      const filled = reading.readInto(buffer);
      if (filled.end !== undefined) this.#close(file);
      return { result: { ...filled, bytesRead: this.#bytesRead }, transfer: [buffer] };
    } catch (error) {
      this.#close(file);
      throw error;
    }
  }

  #close(file: number): void {
    this.#open.get(file)?.close();
    this.#open.delete(file);
  }
}
