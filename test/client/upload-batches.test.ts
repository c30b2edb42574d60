/** Uploads of batches: what the store lacks of them is sent, and each buffer comes back once, when its bytes have gone. */
import t, { type Test } from "tap";
import { kindNumber, packingRoomBytes, type Batch } from "../../src/client/batch.js";
import type { Uploader } from "../../src/client/upload.js";
import { objectIdBytes, type ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import { memberTargetBytes } from "../../src/objects/pack-format.js";
import { seededBytes, seededNumbers } from "../helpers/arbitrary-bytes.js";
import { settle, until, within } from "../helpers/deadline.js";
import { blob, object } from "../helpers/store-pack.js";
import { gate, Scribe, sentBy, uploaderTo } from "./scribe.js";
import { openWorld } from "./world.js";

type Made = PackedObject<ObjectId>;

const sizeOf = (objects: readonly Made[]): number => objects.reduce((sum, { bytes }) => sum + bytes.length, 0);

function batchOf(objects: readonly Made[], buffer = new ArrayBuffer(sizeOf(objects) + packingRoomBytes)): Batch {
  const places: number[] = [];
  let at = 0;
  for (const { bytes } of objects) {
    new Uint8Array(buffer).set(bytes, at);
    places.push(at, bytes.length);
    at += bytes.length;
  }
  const ids = Buffer.concat(objects.map(({ id }) => objectIdBytes(id)));
  const kinds = Uint8Array.from(objects, ({ kind }) => kindNumber(kind));
  return { buffer, kinds, ids, places: Uint32Array.from(places) };
}

/** Offers batches, and writes over each buffer that comes back, as the next reading would. */
class Offering {
  /** How often the buffer of each batch has come back. */
  readonly released: number[] = [];
  readonly #uploader: Uploader;

  constructor(uploader: Uploader) {
    this.#uploader = uploader;
  }

  offer(...objects: readonly Made[]): void {
    const index = this.released.push(0) - 1;
    this.#uploader.offerBatch(batchOf(objects), (buffer) => {
      this.released[index] = (this.released[index] as number) + 1;
      new Uint8Array(buffer).fill(0xee);
    });
  }
}

const finish = (uploader: Uploader): Promise<void> => within(20_000, "the upload", uploader.finish());
const idsOf = (objects: readonly { id: ObjectId }[]): ObjectId[] => objects.map(({ id }) => id);

/** So many blobs of so many bytes of text, never the same. */
const texts = (count: number, length: number, name: string): Made[] =>
  Array.from({ length: count }, (_, index) => blob(`${name} ${index} `.repeat(length / 8).slice(0, length)));

t.test("of each batch, what the store lacks is sent, in order", async (t) => {
  const scribe = new Scribe();
  const uploader = uploaderTo(scribe);
  const offering = new Offering(uploader);
  const batches = [0, 1, 2].map((number) => texts(300, 2000, `batch ${number}`));
  for (const [index, { id }] of batches.flat().entries()) if (index % 3 === 1) scribe.known.add(id);
  for (const { id } of batches[1] as Made[]) scribe.known.add(id);
  for (const batch of batches) offering.offer(...batch);
  await finish(uploader);
  const lacking = batches.flat().filter(({ id }) => !scribe.known.has(id));
  t.strictSame(idsOf((await sentBy(scribe)).flat()), idsOf(lacking));
  t.strictSame(offering.released, [1, 1, 1]);
  t.equal(uploader.counts.objects.blob, lacking.length);
  t.equal(uploader.counts.objectBytes, sizeOf(lacking));
  t.strictSame(scribe.asked.flat(), idsOf(batches.flat()), "and it is asked about each once");
});

t.test(
  "an object is asked about and sent once, in one batch or several, and also where it is offered alone",
  async (t) => {
    const scribe = new Scribe();
    const uploader = uploaderTo(scribe);
    const offering = new Offering(uploader);
    const [a, b, c, d] = texts(4, 200_000, "twice") as [Made, Made, Made, Made];
    offering.offer(a, b, a);
    offering.offer(b, c);
    offering.offer(a, c);
    t.strictSame(offering.released, [0, 0, 1], "a batch of nothing new goes back at once");
    await uploader.offer(c);
    await uploader.offer(d);
    offering.offer(d);
    await finish(uploader);
    t.strictSame(new Set(idsOf((await sentBy(scribe)).flat())), new Set(idsOf([a, b, c, d])));
    t.equal((await sentBy(scribe)).flat().length, 4);
    t.strictSame(offering.released, [1, 1, 1, 1]);
  },
);

t.test(
  "the little that is lacking of many batches goes into few members, and the buffers go back at once",
  async (t) => {
    const scribe = new Scribe();
    const begun = gate();
    scribe.begin = () => begun.opened;
    const uploader = uploaderTo(scribe);
    const offering = new Offering(uploader);
    const batches = Array.from({ length: 200 }, (_, number) => texts(20, 1000, `batch ${number}`));
    for (const batch of batches) for (const { id } of batch.slice(1)) scribe.known.add(id);
    for (const batch of batches) offering.offer(...batch);
    await until(() => offering.released.every((count) => count === 1), "the buffers");
    begun.open();
    await finish(uploader);
    const members = await sentBy(scribe);
    t.equal(members.length, 1);
    t.strictSame(idsOf(members.flat()), idsOf(batches.map(([first]) => first as Made)));
    t.strictSame(new Set(offering.released), new Set([1]));
  },
);

t.test("what is gathered does not run ahead of the network", async (t) => {
  const scribe = new Scribe();
  scribe.isHeld = true;
  const uploader = uploaderTo(scribe);
  const offering = new Offering(uploader);
  const size = memberTargetBytes / 5;
  for (let number = 0; number < 100; number += 1) offering.offer(object("blob", seededBytes(number + 1, size)));
  await until(() => scribe.packs.flat().length >= 4, "the members");
  await settle();
  t.equal(scribe.packs.flat().length, 4, "four members wait to be sent, and no more are made");
  t.ok(offering.released.filter((count) => count > 0).length < 30);
  const flushing = setInterval(() => scribe.flush(), 1);
  t.teardown(() => clearInterval(flushing));
  await finish(uploader);
  scribe.flush();
  t.equal((await sentBy(scribe)).flat().length, 100);
  t.strictSame(new Set(offering.released), new Set([1]));
});

t.test("a buffer comes back when its members have been sent, and not before", async (t) => {
  const scribe = new Scribe();
  scribe.isHeld = true;
  const uploader = uploaderTo(scribe);
  const offering = new Offering(uploader);
  const batches = [1, 2, 3].map((seed) => [
    ...[1, 2, 3].map((each) => object("blob", seededBytes(seed * 10 + each, 300_000))),
    ...texts(10, 30_000, `text ${seed}`),
  ]);
  for (const batch of batches) offering.offer(...batch);
  await until(() => scribe.packs.flat().length === 9, "the members");
  await settle();
  t.strictSame(offering.released, [0, 0, 0], "while the socket still has them, the bytes stay");
  scribe.flush();
  t.strictSame(offering.released, [1, 1, 1]);
  await finish(uploader);
  t.strictSame(new Set(idsOf((await sentBy(scribe)).flat())), new Set(idsOf(batches.flat())));
});

t.test("lists and trees of a batch are sent as what they are", async (t) => {
  const scribe = new Scribe();
  const uploader = uploaderTo(scribe);
  const offering = new Offering(uploader);
  const objects = [...texts(5, 100_000, "x"), object("list", "a list"), object("tree", "a tree")];
  offering.offer(...objects);
  offering.offer(object("list", "another list"));
  await finish(uploader);
  const kinds = (await sentBy(scribe)).map((member) => [...new Set(member.map(({ kind }) => kind))]);
  t.ok(kinds.every(({ length }) => length === 1));
  t.strictSame(uploader.counts.objects, { blob: 5, list: 2, tree: 1, commit: 0 });
});

t.test("whatever the store fails with comes out of finish, is told once, and leaves nobody waiting", async (t) => {
  for (const step of ["answer", "begin", "take", "keep"] as const) {
    for (const length of [400_000, 40_000]) {
      const objects = Array.from({ length: 60 }, (_, number) => object("blob", seededBytes(number + 1, length)));
      for (const failsAt of [1, 3]) {
        const scribe = new Scribe();
        const failure = new Error(`${step} failed`);
        let steps = 0;
        scribe[step] = async () => {
          steps += 1;
          await settle(2);
          if (steps >= failsAt || step === "keep" || step === "begin") throw failure;
        };
        const failed: unknown[] = [];
        const uploader = uploaderTo(scribe, { onFailed: (reason) => void failed.push(reason) });
        const offering = new Offering(uploader);
        for (const each of objects) offering.offer(each);
        const what = `${step}, ${length}, ${failsAt}`;
        await t.rejects(finish(uploader), failure, what);
        t.strictSame(failed, [failure], what);
        await t.rejects(finish(uploader), failure, "and stays so");
        offering.offer(blob("one more"));
        t.equal(offering.released.at(-1), 1, "what comes after goes back at once");
        t.ok(
          offering.released.every((count) => count <= 1),
          "no buffer comes back twice",
        );
      }
    }
  }
});

t.test("a pool that is closed while batches are being packed ends the upload", async (t) => {
  const scribe = new Scribe();
  const pool = { run: () => Promise.reject(new Error("the pool is closed")) };
  const uploader = uploaderTo(scribe, { pool: pool as never });
  const offering = new Offering(uploader);
  for (let number = 0; number < 10; number += 1) offering.offer(object("blob", seededBytes(number + 1, 300_000)));
  await t.rejects(finish(uploader), { message: "the pool is closed" });
});

/** Batches of random objects, some of them several times. */
function randomBatches(seed: number): Made[][] {
  const next = seededNumbers(seed);
  const made: Made[] = [];
  return Array.from({ length: 60 }, () =>
    Array.from({ length: next() % 12 }, () => {
      if (made.length > 0 && next() % 5 === 0) return made[next() % made.length] as Made;
      const length = [0, 10, 3000, 40_000, 200_000][next() % 5] as number;
      const one =
        next() % 2 === 0 ? object("blob", seededBytes(next(), length)) : blob(`${next()} `.repeat(length / 8));
      made.push(one);
      return one;
    }),
  );
}

t.test(
  "a real store has every object of many batches, though each buffer is written over once it is back",
  async (t: Test) => {
    const world = await openWorld(t);
    for (const seed of [1, 2, 3]) {
      const uploader = uploaderTo(await world.connect());
      const offering = new Offering(uploader);
      const batches = randomBatches(seed);
      for (const batch of batches) offering.offer(...batch);
      await finish(uploader);
      t.ok(offering.released.every((count) => count === 1));
      let wrong = 0;
      for (const { id, bytes } of batches.flat())
        if (!world.store.has(id) || !Buffer.from(await world.store.readObject(id)).equals(bytes)) wrong += 1;
      t.equal(wrong, 0);
    }
  },
);
