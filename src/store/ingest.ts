/** The threads of a store, which check what comes in, and cut what stays of it: one pool for all sessions. */
import { BakError, isBakError } from "../errors.js";
import { ownBytes } from "../threads/own-bytes.js";
import { ThreadPool, usefulThreads } from "../threads/thread-pool.js";
import type { CutJob } from "./cut-member.js";
import { tooManyFilesHint } from "./disk-error.js";
import { ingestWork, type IngestJob, type IngestResult, type ReturnedMember } from "./ingest-work.js";
import { encodePackIndex, type PackIndexParts } from "./pack-index-builder.js";
import { recordLength } from "./pack-index.js";

/**
 * A shorter member is checked at once, on the calling thread: that takes less than handing it over, and a push of a few
 * small files starts no thread, which takes 50 ms. At worst it inflates to a thousand times as much, within 5 ms.
 */
const inlineMemberBytes = 4 << 10;
/** The index of so many objects is made at once, too: in 2 ms. */
const inlineIndexObjects = 8 << 10;

/** What a thread checks takes twice the time that the thread needs which receives and writes it: more would wait for that. */
const maxThreads = 3;

/** How many threads check: one a core, save the core that receives and writes; each takes about 40 MB of memory. */
function checkingThreads(): number {
  return Math.min(Math.max(usefulThreads() - 1, 1), maxThreads);
}

/** Why a thread could not begin, where that was for want of files: it loads some, and needs a few more to be woken by. */
function reasonOfNoThread(cause: unknown): string | undefined {
  return cause instanceof Error && /\bE[MN]FILE\b|too many open files/.test(cause.message) ? cause.message : undefined;
}

/** See the top of the file. Starts a thread when there is work for it. */
export class Ingest {
  readonly #pool: ThreadPool<IngestJob, IngestResult>;

  /** `threads` at most; with 0, all is done on the calling thread. */
  constructor({ threads = checkingThreads() }: { readonly threads?: number | undefined } = {}) {
    const entry = new URL("./ingest-thread.js", import.meta.url);
    this.#pool = new ThreadPool({ entry, work: ingestWork, size: threads });
  }

  /** How many members can be checked at the same time. */
  get threads(): number {
    return this.#pool.size;
  }

  /**
   * Checks one member of a pack, the `number`-th; its bytes come back in the result, and are not to be used in between.
   * Rejects with BAD_PACK for one that is not what it claims to be.
   */
  async check(member: Uint8Array, number: number): Promise<ReturnedMember> {
    const packed = ownBytes(member);
    const job: IngestJob = { type: "check", packed, member: number };
    const isSmall = packed.length <= inlineMemberBytes;
    const result = isSmall ? (await ingestWork(job)).result : await this.#run(job, [packed.buffer]);
    if (result.type !== "check") throw new Error("a thread answered something else");
    return result.checked;
  }

  /** A member of some entries of another, whose buffer is used up. Rejects as `cutMember` does. */
  async cut(packed: Uint8Array, options: Omit<CutJob, "packed">): Promise<Uint8Array<ArrayBuffer>> {
    const job: IngestJob = { type: "cut", packed: ownBytes(packed), ...options };
    const isSmall = packed.length <= inlineMemberBytes;
    const result = isSmall
      ? (await ingestWork(job)).result
      : await this.#run(job, [job.packed.buffer, job.ranges.buffer]);
    if (result.type !== "cut") throw new Error("a thread answered something else");
    return result.member;
  }

  /** The bytes of an index; the buffers of its parts are used up. */
  async makeIndex(parts: PackIndexParts): Promise<Buffer> {
    if (parts.records.length <= inlineIndexObjects * recordLength) return encodePackIndex(parts);
    const result = await this.#run({ type: "index", parts }, [parts.members.buffer, parts.records.buffer]);
    if (result.type !== "index") throw new Error("a thread answered something else");
    return Buffer.from(result.index.buffer, result.index.byteOffset, result.index.length);
  }

  /** Has a thread do a job. Rejects with STORE_FAILED where the system has no room for a thread. */
  async #run(job: IngestJob, transfer: readonly ArrayBuffer[]): Promise<IngestResult> {
    try {
      return await this.#pool.run(job, transfer);
    } catch (error) {
      const why = isBakError(error, "INTERNAL") ? reasonOfNoThread(error.cause) : undefined;
      if (why === undefined) throw error;
      throw new BakError("STORE_FAILED", `the store failed: it could not start a thread: ${why}`, {
        hint: tooManyFilesHint,
        cause: error,
      });
    }
  }

  /** Ends the threads; whatever they still do is lost. */
  async close(): Promise<void> {
    await this.#pool.close();
  }
}
