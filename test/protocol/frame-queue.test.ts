/** Frames between a writer and a reader: their order, their end, and when the writer is to stop. */
import t from "tap";
import { BakError } from "../../src/errors.js";
import { FrameQueue } from "../../src/protocol/frame-queue.js";

const frame = (length: number, fill = 0): Uint8Array => new Uint8Array(length).fill(fill);

t.test("frames come out in order, whoever is first", async (t) => {
  const queue = new FrameQueue(100, () => undefined);
  const early = queue.shift();
  queue.push(frame(1, 1));
  queue.push(frame(1, 2));
  queue.push(frame(1, 3));
  t.strictSame(await early, frame(1, 1));
  t.strictSame(await queue.shift(), frame(1, 2));
  t.strictSame(await queue.shift(), frame(1, 3));
});

t.test("it is full at its limit, and tells of room when it is half empty", async (t) => {
  let rooms = 0;
  const queue = new FrameQueue(100, () => (rooms += 1));
  queue.push(frame(50));
  t.notOk(queue.isFull);
  queue.push(frame(49));
  t.notOk(queue.isFull);
  queue.push(frame(1));
  t.ok(queue.isFull);
  await queue.shift();
  t.equal(rooms, 1, "50 are left");
  queue.push(frame(60));
  t.ok(queue.isFull);
  await queue.shift();
  t.equal(rooms, 1, "61 are left");
  await queue.shift();
  t.equal(rooms, 1, "60 are left");
  await queue.shift();
  t.equal(rooms, 2, "it is empty");
});

t.test("a frame beyond the limit fills it, and goes through", async (t) => {
  let rooms = 0;
  const queue = new FrameQueue(10, () => (rooms += 1));
  queue.push(frame(1000));
  t.ok(queue.isFull);
  t.equal((await queue.shift())?.length, 1000);
  t.equal(rooms, 1);
  t.notOk(queue.isFull);
});

t.test("a frame that somebody waits for takes no room", async (t) => {
  const queue = new FrameQueue(10, () => undefined);
  const waiting = queue.shift();
  queue.push(frame(1000));
  t.notOk(queue.isFull);
  await waiting;
});

t.test("at the end, what waits is given out first", async (t) => {
  const queue = new FrameQueue(10, () => undefined);
  queue.push(frame(1, 1));
  queue.end();
  queue.push(frame(1, 2));
  t.strictSame(await queue.shift(), frame(1, 1));
  t.equal(await queue.shift(), undefined);
  t.equal(await queue.shift(), undefined);
});

t.test("an end in an error is thrown, each time, after what waits", async (t) => {
  const lost = new BakError("CONNECTION_LOST", "it is lost");
  const queue = new FrameQueue(10, () => undefined);
  queue.push(frame(1, 1));
  queue.end(lost);
  queue.end(new Error("another"));
  t.strictSame(await queue.shift(), frame(1, 1));
  await t.rejects(queue.shift(), lost);
  await t.rejects(queue.shift(), lost);
});

t.test("an end is told to whoever waits", async (t) => {
  const ended = new FrameQueue(10, () => undefined);
  const waiting = ended.shift();
  ended.end();
  t.equal(await waiting, undefined);
  const failed = new FrameQueue(10, () => undefined);
  const other = failed.shift();
  failed.end(new BakError("CONNECTION_LOST", "it is lost"));
  await t.rejects(other, { code: "CONNECTION_LOST" });
});

t.test("a second reader is a bug", async (t) => {
  const queue = new FrameQueue(10, () => undefined);
  const first = queue.shift();
  await t.rejects(queue.shift(), new Error("two readers of one queue"));
  queue.end();
  await first;
});
