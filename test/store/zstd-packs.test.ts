/** Packs of zstd in a store: what they are named, what they make of the store's version, and what is refused of them. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { encodeMemberTar } from "../../src/objects/member-tar.js";
import { packTrailers } from "../../src/objects/pack-format.js";
import { nodeDisk, type Disk } from "../../src/store/disk.js";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { hexBytes } from "../helpers/arbitrary-bytes.js";
import { failingDisk, watchedDisk } from "../helpers/store-disks.js";
import { blob, makePack, makeZstdPack, object, packFile, packIdOf, send } from "../helpers/store-pack.js";
import { runZstd, zstdMember } from "../helpers/zstd-program.js";

const small = blob("small");
const large = object("blob", Buffer.alloc(3 << 20, "large"));
const pack = await makeZstdPack([small], [large]);
const gzip = await makePack([blob("gzip")]);

async function open(t: Test, disk: Disk = nodeDisk, folder = t.testdir()): Promise<Store> {
  const store = await openStore(folder, { create: true, disk });
  t.teardown(() => store.close());
  return store;
}

const configOf = (store: Store): { version: number; compression?: string; check: string } =>
  JSON.parse(readFileSync(join(store.folder, "config.json"), "utf8")) as ReturnType<typeof configOf>;

const namesIn = (store: Store): string[] =>
  readdirSync(join(store.folder, "packs"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .toSorted();

const pathOf = (store: Store, suffix: string): string =>
  join(store.folder, "packs", pack.id.slice(0, 2), pack.id + suffix);

async function hasAll(t: Test, store: Store): Promise<void> {
  for (const { id, bytes } of [small, large]) t.ok(Buffer.from(await store.readObject(id)).equals(bytes));
}

t.test("a zstd pack is a tar.zst that tar and zstd read", async (t) => {
  const store = await open(t);
  t.strictSame(await send(store, pack), { pack: pack.id, objects: 2, bytes: packFile(pack.members).length });
  t.strictSame(namesIn(store), [`${pack.id}.idx`, `${pack.id}.tar.zst`]);
  await hasAll(t, store);
  const listed = spawnSync("tar", ["tf", pathOf(store, ".tar.zst")], { encoding: "utf8" });
  t.strictSame([listed.stdout, listed.stderr], [`blob/${small.id}\nblob/${large.id}\n`, ""]);
  t.ok(readFileSync(pathOf(store, ".tar.zst")).equals(packFile(pack.members)), "it lies there as it came");
  t.equal(runZstd(["-d"], packFile(pack.members)).length, 1024 + (512 + (3 << 20)) + 1024);
});

t.test("a store is of version 1 until its first zstd pack, and of version 2 from just before that", async (t) => {
  const store = await open(t);
  const made = readFileSync(join(store.folder, "config.json"), "utf8");
  await send(store, gzip);
  t.equal(readFileSync(join(store.folder, "config.json"), "utf8"), made, "a gzip pack changes nothing");
  await store.close();
  const versions: number[] = [];
  const watched = watchedDisk(nodeDisk, ({ name, path }) => {
    if (name === "rename" && path === pathOf(store, ".tar.zst")) versions.push(configOf(store).version);
  });
  const again = await open(t, watched, store.folder);
  await send(again, pack);
  t.strictSame(versions, [2]);
  const { check } = configOf(store);
  t.strictSame(configOf(store), { ...(JSON.parse(made) as object), version: 2, check }, "with nothing else changed");
  await send(again, await makeZstdPack([blob("more")]));
  t.equal(configOf(store).version, 2);
  await again.close();
  const last = await open(t, nodeDisk, store.folder);
  t.equal(last.id, store.id);
  t.strictSame(last.damaged, []);
  await hasAll(t, last);
  t.ok(last.has(blob("gzip").id));
});

t.test("if the version can't be written, nothing is kept of the pack", async (t) => {
  const store = await open(t);
  await store.close();
  for (const refused of ["createFile", "write", "sync", "rename", "syncFolder"] as const) {
    let isFailing = false; // from the moment when the pack itself lies in incoming/
    const failing = await open(
      t,
      failingDisk(nodeDisk, ({ name }) => {
        if (name === "close") isFailing = true;
        return isFailing && name === refused ? "ENOSPC" : undefined;
      }),
      store.folder,
    );
    isFailing = false;
    await t.rejects(send(failing, pack), { code: "STORE_FULL" }, refused);
    t.notOk(failing.has(small.id));
    await failing.close();
    t.strictSame(namesIn(store), []);
  }
  const again = await open(t, nodeDisk, store.folder);
  await send(again, pack);
  await hasAll(t, again);
});

for (const damage of ["missing", "damaged"]) {
  t.test(`an index of a zstd pack that is ${damage} is made again, byte for byte`, async (t) => {
    const store = await open(t);
    await send(store, pack);
    await store.close();
    const index = readFileSync(pathOf(store, ".idx"));
    if (damage === "missing") rmSync(pathOf(store, ".idx"));
    else writeFileSync(pathOf(store, ".idx"), index.subarray(1));
    const again = await open(t, nodeDisk, store.folder);
    t.strictSame(again.damaged, []);
    t.ok(readFileSync(pathOf(store, ".idx")).equals(index));
    await hasAll(t, again);
  });
}

t.test("a pack whose name says another codec than its members is left out", async (t) => {
  const store = await open(t);
  await send(store, pack);
  await store.close();
  renameSync(pathOf(store, ".tar.zst"), pathOf(store, ".tar.gz"));
  rmSync(pathOf(store, ".idx"));
  const again = await open(t, nodeDisk, store.folder);
  t.match(again.damaged, [{ path: pathOf(store, ".tar.gz"), why: /a zstd member in a gzip pack/ }]);
});

t.test("what is wrong with a zstd pack refuses it, and nothing is left of it", async (t) => {
  const store = await open(t);
  const before = readFileSync(join(store.folder, "config.json"), "utf8");
  const tar = await encodeMemberTar([small]);
  const member = zstdMember(tar);
  const skippable = hexBytes("502a4d18", "04000000", "00000000");
  const bad: [string, ...Buffer[]][] = [
    ["gzip after zstd", member, gzip.members[0]!],
    ["zstd after gzip", gzip.members[0]!, member],
    ["cut short", member.subarray(0, -1)],
    ["two frames in a member", Buffer.concat([member, member])],
    ["a skippable frame", Buffer.concat([member, skippable])],
    ["a skippable frame of its own", member, skippable],
    ["the trailer", member, packTrailers.zstd],
    ["no checksum", runZstd(["--no-check", `--stream-size=${tar.length}`], tar)],
    ["no size", runZstd(["--check"], tar)],
    ["an object of another hash", zstdMember(await encodeMemberTar([{ ...small, bytes: Buffer.from("other") }]))],
    ["no tar", zstdMember(Buffer.alloc(512, "x"))],
    ["beyond its limit", zstdMember(Buffer.alloc((9 << 20) + 1))],
    ["a wrong checksum", Buffer.concat([member.subarray(0, -1), Buffer.of(member.at(-1)! ^ 1)])],
  ];
  for (const [what, ...members] of bad) {
    await t.rejects(send(store, { members, id: packIdOf(members) }), { code: "BAD_PACK" }, what);
  }
  const asGzip = { members: pack.members, id: packIdOf([Buffer.concat([...pack.members, packTrailers.gzip])]) };
  await t.rejects(send(store, asGzip), { code: "BAD_PACK" }, "the id of a pack with gzip's trailer");
  t.strictSame(namesIn(store), []);
  t.equal(readFileSync(join(store.folder, "config.json"), "utf8"), before, "and the store is of version 1 still");
  await store.close();
  t.strictSame(readdirSync(join(store.folder, "incoming")), []);
});

t.test("a store remembers what it is to ask for", async (t) => {
  const folder = t.testdir();
  const ask = async (compression?: "gzip" | "zstd" | "none"): Promise<string> => {
    const store = await openStore(folder, { create: true, compression });
    await store.close();
    return store.compression;
  };
  t.equal(await ask(), "gzip");
  const plain = readFileSync(join(folder, "config.json"), "utf8");
  t.equal(await ask("zstd"), "zstd");
  t.equal(await ask(), "zstd");
  t.match(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")), { version: 1, compression: "zstd" });
  t.equal(await ask("none"), "none");
  t.equal(await ask("gzip"), "gzip");
  t.equal(readFileSync(join(folder, "config.json"), "utf8"), plain, "byte for byte as it was");
  const made = await openStore(join(folder, "../", "made"), { create: true, compression: "zstd" });
  await made.close();
  t.equal(configOf(made).compression, "zstd", "also from the beginning");
});
