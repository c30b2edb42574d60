/** Objects out of a pack stream. */
import t from "tap";
import { readObjects } from "../../src/client/fetch.js";
import { compressMember } from "../../src/objects/member-gzip.js";
import { encodeMemberTar } from "../../src/objects/member-tar.js";
import { objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";

async function* membersOf(...objects: PackedObject<ObjectId>[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const object of objects) yield compressMember(await encodeMemberTar([object]), 2);
}

function blob(bytes: string, id = objectIdOf(Buffer.from(bytes))): PackedObject<ObjectId> {
  return { kind: "blob", id, bytes: Buffer.from(bytes) };
}

async function read(members: AsyncGenerator<Uint8Array, void, undefined>, wanted?: ObjectId): Promise<string[]> {
  const found: string[] = [];
  const isWanted = (id: ObjectId): boolean => wanted === undefined || id === wanted;
  for await (const { bytes } of readObjects(members, isWanted)) found.push(Buffer.from(bytes).toString());
  return found;
}

t.test("objects come in the order of their members, those that are wanted", async (t) => {
  t.strictSame(await read(membersOf(blob("a"), blob("b"), blob("c"))), ["a", "b", "c"]);
  t.strictSame(await read(membersOf(blob("a"), blob("b"), blob("c")), blob("b").id), ["b"]);
});

t.test("bytes that are not what their id says are refused, in a member that is whole", async (t) => {
  const liar = blob("four", blob("five").id);
  await t.rejects(read(membersOf(blob("a"), liar)), { code: "BAD_PACK", message: new RegExp(liar.id) });
  t.strictSame(await read(membersOf(blob("a"), liar), blob("a").id), ["a"], "unless nobody wants it");
});
