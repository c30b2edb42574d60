/**
 * When each pack was last read as a whole, and what came out: the file `verified` of a store. It only says which packs to
 * read next, so losing it costs some reading. One line a pack, and at the end the BLAKE3 of all lines before:
 *
 *     <pack id> <time, ISO 8601, UTC, milliseconds> ok|damaged\n
 *     blake3 <64 hex digits>\n
 */
import { readFile } from "node:fs/promises";
import { blake3 } from "../objects/hash.js";
import { isObjectId, type ObjectId } from "../objects/object-id.js";
import type { Disk } from "./disk.js";
import { ifThere } from "./if-there.js";
import type { Layout } from "./layout.js";
import { Serial } from "./serial.js";
import { writeFileWhole } from "./write-file.js";

/** What reading a pack has shown, and when that was: milliseconds since 1970. */
export interface Verification {
  readonly atMs: number;
  readonly isDamaged: boolean;
}

/** More packs than a store can have in practice: 64 million of 64 MiB are four exabytes. A longer file is not read. */
const maxFileBytes = 256 << 20;

/** See the top of the file. Memory: about 150 bytes for each pack that was verified since it came. */
export class Verified {
  readonly #disk: Disk;
  readonly #layout: Layout;
  readonly #packs = new Map<ObjectId, Verification>();
  readonly #saving = new Serial();
  #loading: Promise<void> | undefined;
  #isSaved = true;
  #savedMs = 0;
  #isUnreadable = false;

  constructor(disk: Disk, layout: Layout) {
    this.#disk = disk;
    this.#layout = layout;
  }

  /** Whether there was a file that could not be used. */
  get isUnreadable(): boolean {
    return this.#isUnreadable;
  }

  /** Reads the file, once; to be waited for before anything else. */
  load(): Promise<void> {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  of(pack: ObjectId): Verification | undefined {
    return this.#packs.get(pack);
  }

  set(pack: ObjectId, verification: Verification): void {
    this.#packs.set(pack, verification);
    this.#isSaved = false;
  }

  delete(pack: ObjectId): void {
    if (this.#packs.delete(pack)) this.#isSaved = false;
  }

  /** When it was last written by this process: milliseconds since 1970. */
  get savedMs(): number {
    return this.#savedMs;
  }

  /** Writes the file, unless it says all this already; `isThere` says which packs are still to be in it. */
  save(isThere: (pack: ObjectId) => boolean): Promise<void> {
    return this.#saving.run(async () => {
      if (this.#isSaved) return;
      for (const pack of this.#packs.keys()) if (!isThere(pack)) this.#packs.delete(pack);
      this.#isSaved = true;
      this.#savedMs = Date.now();
      try {
        const bytes = formatVerified(this.#packs);
        await writeFileWhole(this.#disk, this.#layout.verified, { bytes, temporary: this.#layout.temporary() });
        this.#isUnreadable = false;
      } catch (error) {
        this.#isSaved = false;
        throw error;
      }
    });
  }

  async #load(): Promise<void> {
    const text = await ifThere(readFile(this.#layout.verified, "latin1"));
    if (text === undefined) return;
    const parsed = text.length > maxFileBytes ? undefined : parseVerified(text);
    this.#isUnreadable = parsed === undefined;
    this.#isSaved = parsed !== undefined; // else the next save puts a sound one in its place
    for (const [pack, verification] of parsed ?? []) this.#packs.set(pack, verification);
  }
}

/** The bytes of the file. */
export function formatVerified(packs: ReadonlyMap<ObjectId, Verification>): Buffer {
  const lines = Array.from(
    packs,
    ([pack, { atMs, isDamaged }]) => `${pack} ${new Date(atMs).toISOString()} ${isDamaged ? "damaged" : "ok"}\n`,
  );
  const body = Buffer.from(lines.join(""), "latin1");
  return Buffer.concat([body, Buffer.from(`blake3 ${blake3().hashHex(body)}\n`, "latin1")]);
}

const linePattern = /^([0-9a-f]{64}) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (ok|damaged)$/;

/** What a file says; undefined unless it is one that `formatVerified` has made. */
export function parseVerified(text: string): Map<ObjectId, Verification> | undefined {
  const end = text.lastIndexOf("\n", text.length - 2) + 1;
  const body = text.slice(0, end);
  if (text.slice(end) !== `blake3 ${blake3().hashHex(Buffer.from(body, "latin1"))}\n`) return undefined;
  const packs = new Map<ObjectId, Verification>();
  for (const line of body.split("\n").slice(0, -1)) {
    const [, pack = "", time = "", state] = linePattern.exec(line) ?? [];
    const atMs = Date.parse(time);
    if (!isObjectId(pack) || Number.isNaN(atMs)) return undefined;
    packs.set(pack, { atMs, isDamaged: state === "damaged" });
  }
  return packs;
}
