/**
 * Keeps a large file that is written from filling memory: each window of it is given to the disk at once, and what the disk has leaves
 * the page cache. So what else the machine has in memory stays there; and the next windows come into pages that were in use
 * a moment ago, which cost least: others have to be found and cleared, on a virtual machine by its host.
 */
import { dropPages, startWriteback } from "../platform/page-cache.js";

const mib = 1 << 20;
/** What is in a smaller file may be read or removed before the kernel would write it. */
const minFileBytes = 64 * mib;
const windowBytes = 8 * mib;
/** A window is dropped when so many others have been begun to be written since: as a rule, it is on the disk then. */
const windowsBehind = 2;
/** What lies further apart than that is left to the kernel: all that others have written between would be written at once. */
const maxSpanBytes = 8 * windowBytes;
/** Who has to wait longer for the disk leaves the rest to the kernel: then time is dearer than memory. */
const maxWaitMsPerMib = 4;
/** A disk is judged by so much at a time. */
const judgedBytes = 64 * mib;

interface Window {
  readonly from: number;
  readonly to: number;
}

const nothing: Window = { from: Infinity, to: 0 };

/** For one thread that writes, among others that may write to the same files. */
export class DropBehind {
  readonly #maxWaitMsPerMib: number;
  #file: number | undefined;
  #window = nothing;
  /** How many bytes were written in the window; others may have written there, too. */
  #bytes = 0;
  #behind: Window[] = [];
  #judged = { bytes: 0, ms: 0 };
  #isSlow = false;

  constructor(options = { maxWaitMsPerMib }) {
    this.#maxWaitMsPerMib = options.maxWaitMsPerMib;
  }

  /** Takes note of what was written to an open file. Numbers tell files apart; the size is what it will have in the end. */
  wrote(
    file: { readonly number: number; readonly size: number },
    { descriptor, offset, length }: { descriptor: number; offset: number; length: number },
  ): void {
    if (this.#isSlow || file.size < minFileBytes) return;
    if (this.#file !== file.number) {
      this.#behind = [];
      this.#beginWindow();
    }
    this.#file = file.number;
    const { from, to } = this.#window;
    this.#window = { from: Math.min(from, offset), to: Math.max(to, offset + length) };
    this.#bytes += length;
    if (this.#bytes >= windowBytes) this.#endWindow(descriptor);
  }

  #beginWindow(): void {
    this.#window = nothing;
    this.#bytes = 0;
  }

  #endWindow(descriptor: number): void {
    const begin = performance.now();
    const { from, to } = this.#window;
    if (to - from <= maxSpanBytes) {
      startWriteback(descriptor, from, to - from);
      this.#behind.push(this.#window);
      const behind = this.#behind.length > windowsBehind ? this.#behind.shift() : undefined;
      if (behind !== undefined) dropPages(descriptor, behind.from, behind.to - behind.from);
    }
    this.#judge({ bytes: this.#bytes, ms: performance.now() - begin });
    this.#beginWindow();
  }

  #judge({ bytes, ms }: { bytes: number; ms: number }): void {
    this.#judged = { bytes: this.#judged.bytes + bytes, ms: this.#judged.ms + ms };
    const judged = this.#judged;
    if (judged.bytes < judgedBytes) return;
    this.#isSlow = judged.ms > this.#maxWaitMsPerMib * (judged.bytes / mib);
    this.#judged = { bytes: 0, ms: 0 };
  }
}
