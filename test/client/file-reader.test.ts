/** Files read for a push: each is answered once, what has moved is read again, and what is under way is bounded. */
import { appendFileSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { bytesAt, packingRoomBytes, type Batch } from "../../src/client/batch.js";
import { BufferPool } from "../../src/client/buffer-pool.js";
import { FileReader, type FileReaderOptions, type ReadOutcome } from "../../src/client/file-reader.js";
import { createPushPool, type PushPool } from "../../src/client/push-work.js";
import { statSource } from "../../src/client/source-stat.js";
import { maxChunkBytes, maxWholeFileBytes } from "../../src/objects/chunker.js";
import { objectIdAt, objectIdOf } from "../../src/objects/object-id.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { settle, until, within } from "../helpers/deadline.js";
import { text } from "./world.js";

const smallBytes = maxWholeFileBytes + packingRoomBytes;

interface Reading {
  readonly reader: FileReader;
  readonly small: BufferPool;
  readonly large: BufferPool;
  /** What was taken and not given back, and how many batches there have been. */
  readonly held: Batch[];
  taken: number;
  /** Ids of all objects taken. */
  readonly ids: string[];
  bytes: number;
  underWay: number;
  readonly outcomes: Map<string, ReadOutcome>;
  /** Has a file of the folder read; returns what the reader wants to be waited for. */
  read(name: string, path?: string): Promise<void> | undefined;
  /** Gives back what is held. */
  release(): void;
}

/** A reader over a folder, that gives each batch back at once unless it is told to hold them. */
function readerOf(
  t: Test,
  folder: string,
  options: { small?: number; large?: number; isHeld?: boolean; pool?: PushPool } = {},
): Reading {
  const { pool = createPushPool(0), isHeld = false } = options;
  const small = new BufferPool(smallBytes, options.small ?? 3);
  const large = new BufferPool(maxChunkBytes + packingRoomBytes, options.large ?? 1);
  const giveBack = ({ buffer }: Batch): void => (buffer.byteLength === large.sizeBytes ? large : small).give(buffer);
  const take: FileReaderOptions["take"] = (batch) => {
    reading.taken += 1;
    for (let index = 0; index < batch.kinds.length; index += 1) {
      const id = objectIdAt(batch.ids, index * 32);
      if (objectIdOf(bytesAt(batch, index)) !== id) t.fail("an object under another id than its own");
      reading.ids.push(id);
    }
    if (isHeld) reading.held.push(batch);
    else giveBack(batch);
  };
  const onBytes = (count: number): void => void (reading.bytes += count);
  const onUnderWay = (change: number): void => void (reading.underWay += change);
  const reader = new FileReader({ pool, smallBuffers: small, largeBuffers: large, take, onBytes, onUnderWay });
  const reading: Reading = {
    reader,
    small,
    large,
    held: [],
    taken: 0,
    ids: [],
    bytes: 0,
    underWay: 0,
    outcomes: new Map(),
    read: (name, path = join(folder, name)) =>
      reader.read(text(path), statSource(text(path)), (outcome) => {
        if (reading.outcomes.has(name)) t.fail(`'${name}' was answered twice`);
        reading.outcomes.set(name, outcome);
      }),
    release: () => {
      for (const batch of reading.held.splice(0)) giveBack(batch);
    },
  };
  t.teardown(async () => {
    for (const each of [small, large]) each.fail(new Error("the test has ended"));
    await reader.abandon();
    await pool.close();
  });
  return reading;
}

const finish = (reading: Reading): Promise<void> => within(20_000, "the reading", reading.reader.finish());

/** Files of a length each, with content of their own. */
function writeFiles(folder: string, count: number, length: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    writeFileSync(join(folder, `file-${index}`), seededBytes(index, length));
    return `file-${index}`;
  });
}

function openIn(folder: string): string[] {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false; // the folder that was just read
    }
  });
}

t.test("every file is answered once with what it holds, small and large", async (t) => {
  const folder = t.testdir();
  const reading = readerOf(t, folder);
  const lengths = [0, 1, 5000, maxWholeFileBytes, 3, maxWholeFileBytes + 1, 9 << 20, 7, 0];
  for (const [index, length] of lengths.entries()) {
    writeFileSync(join(folder, `${index}`), seededBytes(index, length));
    await reading.read(`${index}`);
  }
  await finish(reading);
  t.equal(reading.outcomes.size, lengths.length);
  for (const [index, length] of lengths.entries()) {
    const outcome = reading.outcomes.get(`${index}`);
    const id = objectIdOf(seededBytes(index, length));
    t.match(outcome, { type: "read", unsteady: undefined, stat: statSource(text(join(folder, `${index}`))) });
    t.match(outcome, { content: length > maxWholeFileBytes ? { fileHash: id } : { blob: id } });
    if (length <= maxWholeFileBytes) t.ok(reading.ids.includes(id));
  }
  t.equal(
    reading.bytes,
    lengths.reduce((sum, length) => sum + length, 0),
  );
  t.equal(reading.underWay, 0);
});

t.test("small files go many to a batch, by their bytes and by their number", async (t) => {
  const folder = t.testdir();
  const bytes = readerOf(t, folder);
  for (const name of writeFiles(folder, 10, 300_000)) await bytes.read(name);
  await finish(bytes);
  t.equal(bytes.taken, 4, "three fit into one");
  const empty = readerOf(t, folder);
  writeFileSync(join(folder, "empty"), "");
  for (let index = 0; index < 2500; index += 1) await empty.read(`empty-${index}`, join(folder, "empty"));
  await finish(empty);
  t.equal(empty.taken, 3);
  t.equal(empty.outcomes.size, 2500);
});

t.test("no more is read than there are buffers, and one more batch is gathered", async (t) => {
  const folder = t.testdir();
  const names = writeFiles(folder, 20, 600_000);
  for (const small of [1, 3]) {
    const reading = readerOf(t, folder, { small, isHeld: true });
    let asked = 0;
    const asking = (async () => {
      for (const name of names) {
        asked += 1;
        await reading.read(name);
      }
      await reading.reader.finish();
    })();
    await until(() => reading.taken === small, "the batches");
    await settle();
    t.equal(reading.taken, small);
    t.equal(asked, small + 2, "one waits for a buffer, and one is gathered");
    while (reading.outcomes.size < names.length) {
      reading.release();
      await settle(5);
      t.ok(reading.held.length <= small);
    }
    await within(20_000, "the rest", asking);
    t.equal(reading.taken, names.length);
  }
});

t.test("large files are read one at a time for each thread, and no further than there are buffers", async (t) => {
  const folder = t.testdir();
  const names = writeFiles(folder, 3, 6 << 20);
  const reading = readerOf(t, folder, { isHeld: true });
  const waited = reading.read(names[0] as string);
  t.ok(waited, "the next is waited for");
  await until(() => reading.held.length === 1, "the first buffer");
  await settle();
  t.equal(reading.taken, 1);
  t.equal(reading.outcomes.size, 0);
  t.ok(reading.underWay > 1 << 20 && reading.underWay === reading.bytes, "what was read of it is told of meanwhile");
  const releasing = setInterval(() => reading.release(), 1);
  t.teardown(() => clearInterval(releasing));
  await within(20_000, "the first", waited as Promise<void>);
  t.equal(reading.outcomes.size, 1);
  for (const name of names.slice(1)) await reading.read(name);
  await finish(reading);
  t.equal(reading.outcomes.size, 3);
  t.equal(reading.underWay, 0);
});

t.test("files that have changed since they were found are read again, as they then are", async (t) => {
  const folder = t.testdir();
  const names = writeFiles(folder, 50, 1000);
  const reading = readerOf(t, folder);
  for (const name of names) await reading.read(name);
  for (const [index, name] of names.entries()) {
    const path = join(folder, name);
    if (index % 5 === 1) appendFileSync(path, "more");
    if (index % 5 === 2) rmSync(path);
    if (index % 5 === 3) {
      writeFileSync(join(folder, "other"), seededBytes(1000 + index, 2 << 20));
      renameSync(join(folder, "other"), path);
    }
    if (index % 5 === 4) {
      rmSync(path);
      symlinkSync("nowhere", path);
    }
  }
  await finish(reading);
  t.equal(reading.outcomes.size, 50);
  for (const [index, name] of names.entries()) {
    const outcome = reading.outcomes.get(name);
    if (index % 5 === 2) t.match(outcome, { type: "failed", error: { code: "ENOENT" } });
    else if (index % 5 === 4) t.match(outcome, { type: "failed", error: { code: "ELOOP" } });
    else t.match(outcome, { type: "read", unsteady: undefined, stat: statSource(text(join(folder, name))) });
    const grown = Buffer.concat([seededBytes(index, 1000), Buffer.from("more")]);
    if (index % 5 === 0) t.match(outcome, { content: { blob: objectIdOf(seededBytes(index, 1000)) } });
    if (index % 5 === 1) t.match(outcome, { content: { blob: objectIdOf(grown) } });
    if (index % 5 === 3) t.match(outcome, { content: { fileHash: objectIdOf(seededBytes(1000 + index, 2 << 20)) } });
  }
});

t.test("of many files that have grown large, one is open at a time", async (t) => {
  const folder = t.testdir();
  const names = writeFiles(folder, 30, 10);
  const reading = readerOf(t, folder);
  for (const name of names) await reading.read(name);
  for (const name of names) writeFileSync(join(folder, name), seededBytes(1, 5 << 20));
  let most = 0;
  const { reader } = reading;
  const finished = reader.finish();
  for (let isOver = false; !isOver;) {
    most = Math.max(most, openIn(folder).length);
    isOver = await Promise.race([finished.then(() => true), settle(1).then(() => false)]);
  }
  t.equal(most, 1);
  t.equal(reading.outcomes.size, 30);
  t.strictSame(openIn(folder), []);
});

t.test("once buffers are refused, reading and finishing fail with the reason, and no file stays open", async (t) => {
  const folder = t.testdir();
  writeFiles(folder, 8, 600_000);
  writeFileSync(join(folder, "large"), seededBytes(1, 12 << 20));
  for (const first of ["large", "file-0"]) {
    const reading = readerOf(t, folder, { small: 1, isHeld: true });
    void reading.read(first);
    for (const name of ["file-1", "file-2"]) void reading.read(name);
    await until(() => reading.held.length > 0, "a batch");
    const reason = new Error("the store is full");
    reading.small.fail(reason);
    reading.large.fail(reason);
    await t.rejects(finish(reading), reason);
    t.throws(() => reading.read("file-3"), reason);
    await t.rejects(finish(reading), reason, "and stays so");
    t.strictSame(openIn(folder), []);
  }
});

t.test("a reader that is abandoned waits for what is under way, and then calls nobody", async (t) => {
  const folder = t.testdir();
  const names = writeFiles(folder, 4, 600_000);
  writeFileSync(join(folder, "large"), seededBytes(1, 12 << 20));
  const reading = readerOf(t, folder, { small: 4, isHeld: true });
  void reading.read("large");
  for (const name of names) void reading.read(name);
  await until(() => reading.held.length > 0, "a batch");
  const { size } = reading.outcomes;
  for (const buffers of [reading.small, reading.large]) buffers.fail(new Error("over"));
  const { taken } = reading;
  await within(20_000, "the end", reading.reader.abandon());
  await settle();
  t.equal(reading.outcomes.size, size);
  t.equal(reading.taken, taken);
  t.equal(reading.underWay, 0);
  t.strictSame(openIn(folder), []);
  t.throws(() => reading.read(names[0] as string), { message: /given up/ });
});

t.test("a pool that is closed fails what is being read, and what comes after", async (t) => {
  const folder = t.testdir();
  const names = writeFiles(folder, 8, 600_000);
  const pool = createPushPool(1);
  const reading = readerOf(t, folder, { pool, small: 8 });
  for (const name of names) void reading.read(name);
  await pool.close();
  await t.rejects(finish(reading), { message: /closed/ });
});

t.test("what stops the reading is told to whoever waits for a buffer that does not come back", async (t) => {
  const folder = t.testdir();
  const pool = createPushPool(0);
  const reading = readerOf(t, folder, { small: 1, pool });
  const names = writeFiles(folder, 3, maxWholeFileBytes);
  for (const name of names.slice(0, 2)) void reading.read(name);
  const room = reading.read(names[2] as string); // the buffer is with the first
  await pool.close(); // as if its threads had died
  await within(10_000, "room", Promise.resolve(room));
  await t.rejects(finish(reading), /the pool is closed/);
  t.throws(() => reading.read(names[0] as string), /the pool is closed/);
});
