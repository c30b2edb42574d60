/** Reads many small files into one buffer, with plain synchronous calls: five a file. */
import { closeSync, fstatSync, readSync } from "node:fs";
import { errnoOf } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import { blake3 } from "../objects/hash.js";
import { objectIdLength } from "../objects/object-id.js";
import { readAhead } from "../platform/page-cache.js";
import type { Done } from "../threads/jobs.js";
import { packError, type ThreadError } from "../threads/thread-error.js";
import { openToRead } from "./open-file.js";
import { ReadPace } from "./read-pace.js";
import { fsPath } from "./source-path.js";

/** So many files are open before they are read: a disk fetches many at once, and a read waits for one. */
const filesAhead = 32;

/** Of this thread. */
const pace = new ReadPace();

/** For the i-th file: inode, size in bytes and ctime in ns at 3 i, as they were when it was found. */
export const statFields = 3;

export interface ReadJob {
  readonly type: "read";
  /** Absolute, with a NUL between them. */
  readonly paths: string;
  readonly stats: BigInt64Array;
  /** Each file's place follows that of the one before; there is room for all of them. */
  readonly buffer: ArrayBuffer;
}

/** What has become of a file: read as it was found; found to be another than that; or it could not be read. */
export const readOutcomes = { read: 0, moved: 1, failed: 2 } as const;

export interface ReadResult {
  readonly buffer: ArrayBuffer;
  readonly outcomes: Uint8Array;
  /** Of the i-th file at 32 i, if it was read. */
  readonly ids: Uint8Array;
  readonly failures: readonly { readonly index: number; readonly error: ThreadError }[];
}

/** Reads and hashes the files of a job. */
export function readBatch({ paths, stats, buffer }: ReadJob): Done<ReadResult> {
  const files = paths.split("\0") as ByteString[];
  const outcomes = new Uint8Array(files.length);
  const ids = new Uint8Array(files.length * objectIdLength);
  const failures: { index: number; error: ThreadError }[] = [];
  const bytes = new Uint8Array(buffer);
  const isFetched = pace.isSlow && files.length > filesAhead; // for a few, the call is not worth loading
  const opened: (Opened | undefined)[] = files.slice(0, filesAhead).map((path) => open(path, isFetched));
  let at = 0;
  for (const index of files.keys()) {
    const later = files[index + filesAhead];
    if (later !== undefined) opened.push(open(later, isFetched));
    const end = at + Number(stats[index * statFields + 1]);
    const beganMs = performance.now();
    try {
      const place = bytes.subarray(at, end);
      const isSame = readSame(openedNow(opened, index, files), place, stats.subarray(index * statFields));
      pace.observe(end - at, performance.now() - beganMs);
      if (isSame) {
        ids.set(blake3().hash(place), index * objectIdLength);
      } else {
        outcomes[index] = readOutcomes.moved;
      }
    } catch (error) {
      outcomes[index] = readOutcomes.failed;
      failures.push({ index, error: packError(error) });
    }
    at = end;
  }
  pace.endBatch();
  return { result: { buffer, outcomes, ids, failures }, transfer: [buffer] };
}

/** A file's descriptor, or why there is none. */
type Opened = number | { readonly error: unknown };

function open(path: ByteString, isFetched: boolean): Opened {
  try {
    const fd = openToRead(fsPath(path));
    if (isFetched) readAhead(fd, 0, 0);
    return fd;
  } catch (error) {
    return { error };
  }
}

/** The file whose turn it is. Where no more may be open, those that were opened ahead of it wait for their own turn. */
function openedNow(opened: (Opened | undefined)[], index: number, files: readonly ByteString[]): Opened {
  const path = files[index] as ByteString;
  const found = opened[index] ?? open(path, false);
  if (typeof found === "number" || !isTooMany(found.error)) return found;
  for (let later = index + 1; later < opened.length; later += 1) {
    const ahead = opened[later];
    if (typeof ahead === "number") closeSync(ahead);
    opened[later] = undefined;
  }
  return open(path, false);
}

function isTooMany(error: unknown): boolean {
  return ["EMFILE", "ENFILE"].includes(errnoOf(error) ?? "");
}

/** Whether the file could be read as it was found: all of it, and nothing of it changed before it had been read. Closes it. */
function readSame(fd: Opened, place: Uint8Array, stats: BigInt64Array): boolean {
  if (typeof fd !== "number") throw fd.error;
  try {
    if (!fills(fd, place)) return false;
    const now = fstatSync(fd, { bigint: true });
    return now.isFile() && now.ino === stats[0] && now.size === stats[1] && now.ctimeNs === stats[2];
  } finally {
    closeSync(fd);
  }
}

function fills(fd: number, place: Uint8Array): boolean {
  for (let length = 0; length < place.length;) {
    const count = readSync(fd, place, length, place.length - length, null);
    if (count === 0) return false;
    length += count;
  }
  return true;
}
