/** What every store promises, whatever it keeps its objects in. */
import { randomBytes } from "node:crypto";
import type { Test } from "tap";
import { inflateMember } from "../../src/objects/member-gzip.js";
import { decodeMemberTar } from "../../src/objects/member-tar.js";
import { objectIdBytes, type ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import { encodeTree, emptyTree } from "../../src/objects/tree.js";
import type { Store } from "../../src/store/store.js";
import { blob, makePack, object, packIdOf, send, sendObjects } from "./store-pack.js";

const absent = "ab".repeat(32) as ObjectId;
const project = parseProjectId("laptop");

/** Tests one kind of store; `open` gives a new, empty one. */
export function storeContract(t: Test, open: (t: Test) => Promise<Store>): void {
  const test = (name: string, work: (t: Test, store: Store) => Promise<void>): void => {
    void t.test(name, async (t) => {
      const store = await open(t);
      t.teardown(() => store.close());
      await work(t, store);
    });
  };

  test("an object is there once its pack is finished, and not before", async (t, store) => {
    const [a, b] = [blob("a"), object("tree", encodeTree(emptyTree))];
    const pack = await makePack([a], [b]);
    const receiver = store.receivePack();
    for (const member of pack.members) await receiver.add(member);
    t.notOk(store.has(a.id));
    t.strictSame(await receiver.finish(pack.id), { pack: pack.id, objects: 2, bytes: packedLength(pack.members) });
    for (const { id, bytes, kind } of [a, b]) {
      t.ok(store.has(id));
      t.strictSame(Buffer.from(await store.readObject(id)), bytes);
      t.strictSame(Buffer.from(await store.readObject(id, kind)), bytes);
    }
  });

  test("the bitmap of many ids has the lowest bit of each byte first", async (t, store) => {
    const objects = Array.from({ length: 19 }, (_, index) => blob(`${index}`));
    await sendObjects(
      store,
      objects.filter((_, index) => index % 3 === 0),
    );
    const bitmap = store.hasMany(Buffer.concat(objects.map(({ id }) => objectIdBytes(id))));
    t.strictSame([...bitmap], [0b01001001, 0b10010010, 0b00000100]);
    t.strictSame([...store.hasMany(new Uint8Array(0))], []);
    t.throws(() => store.hasMany(new Uint8Array(31)), RangeError);
  });

  test("of many ids, those that are there have the lengths of their objects", async (t, store) => {
    const objects = Array.from({ length: 19 }, (_, index) => blob("x".repeat(index)));
    const isThere = (index: number): boolean => index % 3 === 0;
    for (const index of [0, 1, 2]) {
      await sendObjects(
        store,
        objects.filter((_, at) => isThere(at) && (at / 3) % 3 === index),
      );
    }
    const lengths = store.lengthsOf(Buffer.concat(objects.map(({ id }) => objectIdBytes(id))));
    t.strictSame(
      [...lengths],
      objects.map(({ bytes }, index) => (isThere(index) ? bytes.length : -1)),
    );
    t.equal(store.lengthsOf(new Uint8Array(0)).length, 0);
  });

  test("an object that is not there is named", async (t, store) => {
    await t.rejects(store.readObject(absent), { code: "NO_OBJECT", message: new RegExp(absent) });
    const present = blob("a");
    await sendObjects(store, [present]);
    t.throws(() => store.locateMembers([present.id, absent]), { code: "NO_OBJECT", message: new RegExp(absent) });
  });

  test("an object can be read as another kind where its bytes are of that kind", async (t, store) => {
    const both = object("blob", encodeTree(emptyTree));
    const text = blob("text");
    await sendObjects(store, [both, text]);
    t.strictSame(Buffer.from(await store.readObject(both.id, "tree")), both.bytes);
    await t.rejects(store.readObject(text.id, "tree"), { code: "BAD_OBJECT" });
    await t.rejects(store.readObject(text.id, "list"), { code: "BAD_OBJECT" });
    await t.rejects(store.readObject(text.id, "commit"), { code: "BAD_OBJECT" });
  });

  test("the empty blob and one of 8 MiB are objects like others", async (t, store) => {
    const [empty, large] = [blob(""), object("blob", randomBytes(8 << 20))];
    await send(store, await makePack([empty], [large]));
    t.equal((await store.readObject(empty.id)).length, 0);
    t.ok(Buffer.from(await store.readObject(large.id)).equals(large.bytes));
  });

  test("members are located once each, in the order in which they lie", async (t, store) => {
    const groups = Array.from({ length: 5 }, (_, group) => [blob(`${group} one`), blob(`${group} two`)]);
    const first = await makePack(...groups.slice(0, 3));
    const second = await makePack(...groups.slice(3));
    await send(store, first);
    await send(store, second);
    const ids = groups.flat().map(({ id }) => id);
    const located = store.locateMembers(ids.toReversed());
    const expected = [first, second]
      .flatMap(({ id, members }) => members.map((member, at) => ({ id, at, member })))
      .toSorted((a, b) => (a.id === b.id ? a.at - b.at : a.id < b.id ? -1 : 1));
    t.strictSame(
      located.map(({ pack, packedLength: length }) => [pack, length]),
      expected.map(({ id, member }) => [id, member.length]),
    );
    for (const [index, at] of located.entries()) {
      const member = await store.readMember(at);
      t.ok(member.equals(expected[index]?.member ?? Buffer.alloc(0)));
      t.equal((await inflateMember(member)).length, at.inflatedLength);
    }
    const one = store.locateMembers([groups[1]?.[1]?.id ?? absent]);
    t.equal(one.length, 1);
    const found = decodeMemberTar(await inflateMember(await store.readMember(one[0]!)));
    t.strictSame(
      found.map(({ id }) => id),
      groups[1]?.map(({ id }) => id),
    );
  });

  test("objects that are there already may come again, in the same pack and in others", async (t, store) => {
    const [a, b, c] = [blob("a"), blob("b"), blob("c")];
    await sendObjects(store, [a, b]);
    t.match(await sendObjects(store, [a, b]), { objects: 2 });
    t.match(await send(store, await makePack([b, c, b], [c])), { objects: 2 });
    for (const { id, bytes } of [a, b, c]) t.strictSame(Buffer.from(await store.readObject(id)), bytes);
  });

  test("packs can be received side by side", async (t, store) => {
    const objects = Array.from({ length: 12 }, (_, index) => blob(`side by side ${index}`));
    await Promise.all(objects.map((each) => sendObjects(store, [each])));
    t.ok(objects.every(({ id }) => store.has(id)));
  });

  test("the same pack can be received twice at once", async (t, store) => {
    const pack = await makePack([blob("a")]);
    const receipts = await Promise.all([send(store, pack), send(store, pack), send(store, pack)]);
    t.strictSame(new Set(receipts.map(({ objects }) => objects)), new Set([1]));
    t.ok(store.has(blob("a").id));
  });

  test("an aborted pack leaves nothing", async (t, store) => {
    const pack = await makePack([blob("a")]);
    const receiver = store.receivePack();
    await receiver.add(pack.members[0]!);
    await receiver.abort();
    await receiver.abort();
    t.notOk(store.has(blob("a").id));
    await t.rejects(receiver.add(pack.members[0]!), { code: "STORE_FAILED" });
    await t.rejects(receiver.finish(pack.id), { code: "STORE_FAILED" });
    await store.receivePack().abort();
  });

  test("a pack with a wrong id, or without objects, is refused", async (t, store) => {
    const pack = await makePack([blob("a")]);
    await t.rejects(send(store, { ...pack, id: absent }), { code: "BAD_PACK", message: new RegExp(pack.id) });
    await t.rejects(send(store, { members: [], id: packIdOf([]) }), { code: "BAD_PACK" });
    t.notOk(store.has(blob("a").id));
  });

  test("a project begins with its first commit", async (t, store) => {
    t.equal(await store.head(project), undefined);
    t.strictSame(await store.readLog(project), []);
    t.strictSame(await store.projects(), []);
    const [one, two] = [blob("one"), blob("two")];
    await sendObjects(store, [one, two]);
    const before = Date.now();
    const line = await store.appendCommit(project, one.id, undefined);
    t.ok(line.receivedMs >= before && line.receivedMs <= Date.now());
    await store.appendCommit(project, two.id, one.id);
    await store.appendCommit(parseProjectId("Desktop"), two.id, undefined);
    t.equal(await store.head(project), two.id);
    const log = await store.readLog(project);
    t.strictSame(log[0], line);
    t.strictSame(
      log.map(({ commit }) => commit),
      [one.id, two.id],
    );
    t.strictSame(await store.projects(), ["Desktop", "laptop"]);
  });

  test("a head moves only from where it is", async (t, store) => {
    const [one, two] = [blob("one"), blob("two")];
    await sendObjects(store, [one, two]);
    await t.rejects(store.appendCommit(project, one.id, two.id), { code: "HEAD_MOVED" });
    t.strictSame(await store.projects(), []);
    await store.appendCommit(project, one.id, undefined);
    await t.rejects(store.appendCommit(project, two.id, undefined), { code: "HEAD_MOVED" });
    await t.rejects(store.appendCommit(project, absent, one.id), { code: "NO_OBJECT" });
    t.equal(await store.head(project), one.id);
  });

  test("of two who move a head at once, one is told that it moved", async (t, store) => {
    const objects = Array.from({ length: 8 }, (_, index) => blob(`${index}`));
    await sendObjects(store, objects);
    const results = await Promise.allSettled(objects.map(({ id }) => store.appendCommit(project, id, undefined)));
    t.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
    t.equal((await store.readLog(project)).length, 1);
  });

  test("a forgotten commit leaves the log, and can be brought back to its place in it", async (t, store) => {
    const objects = ["one", "two", "three", "four"].map(blob);
    const [one, two, three, four] = objects.map(({ id }) => id) as [ObjectId, ObjectId, ObjectId, ObjectId];
    await sendObjects(store, objects);
    const lines = [
      await store.appendCommit(project, one, undefined),
      await store.appendCommit(project, two, one),
      await store.appendCommit(project, three, two),
    ];
    const heard: unknown[] = [];
    const end = store.onForget((of, commits) => heard.push([of, commits]));
    const before = Date.now();
    t.equal(await store.forget(project, [three, one, one, absent]), 2);
    t.strictSame(heard, [[project, [one, three]]]);
    t.strictSame(await store.readLog(project), [lines[1]]);
    t.equal(await store.head(project), two);
    const forgotten = await store.readForgotten(project);
    t.match(forgotten, [lines[0], lines[2]]);
    t.ok(forgotten.every(({ forgottenMs }) => forgottenMs >= before && forgottenMs <= Date.now()));
    t.strictSame(await store.readLines(project), { log: [lines[1]], forgotten });
    t.strictSame(await store.forgottenProjects(), [project]);
    await t.rejects(store.appendCommit(project, four, three), { code: "HEAD_MOVED" });
    const last = await store.appendCommit(project, four, two);

    t.equal(await store.undoForget(project, [three, four, absent]), 1);
    t.strictSame(await store.readLog(project), [lines[1], lines[2], last]);
    t.equal(await store.undoForget(project, [one, one]), 1);
    t.strictSame(await store.readLog(project), [...lines, last]);
    t.strictSame(await store.readForgotten(project), []);
    t.equal(await store.undoForget(project, [one]), 0);
    end();
    t.equal(await store.forget(project, [one]), 1);
    t.equal(heard.length, 1);
  });

  test("a project of which all is forgotten is as one that there never was, until that is undone", async (t, store) => {
    const [one, two] = [blob("one"), blob("two")];
    await sendObjects(store, [one, two]);
    const lines = [
      await store.appendCommit(project, one.id, undefined),
      await store.appendCommit(project, two.id, one.id),
    ];
    t.equal(await store.forget(project, [one.id, two.id]), 2);
    t.strictSame(await store.projects(), []);
    t.strictSame(await store.readLog(project), []);
    t.equal(await store.head(project), undefined);
    t.strictSame(await store.forgottenProjects(), [project]);
    t.equal(await store.undoForget(project, [two.id, one.id]), 2);
    t.strictSame(await store.readLog(project), lines);
    await store.forget(project, [one.id, two.id]);
    await store.appendCommit(project, two.id, undefined);
    t.equal((await store.readForgotten(project)).length, 1, "what was pushed again is not forgotten");
    t.equal(await store.undoForget(project, [two.id]), 0);
  });

  test("commits that come at once have times of their own", async (t, store) => {
    const objects = Array.from({ length: 20 }, (_, index) => blob(`${index}`));
    await sendObjects(store, objects);
    for (const [index, { id }] of objects.entries()) await store.appendCommit(project, id, objects[index - 1]?.id);
    const log = await store.readLog(project);
    t.equal(new Set(log.map(({ receivedMs }) => receivedMs)).size, objects.length);
    const some = log.filter((_, index) => index % 3 !== 1).map(({ commit }) => commit);
    t.equal(await store.forget(project, some), some.length);
    t.equal(await store.undoForget(project, some.toReversed()), some.length);
    t.strictSame(await store.readLog(project), log);
  });

  test("what has expired can't be brought back", async (t, store) => {
    const [one, two] = [blob("one"), blob("two")];
    await sendObjects(store, [one, two]);
    await store.appendCommit(project, one.id, undefined);
    await store.appendCommit(project, two.id, one.id);
    await store.forget(project, [one.id]);
    const [line] = await store.readForgotten(project);
    t.equal(await store.expireForgotten(project, line!.forgottenMs), 0);
    t.equal(await store.expireForgotten(project, line!.forgottenMs + 1), 1);
    t.equal(await store.undoForget(project, [one.id]), 0);
    t.strictSame(await store.readForgotten(project), []);
    t.strictSame(await store.forgottenProjects(), []);
    t.equal(await store.head(project), two.id);
  });

  test("commits and forgetting of one project take turns", async (t, store) => {
    const objects = Array.from({ length: 6 }, (_, index) => blob(`${index}`));
    await sendObjects(store, objects);
    const ids = objects.map(({ id }) => id);
    const done = await Promise.all([
      ...ids.map((id, index) => store.appendCommit(project, id, ids[index - 1]).then(() => 0)),
      store.forget(project, ids.slice(0, 3)),
      store.forget(project, ids.slice(2, 5)),
      store.undoForget(project, ids.slice(1, 3)),
      store.readForgotten(project).then(({ length }) => length),
    ]);
    t.strictSame(done.slice(ids.length), [3, 2, 2, 3]);
    t.strictSame(
      (await store.readLog(project)).map(({ commit }) => commit),
      [ids[1], ids[2], ids[5]],
    );
  });

  test("a closed store refuses everything", async (t, store) => {
    const receiver = store.receivePack();
    await store.close();
    await store.close();
    t.throws(() => store.has(absent), { code: "STORE_FAILED" });
    t.throws(() => store.receivePack(), { code: "STORE_FAILED" });
    await t.rejects(store.readObject(absent), { code: "STORE_FAILED" });
    await t.rejects(store.appendCommit(project, absent, undefined), { code: "STORE_FAILED" });
    await t.rejects(store.forget(project, [absent]), { code: "STORE_FAILED" });
    await t.rejects(store.undoForget(project, [absent]), { code: "STORE_FAILED" });
    await t.rejects(receiver.finish(absent), { code: "STORE_FAILED" });
  });

  test("closing waits for a pack that is being finished", async (t, store) => {
    const pack = await makePack([blob("a")]);
    const receiver = store.receivePack();
    await receiver.add(pack.members[0]!);
    let isFinished = false;
    const finishing = receiver.finish(pack.id).then(() => (isFinished = true));
    await store.close();
    t.ok(isFinished);
    await finishing;
  });
}

function packedLength(members: readonly Buffer[]): number {
  return members.reduce((sum, { length }) => sum + length, 0) + 29; // the trailer
}
