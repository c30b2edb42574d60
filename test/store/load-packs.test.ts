/** What a store makes of its packs when it is opened: whatever is there, all that is whole can be used. */
import { copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { compressMember } from "../../src/objects/member-gzip.js";
import { encodeMemberTar } from "../../src/objects/member-tar.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { nodeDisk } from "../../src/store/disk.js";
import { Layout } from "../../src/store/layout.js";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { failingDisk, watchedDisk } from "../helpers/store-disks.js";
import { blob, makePack, object, packFile, packIdOf, send, type TestPack } from "../helpers/store-pack.js";

const lost = [blob("lost"), object("blob", Buffer.alloc(3 << 20, "lost"))];
const other = blob("other");
const another = await makePack([blob("of another pack")]);

/** A closed store with two packs. */
async function prepare(t: Test): Promise<{ layout: Layout; pack: TestPack; index: Buffer; bytes: Buffer }> {
  const store = await openStore(t.testdir(), { create: true });
  const pack = await makePack([lost[0]!], [lost[1]!]);
  await send(store, pack);
  await send(store, await makePack([other]));
  await store.close();
  const layout = new Layout(store.folder);
  return { layout, pack, index: readFileSync(layout.index(pack.id)), bytes: readFileSync(layout.pack(pack.id)) };
}

async function reopen(t: Test, layout: Layout, disk = nodeDisk): Promise<Store> {
  const store = await openStore(layout.folder, { create: false, disk });
  t.teardown(() => store.close());
  return store;
}

async function hasAll(t: Test, store: Store): Promise<void> {
  for (const { id, bytes } of [...lost, other]) t.ok(Buffer.from(await store.readObject(id)).equals(bytes));
}

const indexDamages: Record<string, (path: string) => void> = {
  "is missing": (path) => rmSync(path),
  "is empty": (path) => truncateSync(path, 0),
  "is cut short": (path) => truncateSync(path, 1200),
  "has a wrong byte": (path) => {
    const bytes = readFileSync(path);
    bytes[1100]! ^= 1;
    writeFileSync(path, bytes);
  },
};

for (const [what, damage] of Object.entries(indexDamages)) {
  t.test(`an index that ${what} is made again, byte for byte`, async (t) => {
    const { layout, pack, index } = await prepare(t);
    damage(layout.index(pack.id));
    const store = await reopen(t, layout);
    t.strictSame(store.damaged, []);
    t.ok(readFileSync(layout.index(pack.id)).equals(index));
    await hasAll(t, store);
  });
}

t.test("the index of a pack with many members, longer than what is read at a time, is made again", async (t) => {
  const store = await openStore(t.testdir(), { create: true });
  const layout = new Layout(store.folder);
  const noise = (at: number): Buffer =>
    Buffer.from(Array.from({ length: 7 << 20 }, (_, index) => (Math.imul(index + at, 2_654_435_761) >>> 13) & 255));
  const members = Array.from({ length: 4 }, (_, at) => [object("blob", noise(at)), blob(`${at}`)]);
  const pack = await makePack(...members, ...members.map((_, at) => [blob(`small ${at}`)]));
  await send(store, pack);
  await store.close();
  const index = readFileSync(layout.index(pack.id));
  rmSync(layout.index(pack.id));
  t.ok((await reopen(t, layout)).has(members[3]![0]!.id));
  t.ok(readFileSync(layout.index(pack.id)).equals(index));
});

t.test("an index that is longer than any is not read, and made again", async (t) => {
  const { layout, pack, index } = await prepare(t);
  truncateSync(layout.index(pack.id), 2 ** 36); // a hole, as a damaged file system may show one
  const store = await reopen(t, layout);
  t.strictSame(store.damaged, []);
  t.ok(readFileSync(layout.index(pack.id)).equals(index));
  await hasAll(t, store);
});

t.test("more packs than are read at a time are all loaded, some of them damaged", async (t) => {
  const store = await openStore(t.testdir(), { create: true });
  const layout = new Layout(store.folder);
  const packs: { pack: TestPack; objects: ReturnType<typeof blob>[] }[] = [];
  for (let at = 0; at < 150; at += 1) {
    const objects = [blob(`only in ${at}`), blob("in all of them"), blob(`in three ${Math.floor(at / 3)}`)];
    packs.push({ pack: await makePack(objects), objects });
    await send(store, packs.at(-1)!.pack);
  }
  await store.close();
  packs.sort((a, b) => (a.pack.id < b.pack.id ? -1 : 1));
  for (const at of [0, 63, 64, 65, 149]) rmSync(layout.index(packs[at]!.pack.id));
  for (const at of [62, 66]) truncateSync(layout.index(packs[at]!.pack.id), 1100);
  for (const at of [10, 128]) rmSync(layout.pack(packs[at]!.pack.id));
  const reopened = await reopen(t, layout);
  t.strictSame(
    reopened.damaged.map(({ path }) => path),
    [10, 128].map((at) => layout.pack(packs[at]!.pack.id)),
  );
  const found = packs.map(({ objects }) => reopened.has(objects[0]!.id));
  t.strictSame(
    found,
    packs.map((_, at) => at !== 10 && at !== 128),
  );
  t.equal(
    reopened.locateMembers([blob("in all of them").id])[0]?.pack,
    packs[0]!.pack.id,
    "an object that is in several packs is in the first of them",
  );
  for (const { objects } of packs.slice(60, 70)) {
    for (const { id, bytes } of objects) t.ok(Buffer.from(await reopened.readObject(id)).equals(bytes));
  }
});

t.test("an index is not made again where it is whole", async (t) => {
  const { layout } = await prepare(t);
  const created: string[] = [];
  const disk = watchedDisk(nodeDisk, ({ name, path }) => void (name === "createFile" && created.push(path)));
  await reopen(t, layout, disk);
  t.strictSame(created, []);
});

t.test("on a full disk a store opens, with an index in memory", async (t) => {
  const { layout, pack } = await prepare(t);
  rmSync(layout.index(pack.id));
  const full = failingDisk(nodeDisk, ({ name }) => (name === "write" || name === "replace" ? "ENOSPC" : undefined));
  const store = await reopen(t, layout, full);
  await hasAll(t, store);
  await t.rejects(send(store, await makePack([blob("new")])), { code: "STORE_FULL" });
});

const packDamages: Record<string, (layout: Layout, pack: ObjectId) => void> = {
  "is cut short": (layout, pack) => truncateSync(layout.pack(pack), 100),
  "is empty": (layout, pack) => truncateSync(layout.pack(pack), 0),
  "is gone": (layout, pack) => rmSync(layout.pack(pack)),
  "is cut short, and its index is gone": (layout, pack) => {
    truncateSync(layout.pack(pack), 100);
    rmSync(layout.index(pack));
  },
  "has a wrong byte, and its index is gone": (layout, pack) => {
    const bytes = readFileSync(layout.pack(pack));
    bytes[bytes.length - 40]! ^= 1;
    writeFileSync(layout.pack(pack), bytes);
    rmSync(layout.index(pack));
  },
  "goes on after its trailer, and its index is gone": (layout, pack) => {
    writeFileSync(layout.pack(pack), Buffer.concat([readFileSync(layout.pack(pack)), Buffer.alloc(29)]));
    rmSync(layout.index(pack));
  },
  "is another pack, and its index is gone": (layout, pack) => {
    writeFileSync(layout.pack(pack), packFile(another.members));
    rmSync(layout.index(pack));
  },
};

for (const [what, damage] of Object.entries(packDamages)) {
  t.test(`a pack that ${what} is named, keeps nothing else away, and can be sent again`, async (t) => {
    const { layout, pack, bytes, index } = await prepare(t);
    damage(layout, pack.id);
    const store = await reopen(t, layout);
    t.match(store.damaged, [{ path: layout.pack(pack.id), why: /./ }]);
    t.ok(store.has(other.id));
    t.notOk(store.has(lost[0]!.id));
    await send(store, pack);
    await hasAll(t, store);
    t.ok(readFileSync(layout.pack(pack.id)).equals(bytes));
    t.ok(readFileSync(layout.index(pack.id)).equals(index));
    await store.close();
    t.strictSame((await reopen(t, layout)).damaged, []);
  });
}

t.test("a damaged pack stays as it is while what would replace it fails", async (t) => {
  const { layout, pack } = await prepare(t);
  truncateSync(layout.pack(pack.id), 100);
  let isFailing = false;
  const store = await reopen(
    t,
    layout,
    failingDisk(nodeDisk, ({ name }) => (isFailing && name === "rename" ? "EIO" : undefined)),
  );
  isFailing = true;
  await t.rejects(send(store, pack), { code: "STORE_FAILED" });
  isFailing = false;
  t.equal(readFileSync(layout.pack(pack.id)).length, 100);
});

t.test("an object with a wrong byte on disk is damaged when it is read, and the others are not", async (t) => {
  const { layout, pack, bytes } = await prepare(t);
  const damaged = Buffer.from(bytes);
  damaged[60]! ^= 1;
  writeFileSync(layout.pack(pack.id), damaged);
  const store = await reopen(t, layout);
  await t.rejects(store.readObject(lost[0]!.id), { code: "STORE_DAMAGED", message: new RegExp(pack.id) });
  t.ok(Buffer.from(await store.readObject(lost[1]!.id)).equals(lost[1]!.bytes));
  writeFileSync(layout.pack(pack.id), bytes);
  t.ok(Buffer.from(await store.readObject(lost[0]!.id)).equals(lost[0]!.bytes), "and is read again, not remembered");
});

t.test("an object whose place holds other bytes is damaged, though all that surrounds it is right", async (t) => {
  const store = await openStore(t.testdir(), { create: true });
  t.teardown(() => store.close());
  const layout = new Layout(store.folder);
  const stored = async (bytes: string): Promise<Buffer> => {
    const tar = await encodeMemberTar([{ ...blob("right"), bytes: Buffer.from(bytes) }]);
    return compressMember(tar, 0); // of the same length for any content
  };
  const members = [await stored("right")];
  const pack = { members, id: packIdOf(members) };
  await send(store, pack);
  writeFileSync(layout.pack(pack.id), packFile([await stored("wrong")]));
  await t.rejects(store.readObject(blob("right").id), { code: "STORE_DAMAGED", message: /another hash/ });
});

t.test("files that are not the store's are left alone", async (t) => {
  const { layout, pack } = await prepare(t);
  mkdirSync(join(layout.packs, "notes"));
  writeFileSync(join(layout.packFolder(pack.id), "README"), "mine");
  const wrongPlace = pack.id.startsWith("00") ? "01" : "00";
  mkdirSync(join(layout.packs, wrongPlace), { recursive: true });
  copyFileSync(layout.pack(pack.id), join(layout.packs, wrongPlace, `${pack.id}.tar.gz`));
  writeFileSync(join(layout.incoming, "rest"), "of a crash");
  const store = await reopen(t, layout);
  t.strictSame(store.damaged, []);
  await hasAll(t, store);
  t.equal(readFileSync(join(layout.packFolder(pack.id), "README"), "utf8"), "mine");
  t.throws(() => readFileSync(join(layout.incoming, "rest")), { code: "ENOENT" });
});
