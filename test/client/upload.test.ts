/** Uploads to a store that is fast, slow or failing: what is asked, what is sent, and what waits meanwhile. */
import t from "tap";
import type { Uploader } from "../../src/client/upload.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import { packTargetBytes } from "../../src/objects/pack-format.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { settle, until, within } from "../helpers/deadline.js";
import { blob, object } from "../helpers/store-pack.js";
import { gate, Scribe, sentBy, uploaderTo } from "./scribe.js";
import { openWorld } from "./world.js";

type Offered = PackedObject<ObjectId>;

/** Offers everything, and waits where that is asked for. */
async function offerAll(uploader: Uploader, objects: Iterable<Offered>): Promise<void> {
  for (const each of objects) await uploader.offer(each);
}

const numbered = (count: number): Offered[] => Array.from({ length: count }, (_, index) => blob(`number ${index}`));

const large = (count: number, length = 1 << 20): Offered[] =>
  Array.from({ length: count }, (_, index) => object("blob", seededBytes(index + 1, length)));

t.test("each object is asked about and sent once, however often it is offered", async (t) => {
  const scribe = new Scribe();
  const uploader = uploaderTo(scribe);
  const objects = numbered(5000);
  await offerAll(uploader, [...objects, ...objects.slice(0, 100), ...objects]);
  await uploader.finish();
  const ids = objects.map(({ id }) => id);
  t.strictSame(scribe.asked.flat(), ids);
  t.ok(scribe.asked.length <= 4, "in batches");
  t.strictSame(
    (await sentBy(scribe)).flat().map(({ id }) => id),
    ids,
  );
  t.equal(uploader.counts.objects.blob, 5000);
  t.equal(uploader.counts.packs, 1);
});

t.test("what the store has is not sent, and with nothing to send there is no pack", async (t) => {
  const scribe = new Scribe();
  const objects = numbered(3000);
  for (const [index, { id }] of objects.entries()) if (index % 3 > 0) scribe.known.add(id);
  const uploader = uploaderTo(scribe);
  await offerAll(uploader, objects);
  await uploader.finish();
  t.strictSame(
    (await sentBy(scribe)).flat().map(({ id }) => id),
    objects.filter((_, index) => index % 3 === 0).map(({ id }) => id),
  );
  t.equal(uploader.counts.objects.blob, 1000);
  for (const { id } of objects) scribe.known.add(id);
  const again = uploaderTo(scribe);
  await offerAll(again, objects);
  await again.finish();
  t.equal(scribe.packs.length, 1);
  t.strictSame(again.counts, {
    objects: { blob: 0, list: 0, tree: 0, commit: 0 },
    objectBytes: 0,
    packedBytes: 0,
    packs: 0,
  });
});

t.test("a member holds objects of one kind, and what compresses is not beside what does not", async (t) => {
  const scribe = new Scribe();
  const uploader = uploaderTo(scribe);
  const kinds = ["blob", "tree", "list", "commit"] as const;
  const objects = Array.from({ length: 400 }, (_, index) => object(kinds[index % 4] as "blob", `object ${index}`));
  const random = Array.from({ length: 40 }, (_, index) => object("blob", seededBytes(index, 20_000)));
  await offerAll(uploader, [...objects, ...random]);
  await uploader.finish();
  const members = await sentBy(scribe);
  const noise = new Set(random.map(({ id }) => id));
  for (const member of members) {
    t.equal(new Set(member.map(({ kind }) => kind)).size, 1);
    t.equal(new Set(member.map(({ id }) => noise.has(id))).size, 1);
  }
  t.equal(members.flat().length, 440);
  t.strictSame(uploader.counts.objects, { blob: 140, tree: 100, list: 100, commit: 100 });
  t.equal(
    uploader.counts.objectBytes,
    [...objects, ...random].reduce((sum, { bytes }) => sum + bytes.length, 0),
  );
  t.equal(
    uploader.counts.packedBytes,
    scribe.packs.flat().reduce((sum, { length }) => sum + length, 0),
  );
});

t.test("packs end at their target, and only so many wait to be acknowledged", async (t) => {
  const scribe = new Scribe();
  const kept = gate();
  scribe.keep = () => kept.opened;
  let sent = 0;
  let acknowledged = 0;
  const uploader = uploaderTo(scribe, { onSent: (bytes) => (sent += bytes), onKept: () => (acknowledged += 1) });
  const offering = (async () => {
    for (let index = 0; index < 230; index += 1) await uploader.offer(object("blob", seededBytes(index + 1, 1 << 20)));
    await uploader.finish();
  })();
  await until(() => scribe.unfinished === 2, "two packs", 60_000);
  await settle();
  t.equal(scribe.packs.length, 2, "the third is not begun before one is acknowledged");
  t.equal(acknowledged, 0);
  kept.open();
  await within(60_000, "the upload", offering);
  t.equal(scribe.mostUnfinished, 2);
  t.equal(scribe.packs.length, 4);
  for (const [index, members] of scribe.packs.entries()) {
    const bytes = members.reduce((sum, { length }) => sum + length, 0);
    t.ok(bytes < packTargetBytes + (10 << 20));
    if (index < 3) t.ok(bytes >= packTargetBytes);
  }
  t.equal(acknowledged, 4);
  t.equal(uploader.counts.packs, 4);
  t.equal(sent, uploader.counts.packedBytes);
});

t.test("with a store that does not answer, offer gives a promise once 8 MiB wait", async (t) => {
  for (const slow of ["answer", "begin", "take"] as const) {
    const scribe = new Scribe();
    const answered = gate();
    scribe[slow] = () => answered.opened;
    const uploader = uploaderTo(scribe);
    const objects = large(20);
    let offered = 0;
    let waiting: Promise<void> | undefined;
    while (waiting === undefined && offered < objects.length) {
      waiting = uploader.offer(objects[offered] as Offered);
      offered += 1;
    }
    t.equal(offered, 8, slow);
    let isOver = false;
    const over = waiting?.then(() => (isOver = true));
    await settle();
    t.notOk(isOver, `${slow}: it waits`);
    answered.open();
    await within(20_000, "the room", over as Promise<unknown>);
    await offerAll(uploader, objects.slice(offered));
    await within(20_000, "the upload", uploader.finish());
    t.equal((await sentBy(scribe)).flat().length, 20);
  }
});

t.test("whatever the store fails with comes out of offer or finish, and nothing hangs", async (t) => {
  for (const step of ["answer", "begin", "take", "keep"] as const) {
    for (const isLate of [false, true]) {
      const scribe = new Scribe();
      const failure = new Error(`${step} failed`);
      scribe[step] = async () => {
        if (isLate) await settle(5);
        throw failure;
      };
      const uploader = uploaderTo(scribe);
      const work = (async () => {
        await offerAll(uploader, large(30));
        await uploader.finish();
      })();
      const error = await within(20_000, `${step}, ${isLate}`, work).catch((reason: unknown) => reason);
      t.equal(error, failure, `${step}, ${isLate}`);
      t.throws(() => uploader.offer(blob("one more")), failure, "and stays so");
      await t.rejects(within(5000, "finish", uploader.finish()), failure);
    }
  }
});

t.test("a failure wakes whoever waits for room", async (t) => {
  const scribe = new Scribe();
  let fail = (): void => undefined;
  scribe.answer = () => new Promise((_, reject) => (fail = () => reject(new Error("no more"))));
  const uploader = uploaderTo(scribe);
  let waiting: Promise<void> | undefined;
  for (const each of large(8)) waiting = uploader.offer(each);
  t.ok(waiting);
  fail();
  await t.rejects(within(5000, "the failure", waiting as Promise<void>), { message: "no more" });
});

t.test("a real store has everything once the upload is finished, the largest object too", async (t) => {
  const world = await openWorld(t);
  const remote = await world.connect();
  const uploader = uploaderTo(remote);
  const objects = [...numbered(3000), object("blob", seededBytes(99, 8 << 20)), object("blob", "")];
  await offerAll(uploader, objects);
  await uploader.finish();
  for (const { id, bytes } of objects) {
    if (!world.store.has(id)) t.fail(`no ${id}`);
    else if (bytes.length !== 0 && bytes.length < 100) continue;
    else t.ok(Buffer.from(await world.store.readObject(id)).equals(bytes));
  }
  const again = uploaderTo(remote);
  await offerAll(again, objects);
  await again.finish();
  t.equal(again.counts.packs, 0);
});
