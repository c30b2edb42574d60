/** A store on a disk that fills up: what it refuses, and what it goes on doing to the last byte. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { parseProjectId } from "../../src/objects/project-id.js";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { fillDisk, freeBytes, mountSmallDisk } from "../helpers/small-disk.js";
import { blob, makePack, object, sendObjects } from "../helpers/store-pack.js";

const project = parseProjectId("laptop");
const mib = 1 << 20;

async function onSmallDisk(t: Test, work: (folder: string, disk: string) => Promise<void>): Promise<void> {
  const disk = mountSmallDisk(t, 32);
  if (disk !== undefined) await work(join(disk, "store"), disk);
}

/** Sends packs of 2 MiB until the store takes no more; gives what the last was refused with. */
async function fillStore(store: Store, from = 0): Promise<unknown> {
  for (let seed = from; seed < from + 100; seed += 1) {
    try {
      await sendObjects(store, [object("blob", seededBytes(seed, 2 * mib))]);
    } catch (error) {
      return error;
    }
  }
  return undefined;
}

t.test("a store refuses packs while there is still room for everything else", async (t) => {
  await onSmallDisk(t, async (folder) => {
    const store = await openStore(folder, { create: true });
    t.teardown(() => store.close());
    const [one, two] = [blob("one"), blob("two")];
    await sendObjects(store, [one, two]);
    await store.appendCommit(project, one.id, undefined);
    t.match(await fillStore(store), { code: "STORE_FULL", message: `no space left on the store '${folder}'` });
    t.ok(freeBytes(folder) >= 1.6 * mib, `${freeBytes(folder)} bytes are free`);
    t.strictSame(readdirSync(join(folder, "incoming")), [], "nothing is left of what was refused");
    await t.rejects(sendObjects(store, [object("blob", seededBytes(500, 2 * mib))]), { code: "STORE_FULL" });

    t.strictSame(Buffer.from(await store.readObject(one.id)), one.bytes);
    await store.appendCommit(project, two.id, one.id);
    t.equal(await store.forget(project, [one.id]), 1);
    t.equal(await store.undoForget(project, [one.id]), 1);
    const pack = await makePack([object("blob", seededBytes(1000, mib / 2))]);
    const receiver = store.receivePack({ mayUseReserve: true });
    for (const member of pack.members) await receiver.add(member);
    t.match(await receiver.finish(pack.id), { objects: 1 }, "what frees space may use the reserve");
  });
});

t.test(
  "on a disk that another program has filled to its end, commits are read, forgotten, and brought back",
  async (t) => {
    await onSmallDisk(t, async (folder, disk) => {
      const first = await openStore(folder, { create: true });
      const objects = Array.from({ length: 1500 }, (_, index) => blob(`commit ${index}`));
      await sendObjects(first, objects);
      for (const [index, { id }] of objects.entries()) await first.appendCommit(project, id, objects[index - 1]?.id);
      t.ok(existsSync(join(folder, "ballast")));
      await first.close();
      fillDisk(join(disk, "movie"), disk);
      t.equal(freeBytes(disk), 0);

      const store = await openStore(folder, { create: true });
      t.teardown(() => store.close());
      t.equal(freeBytes(disk), 0);
      await t.rejects(sendObjects(store, [blob("more")]), { code: "STORE_FULL" });
      t.strictSame(Buffer.from(await store.readObject(objects[7]!.id)), objects[7]!.bytes);
      const ids = objects.map(({ id }) => id);
      t.equal(await store.forget(project, ids.slice(0, 1400)), 1400);
      t.equal((await store.readLog(project)).length, 100);
      t.equal(await store.undoForget(project, ids.slice(0, 700)), 700);
      t.equal((await store.readForgotten(project)).length, 700);
      t.equal(await store.expireForgotten(project, Date.now() + 1), 700);
      t.notOk(existsSync(join(folder, "ballast")), "that is where the space came from");

      rmSync(join(disk, "movie"));
      await sendObjects(store, [blob("more")]);
      t.ok(store.has(blob("more").id));
      t.ok(existsSync(join(folder, "ballast")), "and it is there for the next time");
    });
  },
);
