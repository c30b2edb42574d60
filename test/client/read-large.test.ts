/** Large files, read a buffer at a time: the steps together are the file. */
import { appendFileSync, mkdirSync, readlinkSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { bytesAt, kindAt, packingRoomBytes, type Batch } from "../../src/client/batch.js";
import { SourceFile } from "../../src/client/read-file.js";
import { LargeFiles, type ReadMoreResult } from "../../src/client/read-large.js";
import { maxChunkBytes } from "../../src/objects/chunker.js";
import { objectIdAt, objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { text } from "./world.js";

const bufferBytes = maxChunkBytes + packingRoomBytes;

/** Copies of the objects of a batch; asserts that each has its id, and that there is room left for packing. */
function objectsOf(t: Test, batch: Batch | undefined): PackedObject<ObjectId>[] {
  if (batch === undefined) return [];
  let end = 0;
  const objects = Array.from({ length: batch.kinds.length }, (_, index) => {
    const bytes = Buffer.from(bytesAt(batch, index));
    const id = objectIdAt(batch.ids, index * 32);
    if (objectIdOf(bytes) !== id) t.fail("an object under another id than its own");
    end = Math.max(end, (batch.places[index * 2] as number) + bytes.length);
    return { kind: kindAt(batch, index), id, bytes };
  });
  if (end > batch.buffer.byteLength - packingRoomBytes) t.fail("no room left");
  return objects;
}

interface Read {
  readonly steps: ReadMoreResult[];
  readonly objects: PackedObject<ObjectId>[];
}

/** Reads a file to its end, with buffers of a size that are used over and over. */
function readAll(t: Test, files: LargeFiles, path: string, sizeBytes = bufferBytes, file = 1): Read {
  const steps: ReadMoreResult[] = [];
  const objects: PackedObject<ObjectId>[] = [];
  const buffer = new ArrayBuffer(sizeBytes);
  do {
    new Uint8Array(buffer).fill(0xee);
    const { result, transfer } = files.readMore({ type: "readMore", file, path: text(path), buffer });
    t.strictSame(transfer, [buffer]);
    objects.push(...objectsOf(t, result.batch));
    steps.push(result);
  } while (steps.at(-1)?.end === undefined);
  return { steps, objects };
}

/** What the file is made of, read in one step. */
function wholeOf(path: string): { objects: PackedObject<ObjectId>[]; content: unknown } {
  const file = new SourceFile(text(path), () => undefined);
  const buffer = new ArrayBuffer(32 << 20);
  try {
    const { batch, end } = file.readInto(buffer);
    const objects = Array.from({ length: batch.kinds.length }, (_, index) => ({
      kind: kindAt(batch, index),
      id: objectIdAt(batch.ids, index * 32),
      bytes: Buffer.from(bytesAt(batch, index)),
    }));
    return { objects, content: end?.content };
  } finally {
    file.close();
  }
}

/** The files in a folder that this process has open. */
function openIn(folder: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return []; // the folder that was just read
    }
  });
}

t.test("the steps together are the file, whatever the buffers' size", (t) => {
  const folder = t.testdir();
  for (const length of [0, 10, 1 << 20, (1 << 20) + 1, 20 << 20]) {
    const path = join(folder, `file-${length}`);
    writeFileSync(path, seededBytes(length, length));
    const whole = wholeOf(path);
    for (const sizeBytes of [bufferBytes, 3 * bufferBytes]) {
      const { steps, objects } = readAll(t, new LargeFiles(), path, sizeBytes);
      t.strictSame(
        objects.map(({ kind, id }) => `${kind} ${id}`),
        whole.objects.map(({ kind, id }) => `${kind} ${id}`),
      );
      t.ok(steps.slice(0, -1).every(({ end }) => end === undefined));
      t.match(steps.at(-1)?.end, { content: whole.content, stat: { size: length }, unsteady: undefined });
      t.equal(
        steps.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
        length,
      );
      if (length > 10 << 20) t.ok(steps.length >= length / sizeBytes, "it took several steps");
    }
  }
  t.strictSame(openIn(folder), [], "no file stays open");
  t.end();
});

t.test("a chunk of the greatest length fits a buffer alone, and a short one may go with it or after it", (t) => {
  const folder = t.testdir();
  const path = join(folder, "zeros"); // which have no boundary
  writeFileSync(path, Buffer.alloc(2 * maxChunkBytes + 100_000));
  const { steps, objects } = readAll(t, new LargeFiles(), path);
  t.strictSame(
    objects.filter(({ kind }) => kind === "blob").map(({ bytes }) => bytes.length),
    [maxChunkBytes, maxChunkBytes, 100_000],
  );
  t.strictSame(
    steps.map(({ batch }) => batch?.kinds.length),
    [1, 1, 2],
  );
  t.end();
});

t.test("several files are read in turns", (t) => {
  const folder = t.testdir();
  const files = new LargeFiles();
  const paths = [1, 2, 3].map((seed) => {
    writeFileSync(join(folder, `${seed}`), seededBytes(seed, 12 << 20));
    return join(folder, `${seed}`);
  });
  const reads = paths.map((path) => ({ path: text(path), objects: [] as ObjectId[], ends: [] as unknown[] }));
  const buffer = new ArrayBuffer(bufferBytes);
  while (reads.some(({ ends }) => ends.at(-1) === undefined)) {
    for (const [file, { path, objects, ends }] of reads.entries()) {
      const { batch, end } = files.readMore({ type: "readMore", file, path, buffer }).result;
      objects.push(...objectsOf(t, batch).map(({ id }) => id));
      ends.push(end?.content);
    }
  }
  for (const [index, path] of paths.entries()) {
    const whole = wholeOf(path);
    t.strictSame(
      reads[index]?.objects,
      whole.objects.map(({ id }) => id),
    );
    t.strictSame(reads[index]?.ends.at(-1), whole.content);
  }
  t.strictSame(openIn(folder), []);
  t.end();
});

t.test("a file that is given up is closed, and its number may be used again", (t) => {
  const folder = t.testdir();
  const path = join(folder, "file");
  writeFileSync(path, seededBytes(1, 12 << 20));
  const files = new LargeFiles();
  const job = { type: "readMore", file: 7, path: text(path) } as const;
  files.readMore({ ...job, buffer: new ArrayBuffer(bufferBytes) });
  t.strictSame(openIn(folder), [path]);
  t.strictSame(files.readMore({ ...job, buffer: undefined }).result, {
    batch: undefined,
    bytesRead: 0,
    end: undefined,
  });
  t.strictSame(openIn(folder), []);
  t.match(files.readMore({ ...job, buffer: undefined }), { result: { end: undefined } }, "once more does nothing");
  const again = readAll(t, files, path, bufferBytes, 7);
  t.strictSame(
    again.objects.map(({ id }) => id),
    wholeOf(path).objects.map(({ id }) => id),
  );
  t.end();
});

t.test("what reading fails with is thrown at the step that meets it, and the file is closed", (t) => {
  const folder = t.testdir({ folder: {} });
  const files = new LargeFiles();
  const read = (name: string): unknown =>
    files.readMore({ type: "readMore", file: 1, path: text(join(folder, name)), buffer: new ArrayBuffer(bufferBytes) });
  t.throws(() => read("missing"), { code: "ENOENT" });
  t.throws(() => read("folder"), { code: "SOURCE_FAILED", message: "it is no longer a file" });
  t.strictSame(openIn(folder), []);
  writeFileSync(join(folder, "there"), "small");
  t.match(read("there"), { result: { end: { stat: { size: 5 } } } }, "and the next is read");
  t.end();
});

t.test("a file that is cut short in the middle is read again, and is what it then is", (t) => {
  const folder = t.testdir();
  const path = join(folder, "file");
  const bytes = seededBytes(1, 20 << 20);
  writeFileSync(path, bytes);
  const files = new LargeFiles();
  const job = { type: "readMore", file: 1, path: text(path), buffer: new ArrayBuffer(bufferBytes) } as const;
  t.equal(files.readMore(job).result.end, undefined);
  truncateSync(path, 9 << 20);
  const { steps, objects } = readAll(t, files, path);
  const end = steps.at(-1)?.end;
  t.match(end, { stat: { size: 9 << 20 }, unsteady: undefined });
  t.strictSame(end?.content, wholeOf(path).content);
  t.ok(objects.length > 0);
  t.end();
});

t.test("a file that grows whenever it is read is kept as it was read at the last try", (t) => {
  const folder = t.testdir();
  mkdirSync(join(folder, "logs"));
  const path = join(folder, "logs", "file");
  const first = seededBytes(1, 6 << 20);
  writeFileSync(path, first);
  const files = new LargeFiles();
  let end: ReadMoreResult["end"];
  let steps = 0;
  for (; end === undefined; steps += 1) {
    const buffer = new ArrayBuffer(bufferBytes);
    ({ end } = files.readMore({ type: "readMore", file: 1, path: text(path), buffer }).result);
    if (end === undefined) appendFileSync(path, "more");
  }
  t.ok(end.unsteady);
  t.ok(end.stat.size >= first.length && end.stat.size < first.length + 4 * steps);
  t.strictSame(openIn(folder), []);
  t.end();
});
