/** The chunks that a large file had: fetched from the store, and what a push makes of them. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { readCommit } from "../../src/client/history.js";
import { fetchOldChunks } from "../../src/client/old-chunks.js";
import type { PushOptions } from "../../src/client/push-options.js";
import { encodeList, ListBuilder } from "../../src/objects/list.js";
import { objectIdAt, objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { object, sendObjects } from "../helpers/store-pack.js";
import { openWorld, pushFolder, untilOld, type StoreWorld } from "./world.js";

const mib = 1 << 20;
const listsPerPack = 100;

/** A file of so many chunks that are nowhere; its lists are in the store. */
async function listOf(world: StoreWorld, count: number): Promise<{ top: ObjectId; ids: ObjectId[] }> {
  const lists = new Map<ObjectId, PackedObject<ObjectId>>();
  const builder = new ListBuilder((list) => void lists.set(list.id, list));
  const ids = Array.from({ length: count }, (_, index) => objectIdOf(Buffer.from(`${index % 20_000}`)));
  for (const [index, id] of ids.entries()) builder.add({ id, size: 1000 + index });
  const top = builder.finish();
  const made = [...lists.values()]; // those below first
  for (let at = 0; at < made.length; at += listsPerPack)
    await sendObjects(world.store, made.slice(at, at + listsPerPack));
  return { top, ids };
}

t.test("the chunks of a list, and of lists in lists, come in order", async (t) => {
  const world = await openWorld(t);
  const remote = await world.connect();
  for (const count of [1, 15, 5000, 60_000]) {
    const { top, ids } = await listOf(world, count);
    const old = await fetchOldChunks(remote, top);
    t.strictSame(
      Array.from(old?.sizes ?? []),
      ids.map((_, index) => 1000 + index),
    );
    t.ok(ids.every((id, index) => objectIdAt(old?.ids ?? Buffer.alloc(0), index * 32) === id));
  }
});

t.test("too many chunks are not fetched; lists that are missing, or are none, are told of", async (t) => {
  const world = await openWorld(t);
  const remote = await world.connect();
  const fetched = await fetchOldChunks(remote, (await listOf(world, 270_000)).top);
  t.ok(fetched === undefined); // of another, all that differs would be printed
  const missing = objectIdOf(Buffer.from("missing"));
  await t.rejects(fetchOldChunks(remote, missing), { code: "NO_OBJECT" });
  const leaf = object("list", encodeList({ level: 0, children: [{ id: missing, size: 5 }] }));
  const high = object("list", encodeList({ level: 2, children: [{ id: leaf.id, size: 5 }] }));
  const none = object("blob", "no list");
  await sendObjects(world.store, [leaf, high]);
  await sendObjects(world.store, [none]);
  await t.rejects(fetchOldChunks(remote, high.id), { code: "BAD_OBJECT" });
  await t.rejects(fetchOldChunks(remote, none.id), { code: "BAD_OBJECT" });
});

t.test(
  "of a large file that has changed a little, the store is asked about little, and the commit is the same",
  async (t) => {
    const folder = t.testdir({ source: {} });
    const [source, file] = [join(folder, "source"), join(folder, "source", "image")];
    const bytes = seededBytes(1, 66 * mib);
    writeFileSync(file, bytes);
    await untilOld(file);
    const world = await openWorld(t, join(folder, "store"));
    await pushFolder(world, source);
    bytes.set(seededBytes(2, 5000), 20 * mib);
    writeFileSync(
      file,
      Buffer.concat([bytes.subarray(0, 40 * mib), Buffer.from("inserted"), bytes.subarray(40 * mib)]),
    );
    let asked = 0;
    const connect: PushOptions["connect"] = async (hello) => {
      const remote = await world.connect(hello);
      const hasMany = remote.hasMany.bind(remote);
      remote.hasMany = (ids) => {
        asked += ids.length / 32;
        return hasMany(ids);
      };
      return remote;
    };
    const { result } = await pushFolder(world, source, { connect });
    t.match(result, { filesRead: 1, bytesRead: 66 * mib + 8 });
    t.ok(result.upload.objects.blob <= 4, `${result.upload.objects.blob} chunks sent`);
    t.ok(asked <= result.upload.objects.blob + 10, `asked about ${asked} objects`);
    const fresh = await openWorld(t, join(folder, "another"));
    const other = await pushFolder(fresh, source, { indexFile: join(folder, "index") });
    const treeOf = async (from: StoreWorld, id: ObjectId | undefined): Promise<ObjectId> =>
      (await readCommit(await from.connect(), id as ObjectId)).tree;
    t.equal(await treeOf(world, result.commit), await treeOf(fresh, other.result.commit));
    t.equal(readFileSync(file).length, 66 * mib + 8);
  },
);
