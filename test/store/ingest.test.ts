/** What comes in, checked on real threads: whatever goes wrong there, nothing is kept, and the store goes on. */
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import t, { type Test } from "tap";
import { packMember } from "../../src/objects/member-codec.js";
import { encodeMemberTar } from "../../src/objects/member-tar.js";
import { objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import { packTrailers } from "../../src/objects/pack-format.js";
import { nodeDisk } from "../../src/store/disk.js";
import { Ingest } from "../../src/store/ingest.js";
import { openStore } from "../../src/store/open-store.js";
import { encodePackIndex, PackIndexBuilder, recordsOf } from "../../src/store/pack-index-builder.js";
import { DiskPackReceiver, type CheckedPack } from "../../src/store/pack-receiver.js";
import type { PackReceiver, Store } from "../../src/store/store.js";
import { within } from "../helpers/deadline.js";
import { failingDisk } from "../helpers/store-disks.js";
import { blob, makePack, object, packIdOf, send } from "../helpers/store-pack.js";

/** Bytes that do not compress, so that their member is long enough for a thread. */
const large = (): PackedObject<ObjectId> => object("blob", randomBytes(100_000));

function openIngest(t: Test, threads: number): Ingest {
  const ingest = new Ingest({ threads });
  t.teardown(() => ingest.close());
  return ingest;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
}

/** A receiver with threads of its own, whose packs are kept by nobody. */
function receive(t: Test, ingest: Ingest, kept: CheckedPack[] = []): { receiver: PackReceiver; folder: string } {
  const folder = t.testdir();
  const receiver = new DiskPackReceiver({
    disk: nodeDisk,
    ingest,
    folder,
    temporary: join(folder, "incoming"),
    owner: undefined,
    onBytes: () => undefined,
    takeSpace: () => Promise.resolve(),
    keep: async (pack) => (kept.push(pack), { pack: pack.id, objects: 1, bytes: 1 }),
    onEnd: () => undefined,
  });
  return { receiver, folder };
}

t.test("a member that is alone in its buffer is handed over, and another is copied", async (t) => {
  const ingest = openIngest(t, 1);
  const packed = packMember(await encodeMemberTar([large()]), "none");
  /** The member after `before` bytes and before `after` others, in one buffer. */
  const inBuffer = (before: number, after: number): { member: Uint8Array; all: Uint8Array } => {
    const all = new Uint8Array(before + packed.length + after).fill(7);
    all.set(packed, before);
    return { member: all.subarray(before, before + packed.length), all };
  };
  for (const [before, after] of [
    [0, 0],
    [16, 0],
    [17, 0],
    [0, 1],
    [100, 100],
  ] as const) {
    const { member, all } = inBuffer(before, after);
    const copy = Buffer.from(all);
    const checking = ingest.check(member, 0);
    const isAlone = before <= 16 && after === 0;
    t.equal(all.length === 0, isAlone, `${before} before, ${after} after`);
    t.ok(Buffer.from((await checking).packed).equals(packed));
    if (!isAlone) t.ok(copy.equals(all), "nobody else's bytes have changed");
  }
  const shared = new Uint8Array(new SharedArrayBuffer(packed.length));
  shared.set(packed);
  t.ok(Buffer.from((await ingest.check(shared, 0)).packed).equals(packed));
  const [small] = (await makePack([blob("small")])).members as [Buffer];
  const kept = new Uint8Array(small);
  await ingest.check(kept, 0);
  t.ok(Buffer.from(kept).equals(small), "a small one stays where it is");
});

t.test("the index of a large pack is made on a thread, and is the same", async (t) => {
  const ingest = openIngest(t, 1);
  const made = (): PackIndexBuilder => {
    const builder = new PackIndexBuilder();
    for (let member = 0; member < 20; member += 1) {
      const objects = Array.from({ length: 1000 }, (_, at) => ({
        kind: "blob" as const,
        id: objectIdOf(Buffer.from(`${member} ${at % 900}`)),
        offset: at * 512,
        length: at,
      }));
      builder.addRecords(10, 20, recordsOf(objects, member));
    }
    return builder;
  };
  const id = "12".repeat(32) as ObjectId;
  const parts = made().parts(id, "gzip");
  const index = await ingest.makeIndex(parts);
  t.ok(index.equals(encodePackIndex(made().parts(id, "gzip"))));
  t.equal(parts.records.length, 0, "handed over");
});

/** What a member in the middle of a pack can be, that is long enough for a thread. */
const bad: Record<string, () => Promise<Uint8Array>> = {
  "an object of another hash": async () =>
    packMember(await encodeMemberTar([large(), { ...large(), bytes: randomBytes(100_000) }, large()]), "gzip"),
  "a member that is cut short": async () => packMember(await encodeMemberTar([large()]), "gzip").subarray(0, -1),
  "a gzip bomb": async () => gzipSync(Buffer.alloc(64 << 20), { level: 1 }),
  "no gzip": async () => randomBytes(100_000),
};

for (const threads of [0, 1, 3]) {
  for (const [what, make] of Object.entries(bad)) {
    t.test(`with ${threads} threads, ${what} among good members refuses the pack`, async (t) => {
      const ingest = openIngest(t, threads);
      const { members } = await makePack(...Array.from({ length: 12 }, () => [large()]));
      const sent = members.toSpliced(6, 0, Buffer.from(await make()));
      const id = packIdOf(sent);
      const kept: CheckedPack[] = [];
      const { receiver, folder } = receive(t, ingest, kept);
      const sending = (async () => {
        for (const member of sent) await receiver.add(Buffer.from(member));
        await receiver.finish(id);
      })();
      await within(20_000, "the refusal", t.rejects(sending, { name: "BakError", code: "BAD_PACK" }));
      await receiver.abort();
      t.strictSame(kept, []);
      t.strictSame(filesIn(folder), []);
      // and the threads go on
      const next = receive(t, ingest, kept);
      for (const member of members) await next.receiver.add(Buffer.from(member));
      await next.receiver.finish(packIdOf(members));
      t.match(kept, [{ id: packIdOf(members) }]);
    });
  }
}

t.test("threads that end while they check lose the pack, with an error that says so", async (t) => {
  const ingest = new Ingest({ threads: 1 });
  const { members } = await makePack(...Array.from({ length: 3 }, () => [object("blob", randomBytes(2 << 20))]));
  const { receiver, folder } = receive(t, ingest);
  const adding = Promise.allSettled(members.map((member) => receiver.add(Buffer.from(member))));
  await ingest.close();
  await within(20_000, "the end", adding);
  await t.rejects(receiver.finish(packIdOf(members)), /closed/);
  t.strictSame(filesIn(folder), []);
});

async function openWith(t: Test, code: () => string | undefined): Promise<Store> {
  const disk = failingDisk(nodeDisk, ({ name }) => (name === "write" ? code() : undefined));
  const store = await openStore(t.testdir(), { create: true, disk });
  t.teardown(() => store.close());
  return store;
}

t.test("a disk that is full while members are in work loses this pack alone", async (t) => {
  let left = Number.POSITIVE_INFINITY;
  const store = await openWith(t, () => ((left -= 1) < 0 ? "ENOSPC" : undefined));
  const pack = await makePack(...Array.from({ length: 12 }, () => [large()]));
  left = 4;
  await within(20_000, "the failure", t.rejects(send(store, pack), { code: "STORE_FULL" }));
  left = Number.POSITIVE_INFINITY;
  t.match(await send(store, pack), { objects: 12, bytes: Buffer.concat([...pack.members, packTrailers.gzip]).length });
});

t.test("a pack that is given up while members are in work leaves nothing, and so does closing", async (t) => {
  const store = await openWith(t, () => undefined);
  const { members, id } = await makePack(...Array.from({ length: 12 }, () => [large()]));
  const dropped = store.receivePack();
  const adding = members.map((member) => dropped.add(Buffer.from(member)).catch((error: unknown) => error));
  await within(20_000, "the end", dropped.abort());
  await Promise.all(adding);
  await t.rejects(dropped.finish(id), { code: "STORE_FAILED" });
  t.strictSame(filesIn(join(store.folder, "incoming")), []);
  const open = store.receivePack();
  const more = members.map((member) => open.add(Buffer.from(member)).catch((error: unknown) => error));
  await within(20_000, "closing", store.close());
  await Promise.all(more);
  await t.rejects(open.finish(id), { code: "STORE_FAILED" });
  t.strictSame(filesIn(store.folder).toSorted(), ["config.json", "lock"]);
});

t.test("a small push starts no thread, and a large one does", async (t) => {
  const store = await openWith(t, () => undefined);
  const count = (): number => process.getActiveResourcesInfo().filter((each) => each === "MessagePort").length;
  const before = count();
  await send(store, await makePack([blob("a")], [blob("b")]));
  t.equal(count(), before);
  const receiver = store.receivePack();
  const pack = await makePack([large()]);
  const adding = receiver.add(pack.members[0] as Buffer);
  t.ok(count() > before);
  await adding;
  await receiver.finish(pack.id);
});
