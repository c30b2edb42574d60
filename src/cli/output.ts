/**
 * Where a command puts bytes that are its answer: stdout, or a file, which appears when it is whole. What is there already and
 * is no file, such as a tape, is written to as it is.
 */
import { randomUUID } from "node:crypto";
import { open, realpath, rename, stat, unlink, type FileHandle } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { ByteSink } from "../client/byte-sink.js";
import { reasonOf } from "../client/source-failure.js";
import { BakError, errnoOf } from "../errors.js";
import { ReaderGone, StreamSink } from "./stream-sink.js";

/** What the stream of a file holds of what it has not written yet. */
const fileBufferBytes = 1 << 20;
const gzipChunkBytes = 256 << 10;

/** Where to, and in what form. */
export interface OutputOptions {
  /** Undefined for stdout. */
  readonly file?: string | undefined;
  readonly isGzipped?: boolean;
  readonly signal: AbortSignal;
}

/**
 * Opens the output, has it written to, and finishes it: of a file, it is then in its place on stable storage; where anything
 * fails, nothing of it is left. Rejects with TARGET_FAILED where it cannot be written, and with ReaderGone where nobody reads stdout.
 */
export async function withOutput<T>(
  { file, isGzipped = false, signal }: OutputOptions,
  use: (sink: ByteSink) => Promise<T>,
): Promise<T> {
  const place = file === undefined || file === "-" ? stdoutPlace : await openFile(file);
  try {
    const result = isGzipped ? await useGzipped(place.stream, signal, use) : await useStream(place.stream, signal, use);
    await place.finish();
    return result;
  } catch (error) {
    await place.giveUp();
    throw place.failureOf(error);
  }
}

async function useStream<T>(stream: Writable, signal: AbortSignal, use: (sink: ByteSink) => Promise<T>): Promise<T> {
  const sink = new StreamSink(stream, { signal });
  const result = await use(sink);
  await sink.finish();
  return result;
}

async function useGzipped<T>(stream: Writable, signal: AbortSignal, use: (sink: ByteSink) => Promise<T>): Promise<T> {
  const gzip = createGzip({ chunkSize: gzipChunkBytes });
  const piped = pipeline(gzip, stream, { end: false, signal });
  piped.catch(() => undefined); // the sink is told
  const result = await useStream(gzip, signal, use);
  gzip.end();
  await piped;
  await new StreamSink(stream, { signal }).finish();
  return result;
}

interface Place {
  readonly stream: Writable;
  finish(): Promise<void>;
  giveUp(): Promise<void>;
  /** What is to be told of an error that writing to it may have ended with. */
  failureOf(error: unknown): unknown;
}

const stdoutPlace: Place = {
  stream: process.stdout,
  finish: () => Promise.resolve(),
  giveUp: () => Promise.resolve(),
  failureOf: (error) =>
    errnoOf(error) === "EPIPE" ? new ReaderGone("nobody reads on", { cause: error }) : cannotWrite("to stdout", error),
};

/** Where a system call failed, that writing did; any other error stays as it is. */
function cannotWrite(what: string, cause: unknown): unknown {
  if (errnoOf(cause) === undefined) return cause;
  return new BakError("TARGET_FAILED", `cannot write ${what}: ${reasonOf(cause)}`, { cause });
}

async function openFile(file: string): Promise<Place> {
  const failureOf = (cause: unknown): unknown => cannotWrite(`'${file}'`, cause);
  try {
    const { path, isFile } = await lookAt(file);
    const temporary = join(dirname(path), `.${basename(path).slice(0, 200)}.bak-${randomUUID()}.tmp`);
    const handle = await open(isFile ? temporary : path, isFile ? "wx" : "w");
    const place = { stream: streamOf(handle), failureOf };
    if (!isFile) return { ...place, finish: () => handle.close(), giveUp: () => closeQuietly(handle) };
    const finish = async (): Promise<void> => {
      await handle.sync();
      await handle.close();
      await rename(temporary, path);
      await syncFolder(dirname(path));
    };
    const giveUp = async (): Promise<void> => {
      await closeQuietly(handle);
      await unlink(temporary).catch(() => undefined); // it is in its place already, or its folder is gone
    };
    return { ...place, finish, giveUp };
  } catch (error) {
    throw failureOf(error);
  }
}

/** Where a file is to appear, links followed, and whether it is one, or nothing yet. */
async function lookAt(file: string): Promise<{ path: string; isFile: boolean }> {
  try {
    const path = await realpath(file);
    const stats = await stat(path);
    if (stats.isDirectory()) throw new BakError("USAGE", `cannot write '${file}': it is a folder`);
    return { path, isFile: stats.isFile() };
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return { path: resolve(file), isFile: true };
    throw error;
  }
}

function streamOf(handle: FileHandle): Writable {
  return handle.createWriteStream({ autoClose: false, highWaterMark: fileBufferBytes });
}

async function closeQuietly(handle: FileHandle): Promise<void> {
  await handle.close().catch(() => undefined); // nothing of it counts
}

/** The name of the file is on stable storage, too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
