/** Positioned reads from many files, with a bounded number of them open. */
import { open, type FileHandle } from "node:fs/promises";

interface OpenFile {
  readonly handle: Promise<FileHandle>;
  readers: number;
  /** No read to come finds it: the last reader closes it. */
  isDropped: boolean;
}

/** What to read of a file, in bytes. */
export interface ReadPlace {
  readonly offset: number;
  readonly length: number;
  readonly headroom?: number;
}

/** Keeps the files open that were read last. */
export class OpenFiles {
  readonly #limit: number;
  readonly #files = new Map<string, OpenFile>(); // in the order of their last use

  /** Beyond `limit` files, only those are open that are being read from at the moment. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** `length` bytes at `offset` of a file, or fewer where it ends before; `headroom` bytes to write into stand before them. */
  async read(path: string, { offset, length, headroom = 0 }: ReadPlace): Promise<Buffer> {
    const file = this.#use(path);
    file.readers += 1;
    try {
      return await readAt(await file.handle, { offset, length, headroom });
    } catch (error) {
      this.#drop(path, file); // so that the next read opens the file anew
      throw error;
    } finally {
      file.readers -= 1;
      if (file.isDropped && file.readers === 0) await closeFile(file);
    }
  }

  /** Closes one file, which nobody is reading from. */
  async closeFile(path: string): Promise<void> {
    const file = this.#files.get(path);
    if (file === undefined || file.readers > 0) return;
    this.#drop(path, file);
    await closeFile(file);
  }

  /** Closes every file that is not being read from, and the others after that. */
  async close(): Promise<void> {
    const files = [...this.#files];
    for (const [path, file] of files) this.#drop(path, file);
    await Promise.all(files.filter(([, file]) => file.readers === 0).map(([, file]) => closeFile(file)));
  }

  #use(path: string): OpenFile {
    const file = this.#files.get(path) ?? { handle: open(path, "r"), readers: 0, isDropped: false };
    this.#files.delete(path);
    this.#files.set(path, file);
    for (const [oldPath, oldest] of this.#files) {
      if (this.#files.size <= this.#limit) break;
      this.#drop(oldPath, oldest);
      if (oldest.readers === 0) void closeFile(oldest);
    }
    return file;
  }

  #drop(path: string, file: OpenFile): void {
    file.isDropped = true;
    if (this.#files.get(path) === file) this.#files.delete(path);
  }
}

async function readAt(handle: FileHandle, place: Required<ReadPlace>): Promise<Buffer> {
  const { offset, length, headroom } = place;
  const bytes = Buffer.allocUnsafe(headroom + length);
  let at = 0;
  while (at < length) {
    const { bytesRead } = await handle.read(bytes, headroom + at, length - at, offset + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return bytes.subarray(0, headroom + at);
}

/** Nothing was written through the file, so nothing is lost where it does not close, or was never opened. */
async function closeFile(file: OpenFile): Promise<void> {
  const handle = await file.handle.catch(() => undefined);
  await handle?.close().catch(() => undefined);
}
