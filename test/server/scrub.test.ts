/** A server's own reading of its packs: what is due, at which rate, and not while others need the disk. */
import t from "tap";
import type { ObjectId } from "../../src/objects/object-id.js";
import { startScrub, type ScrubEvent } from "../../src/server/scrub.js";
import { until } from "../helpers/deadline.js";

const [one, two] = ["11".repeat(32), "22".repeat(32)] as [ObjectId, ObjectId];

/** A store of two packs, the second of which is damaged; each has three pieces of 1,000 bytes. */
class FakeStore {
  lastMovedMs = 0;
  readonly read: ObjectId[] = [];
  pieces = 0;
  sinceMs = 0;

  packsToVerify(sinceMs: number): Promise<{ pack: ObjectId; bytes: number; verifiedMs: number }[]> {
    this.sinceMs = sinceMs;
    const due = [one, two].filter((pack) => !this.read.includes(pack));
    return Promise.resolve(due.map((pack) => ({ pack, bytes: 3000, verifiedMs: 0 })));
  }

  async verifyPack(
    pack: ObjectId,
    { signal, pace }: { signal: AbortSignal; pace: (bytes: number) => Promise<void> },
  ): Promise<{ path: string; why: string } | undefined> {
    for (let piece = 0; piece < 3; piece += 1) {
      signal.throwIfAborted();
      this.pieces += 1;
      await pace(1000);
    }
    this.read.push(pack);
    return pack === two ? { path: "/store/two", why: "it is missing" } : undefined;
  }
}

t.test("every pack that is due is read, and what is damaged is told of", async (t) => {
  const store = new FakeStore();
  const events: ScrubEvent[] = [];
  const stop = startScrub(store, { bytesPerSecond: 1e9, everyMs: 1000, onEvent: (event) => void events.push(event) });
  await until(() => events.length === 2);
  await stop();
  t.strictSame(store.read, [one, two]);
  t.strictSame(events, [
    { type: "packDamaged", path: "/store/two", why: "it is missing" },
    { type: "scrubbed", packs: 2, bytes: 6000, damaged: 1 },
  ]);
  t.ok(Math.abs(Date.now() - 1000 - store.sinceMs) < 60_000);
});

t.test("it keeps to its rate, and stops in the middle of a pack", async (t) => {
  const store = new FakeStore();
  const events: ScrubEvent[] = [];
  const stop = startScrub(store, { bytesPerSecond: 10, onEvent: (event) => void events.push(event) });
  await until(() => store.pieces === 1);
  await stop(); // else a piece would take 100 s
  t.equal(store.pieces, 1);
  t.strictSame(events, []);
});

t.test("it reads nothing while packs are being moved, and goes on after that", async (t) => {
  const store = new FakeStore();
  store.lastMovedMs = Date.now() + 60; // just now, for the next two seconds
  const stop = startScrub(store, { bytesPerSecond: 1e9, onEvent: () => undefined });
  store.lastMovedMs = Date.now();
  await until(() => store.sinceMs > 0);
  t.equal(store.pieces, 0);
  await until(() => store.read.length === 2);
  t.ok(Date.now() - store.lastMovedMs >= 1900);
  await stop();
});

t.test("a disk that fails is told of", async (t) => {
  const store = new FakeStore();
  store.packsToVerify = () => Promise.reject(new Error("the disk fell over"));
  const events: ScrubEvent[] = [];
  const stop = startScrub(store, { bytesPerSecond: 1, onEvent: (event) => void events.push(event) });
  await until(() => events.length === 1);
  await stop();
  t.match(events, [{ type: "scrubFailed", error: { message: "the disk fell over" } }]);
});
