/** The store on disk keeps the contract of all stores, and what it was given outlives it. */
import t from "tap";
import { objectIdOf } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import { openStore } from "../../src/store/open-store.js";
import { storeContract } from "../helpers/store-contract.js";
import { blob, makePack, object, send, sendObjects } from "../helpers/store-pack.js";

storeContract(t, (t) => openStore(t.testdir(), { create: true }));

t.test("a store that is opened again has what was in it", async (t) => {
  const folder = t.testdir();
  const project = parseProjectId("laptop");
  const before = await openStore(folder, { create: true });
  const [a, b] = [blob("a"), blob("b")];
  await sendObjects(before, [a]);
  await sendObjects(before, [a, b]);
  const line = await before.appendCommit(project, b.id, undefined);
  await before.close();
  const after = await openStore(folder, { create: false });
  t.teardown(() => after.close());
  t.equal(after.id, before.id);
  t.strictSame(await after.readLog(project), [line]);
  t.strictSame(Buffer.from(await after.readObject(b.id)), b.bytes);
  t.strictSame(after.damaged, []);
});

t.test("an object of which many members are read stays right while the cache turns over", async (t) => {
  const store = await openStore(t.testdir(), { create: true });
  t.teardown(() => store.close());
  const objects = Array.from({ length: 40 }, (_, index) => object("blob", Buffer.alloc(1 << 20, index)));
  await send(store, await makePack(...objects.map((each) => [each])));
  const ids = [...objects, ...objects.toReversed()].map(({ id }) => id);
  const read = await Promise.all(ids.map(async (id) => objectIdOf(await store.readObject(id))));
  t.strictSame(read, ids);
});
