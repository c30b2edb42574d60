/** Streams that become commits with one file. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { catFiles, findFile } from "../../src/client/cat.js";
import { readCommit } from "../../src/client/history.js";
import { pushStream, type PushStreamEvent, type PushStreamOptions } from "../../src/client/push-stream.js";
import { fileHashOf } from "../../src/objects/entry.js";
import { objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { openWorld, pushFolder, text, type StoreWorld } from "./world.js";

/** Bytes in pieces of a length. */
async function* inPieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

function pushBytes(world: StoreWorld, stream: AsyncIterable<Uint8Array>, options: Partial<PushStreamOptions> = {}) {
  return pushStream({
    connect: () => world.connect(),
    stream,
    confirm: () => Promise.resolve(),
    name: text("dump"),
    mode: 0o640,
    message: "",
    tags: [],
    isEmptyAllowed: false,
    threads: 0,
    version: "0",
    onEvent: () => undefined,
    progress: { bytesRead: 0, bytesSent: 0 },
    signal: new AbortController().signal,
    ...options,
  });
}

/** The file of a commit, read back. */
async function readBack(world: StoreWorld, id: ObjectId, windowBytes?: number) {
  const remote = await world.connect();
  const commit = await readCommit(remote, id);
  const file = await findFile(remote, commit, text("dump"));
  const parts: Buffer[] = [];
  const sink = { write: (bytes: Uint8Array): undefined => void parts.push(Buffer.from(bytes)) };
  await catFiles(remote, [file], { sink, ...(windowBytes === undefined ? {} : { windowBytes }) });
  return { commit, entry: file.entry, bytes: Buffer.concat(parts) };
}

async function worldOf(t: Test): Promise<{ world: StoreWorld; at: string }> {
  const at = t.testdir({ source: {} });
  return { world: await openWorld(t, join(at, "store")), at };
}

t.test("a stream is kept as the file with its bytes would be, in whatever pieces it comes", async (t) => {
  const { world, at } = await worldOf(t);
  const bytes = seededBytes(9, (20 << 20) + 7);
  for (const [size, piece] of [
    [0, 1],
    [1, 1],
    [1 << 20, 65_536],
    [(1 << 20) + 1, 65_536],
    [bytes.length, 1 << 16],
    [bytes.length, 12_345_678],
  ] as const) {
    const some = bytes.subarray(0, size);
    const { isUpToDate, commit, counts, upload } = await pushBytes(world, inPieces(some, piece));
    t.equal(counts.bytes, size);
    const back = await readBack(world, commit, 3 << 20);
    t.ok(back.bytes.equals(some), `${size} bytes`);
    t.equal(fileHashOf(back.entry.content), objectIdOf(some), "b3sum prints it");
    if (!isUpToDate) t.match(back.entry, { mode: 0o640, size });
    if (!isUpToDate) t.match(back.commit, { host: /./, path: "stdin", counts: { files: 1, dirs: 0, bytes: size } });
    if (piece === 12_345_678) {
      t.ok(isUpToDate, "the same content makes no commit");
      t.equal(upload.packs, 0, "and sends nothing");
    }
    writeFileSync(join(at, "source", "dump"), some);
    const { result } = await pushFolder(world, join(at, "source"), { isFull: true });
    const { objects } = result.upload;
    t.match(objects, { blob: 0, list: 0 }, "cut as a file is");
    const { entry } = await readBack(world, result.commit as ObjectId);
    t.strictSame(entry.content, back.entry.content);
    if (size < bytes.length) await pushBytes(world, inPieces(Buffer.from("other"), 5));
  }
});

t.test("of a stream that has changed, what has changed is sent", async (t) => {
  const { world } = await worldOf(t);
  const bytes = seededBytes(3, 30 << 20);
  const first = await pushBytes(world, inPieces(bytes, 100_000));
  const changed = Buffer.concat([bytes.subarray(0, 10 << 20), Buffer.from("inserted"), bytes.subarray(10 << 20)]);
  const { commit, parent, counts, upload } = await pushBytes(world, inPieces(changed, 100_000));
  t.equal(parent, first.commit);
  t.match(counts, { added: 0, changed: 1, removed: 0 });
  t.ok(upload.objectBytes < 9 << 20, `${upload.objectBytes} bytes`);
  t.ok((await readBack(world, commit)).bytes.equals(changed));
  const again = await pushBytes(world, inPieces(changed, 100_000), { isEmptyAllowed: true });
  t.notOk(again.isUpToDate);
  t.not(again.commit, commit);
});

t.test("a stream that fails, or turns out not to be whole, makes no commit", async (t) => {
  const { world } = await worldOf(t);
  async function* failing(): AsyncGenerator<Uint8Array, void, undefined> {
    yield seededBytes(1, 3 << 20);
    throw new Error("the stream has failed");
  }
  await t.rejects(pushBytes(world, failing()), { message: "the stream has failed" });
  const confirm = (): Promise<void> => Promise.reject(new Error("not whole"));
  await t.rejects(pushBytes(world, inPieces(Buffer.from("abc"), 1), { confirm }), { message: "not whole" });
  t.equal((await world.connect()).head, undefined);
});

t.test("who pushes meanwhile is committed after, and another folder is told of", async (t) => {
  const { world, at } = await worldOf(t);
  writeFileSync(join(at, "source", "a"), "a");
  const { result } = await pushFolder(world, join(at, "source"));
  const events: PushStreamEvent[] = [];
  let others: ObjectId | undefined;
  const confirm = async (): Promise<void> => {
    others = (await pushBytes(world, inPieces(Buffer.from("theirs"), 6))).commit;
  };
  const ours = await pushBytes(world, inPieces(Buffer.from("ours"), 4), {
    confirm,
    onEvent: (event) => events.push(event),
  });
  t.match(events, [{ type: "otherFolder", path: join(at, "source") }, { type: "headMoved" }]);
  t.equal(ours.parent, others);
  t.equal((await readBack(world, ours.commit)).bytes.toString(), "ours");
  t.not(others, result.commit);
});
