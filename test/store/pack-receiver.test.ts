/** What a receiver refuses, and what it leaves behind: nothing. */
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import t, { type Test } from "tap";
import { compressMember } from "../../src/objects/member-gzip.js";
import { encodeMemberTar } from "../../src/objects/member-tar.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import { maxMemberBytes, maxPackedMemberBytes, maxPackObjects, packTrailers } from "../../src/objects/pack-format.js";
import { nodeDisk, type Disk } from "../../src/store/disk.js";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { standstill } from "../helpers/deadline.js";
import { failingDisk, watchedDisk } from "../helpers/store-disks.js";
import { blob, makePack, object, packIdOf, send } from "../helpers/store-pack.js";

async function open(t: Test, disk: Disk = nodeDisk): Promise<Store> {
  const store = await openStore(t.testdir(), { create: true, disk });
  t.teardown(() => store.close());
  return store;
}

/** Names of files, anywhere in the packs and among what is coming in. */
function filesIn(store: Store): string[] {
  return ["packs", "incoming"].flatMap((folder) =>
    readdirSync(join(store.folder, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name),
  );
}

/** Members that make a bad pack, whatever good ones come before and after. */
const bad: Record<string, () => Promise<Buffer> | Buffer> = {
  "an object of another hash": async () => {
    const tar = await encodeMemberTar([{ ...blob("a"), bytes: Buffer.from("b") }]);
    return compressMember(tar, 2);
  },
  "bytes after the member": async () => Buffer.concat([...(await makePack([blob("a")])).members, Buffer.from("x")]),
  "two members at once": async () => Buffer.concat((await makePack([blob("a")], [blob("b")])).members),
  "a member that is cut short": async () => (await makePack([blob("a")])).members[0]!.subarray(0, -1),
  "no bytes": () => Buffer.alloc(0),
  "no gzip": () => Buffer.alloc(100, "x"),
  "the trailer": () => packTrailers.gzip,
  "no tar": () => gzipSync(Buffer.alloc(512, "x")),
  "a member that inflates beyond its limit": () => gzipSync(Buffer.alloc(maxMemberBytes + 1)),
  "a gzip bomb": () => gzipSync(Buffer.alloc(256 << 20)),
  "a member longer than any may be": () => Buffer.alloc(maxPackedMemberBytes + 1),
  "a damaged checksum": async () => {
    const member = Buffer.from((await makePack([blob("a")])).members[0]!);
    member[member.length - 8]! ^= 1;
    return member;
  },
};

for (const [what, make] of Object.entries(bad)) {
  t.test(`${what} refuses the pack and leaves nothing of it`, async (t) => {
    const store = await open(t);
    const [good, member] = [await makePack([blob("good")], [blob("too")]), await make()];
    for (const members of [[member], [...good.members, member], [good.members[0]!, member, good.members[1]!]]) {
      await t.rejects(send(store, { members, id: packIdOf(members) }), { code: "BAD_PACK" });
    }
    t.notOk(store.has(blob("good").id));
    const receiver = store.receivePack();
    const id = packIdOf([good.members[0]!, member]);
    await receiver.add(Buffer.from(good.members[0]!));
    await receiver.add(member).catch(() => undefined);
    await t.rejects(receiver.finish(id), { code: "BAD_PACK" });
    await send(store, good);
    t.ok(store.has(blob("good").id));
    const names = filesIn(store).toSorted();
    // an aborted receiver is what t.teardown closes: those that rejected in `add` have a file until then
    t.strictSame(
      names.filter((name) => name.startsWith(good.id)),
      [`${good.id}.idx`, `${good.id}.tar.gz`],
    );
    await store.close();
    t.equal(filesIn(store).length, 2);
  });
}

t.test("a pack beyond its greatest length is refused before it is written whole", async (t) => {
  let written = 0;
  const store = await open(
    t,
    watchedDisk(nodeDisk, ({ name }) => {
      if (name === "write") written += 1;
    }),
  );
  const members: Buffer[] = [];
  for (let at = 0; at < 17; at += 1) {
    members.push(compressMember(await encodeMemberTar([object("blob", Buffer.alloc(8 << 20, at))]), 0));
  }
  const receiver = store.receivePack();
  await t.rejects(
    (async () => {
      for (const member of members) await receiver.add(member);
    })(),
    { code: "BAD_PACK", message: /128 MiB/ },
  );
  t.ok(written <= 18); // config.json, the lock, 15 members
  await receiver.abort();
  t.strictSame(filesIn(store), []);
});

t.test("a pack of more objects than it may have is refused", async (t) => {
  const store = await open(t);
  const empty = blob("");
  const full = Array.from({ length: 16_000 }, () => empty);
  const [member] = (await makePack(full)).members;
  const members = Array.from({ length: Math.ceil(maxPackObjects / full.length) + 1 }, () => member!);
  await t.rejects(send(store, { members, id: packIdOf(members) }), { code: "BAD_PACK", message: /objects/ });
});

for (const [what, sizeBytes, most] of [
  ["no more small members than threads have use for", 100, 8],
  ["no more of large members than 8 MiB", 3 << 20, 3],
] as const) {
  t.test(`while nothing can be written, ${what} are taken`, async (t) => {
    let openGate: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => (openGate = resolve));
    const disk: Disk = {
      ...nodeDisk,
      async createFile(path) {
        const file = await nodeDisk.createFile(path);
        if (!path.includes("incoming") || !isHeld) return file;
        return { ...file, write: async (bytes) => (await opened, file.write(bytes)) };
      },
    };
    let isHeld = false;
    const store = await open(t, disk);
    isHeld = true;
    const contents = Array.from({ length: 20 }, () => [object("blob", randomBytes(sizeBytes))]);
    const pack = await makePack(...contents);
    const receiver = store.receivePack();
    let taken = 0;
    const adding = (async () => {
      for (const member of pack.members) await receiver.add(member).then(() => (taken += 1));
    })();
    await standstill(() => taken);
    t.ok(taken >= 2 && taken <= most, `${taken} members`);
    openGate();
    await adding;
    t.match(await receiver.finish(pack.id), { objects: 20 });
    for (const [{ id, bytes }] of contents as [PackedObject<ObjectId>][])
      t.ok(Buffer.from(await store.readObject(id)).equals(bytes));
  });
}

for (const [name, code, expected] of [
  ["write", "ENOSPC", "STORE_FULL"],
  ["write", "EDQUOT", "STORE_FULL"],
  ["sync", "EIO", "STORE_FAILED"],
  ["close", "EIO", "STORE_FAILED"],
  ["createFile", "EMFILE", "STORE_FAILED"],
  ["rename", "EIO", "STORE_FAILED"],
  ["syncFolder", "EIO", "STORE_FAILED"],
] as const) {
  t.test(`a pack is not kept where ${name} fails with ${code}`, async (t) => {
    let isFailing = false;
    const store = await open(
      t,
      failingDisk(nodeDisk, (call) => (isFailing && call.name === name ? code : undefined)),
    );
    const pack = await makePack([blob("a")], [blob("b")]);
    isFailing = true;
    await t.rejects(send(store, pack), { code: expected, message: new RegExp(store.folder) });
    isFailing = false;
    t.notOk(store.has(blob("a").id));
    await send(store, pack);
    t.ok(store.has(blob("a").id));
    await store.close();
    t.equal(filesIn(store).length, 2);
  });
}

t.test("a failed fsync is not tried again", async (t) => {
  let syncs = 0;
  let isFailing = false;
  const store = await open(
    t,
    failingDisk(nodeDisk, ({ name }) => {
      if (!isFailing || name !== "sync") return undefined;
      syncs += 1;
      return "EIO";
    }),
  );
  isFailing = true;
  await t.rejects(send(store, await makePack([blob("a")])), { code: "STORE_FAILED", message: /EIO/ });
  t.equal(syncs, 1);
});

t.test("a finished pack takes no more", async (t) => {
  const store = await open(t);
  const pack = await makePack([blob("a")]);
  const receiver = store.receivePack();
  await receiver.add(pack.members[0]!);
  await receiver.finish(pack.id);
  await t.rejects(receiver.add(pack.members[0]!), /has ended/);
  await t.rejects(receiver.finish("00".repeat(32) as ObjectId), /has ended/);
  await receiver.abort();
  t.ok(store.has(blob("a").id));
});
