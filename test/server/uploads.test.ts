/** The packs of one session, apart from its conversation. */
import t from "tap";
import { BakError } from "../../src/errors.js";
import { Uploads } from "../../src/server/uploads.js";
import { openStore } from "../../src/store/open-store.js";
import { settle, within } from "../helpers/deadline.js";
import { blob, makePack } from "../helpers/store-pack.js";

t.test("an acknowledgement that cannot be sent is no failure of the process", async (t) => {
  const store = await openStore(t.testdir(), { create: true });
  t.teardown(() => store.close());
  const uploads = new Uploads(store);
  await uploads.settle(Promise.reject(new BakError("CONNECTION_LOST", "the client is gone")), 2);
  await settle(); // an unhandled rejection would have failed the test by now
  await uploads.abort();
  t.pass("it is left to whoever waits for it");
});

t.test("work beyond the limit is waited for, and what it fails with is told", async (t) => {
  const store = await openStore(t.testdir(), { create: true });
  t.teardown(() => store.close());
  const uploads = new Uploads(store);
  let end: (() => void) | undefined;
  await uploads.settle(new Promise((resolve) => (end = resolve)), 2);
  let isSettled = false;
  const second = uploads.settle(new Promise(() => undefined), 2).then(() => (isSettled = true));
  await settle();
  t.notOk(isSettled);
  end?.();
  await within(1000, "the first", second);
  const lost = new BakError("CONNECTION_LOST", "the client is gone");
  await t.rejects(uploads.settle(Promise.reject(lost), 1), lost);
});

t.test("packs that were not acknowledged are dropped in the end", async (t) => {
  const store = await openStore(t.testdir(), { create: true });
  t.teardown(() => store.close());
  const uploads = new Uploads(store);
  const pack = await makePack([blob("a")], [blob("b")]);
  await uploads.begin(1);
  await uploads.begin(3);
  for (const member of pack.members) await uploads.add(1, member);
  const kept = uploads.end(1, pack.id);
  await uploads.settle(
    kept.then(() => undefined),
    2,
  );
  await uploads.add(3, (await makePack([blob("c")])).members[0] as Buffer);
  await uploads.abort();
  t.match(await kept, { objects: 2 }, "what was ended is waited for");
  t.ok(store.has(blob("a").id));
  t.notOk(store.has(blob("c").id));
  await t.rejects(uploads.end(3, pack.id), { code: "PROTOCOL" });
});
