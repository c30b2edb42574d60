/** Batches packed into members: exactly the tar of the objects, kinds apart, where the objects were if there is room. */
import { inflateRawSync } from "node:zlib";
import t, { type Test } from "tap";
import { kindNumber, packingRoomBytes, type Batch } from "../../src/client/batch.js";
import { packBatch, type PackResult } from "../../src/client/pack-batch.js";
import { maxWholeFileBytes } from "../../src/objects/chunker.js";
import { tarRoom, unpackMember, type Codec } from "../../src/objects/member-codec.js";
import { decodeMemberTar, encodeMemberTar } from "../../src/objects/member-tar.js";
import { objectIdBytes, type ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import { memberTargetBytes } from "../../src/objects/pack-format.js";
import { memberHeadroomBytes } from "../../src/protocol/message-codec.js";
import { repetitiveBytes, seededBytes } from "../helpers/arbitrary-bytes.js";
import { object } from "../helpers/store-pack.js";

type Made = PackedObject<ObjectId>;

/** Objects beside each other in a buffer, with gaps, as those that the store lacks of many. */
function batchOf(objects: readonly Made[], sizeBytes: number, gap = 0): Batch {
  const buffer = new ArrayBuffer(sizeBytes);
  const places: number[] = [];
  let at = 0;
  for (const { bytes } of objects) {
    new Uint8Array(buffer).set(bytes, at);
    places.push(at, bytes.length);
    at += bytes.length + gap;
  }
  return {
    buffer,
    kinds: Uint8Array.from(objects, ({ kind }) => kindNumber(kind)),
    ids: Buffer.concat(objects.map(({ id }) => objectIdBytes(id))),
    places: Uint32Array.from(places),
  };
}

const sizeOf = (objects: readonly Made[]): number => objects.reduce((sum, { bytes }) => sum + bytes.length, 0);

/** The objects of each member; asserts that members are whole, have headroom, and do not lie over each other. */
async function membersOf(t: Test, { members }: PackResult, made: readonly Made[]): Promise<Made[][]> {
  const byId = new Map(made.map((each) => [each.id, each]));
  const all: Made[][] = [];
  const taken = new Map<ArrayBuffer, [number, number][]>();
  for (const { room, objects } of members) {
    const tar = await unpackMember(room.subarray(memberHeadroomBytes));
    const held = decodeMemberTar(tar).map(({ id, kind, offset, length }) => {
      const original = byId.get(id) as Made;
      if (original.kind !== kind || !tar.subarray(offset, offset + length).equals(original.bytes))
        t.fail("other bytes");
      return original;
    });
    t.ok(tar.equals(await encodeMemberTar(held)), "the tar is that of the objects");
    t.equal(objects, held.length);
    const spans = taken.get(room.buffer) ?? [];
    for (const [start, end] of spans)
      if (room.byteOffset < end && room.byteOffset + room.length > start) t.fail("members lie over each other");
    spans.push([room.byteOffset, room.byteOffset + room.length]);
    taken.set(room.buffer, spans);
    all.push(held);
  }
  return all;
}

interface Packed {
  readonly result: PackResult;
  readonly members: Made[][];
  readonly batch: Batch;
}

async function pack(
  t: Test,
  objects: readonly Made[],
  options: { sizeBytes?: number; gap?: number; codec?: Codec } = {},
): Promise<Packed> {
  const { gap = 0, codec = "gzip" } = options;
  const batch = batchOf(objects, options.sizeBytes ?? sizeOf(objects) + gap * objects.length + packingRoomBytes, gap);
  tarRoom().fill(0xdd);
  const { result, transfer = [] } = await packBatch({ type: "pack", codec, level: undefined, ...batch });
  t.equal(result.buffer, batch.buffer);
  t.ok(transfer.includes(batch.buffer), "the buffer goes back");
  t.equal(new Set(transfer).size, transfer.length, "and nothing twice");
  t.strictSame(new Set(transfer), new Set([batch.buffer, ...result.members.map(({ room }) => room.buffer)]));
  return { result, members: await membersOf(t, result, objects), batch };
}

const texts = (count: number, length: number, kind: Made["kind"] = "blob"): Made[] =>
  Array.from({ length: count }, (_, index) => object(kind, `${kind} ${index} `.repeat(length / 8).slice(0, length)));

const noise = (count: number, length: number): Made[] =>
  Array.from({ length: count }, (_, index) => object("blob", seededBytes(index + 1, length)));

t.test("small objects go together, in their order, and nothing is lost or doubled", async (t) => {
  for (const gap of [0, 700]) {
    const objects = [object("blob", ""), ...texts(3000, 300)];
    const { members } = await pack(t, objects, { gap });
    t.strictSame(
      members.flat().map(({ id }) => id),
      objects.map(({ id }) => id),
    );
    t.ok(members.length > 1, "a member ends at its target");
    for (const [index, member] of members.entries()) {
      const bytes = (await encodeMemberTar(member)).length;
      t.ok(bytes < memberTargetBytes * 2);
      if (index < members.length - 1) t.ok(bytes >= memberTargetBytes);
    }
  }
});

t.test("kinds are apart, and so is what does not compress from what does", async (t) => {
  const objects: Made[] = [];
  for (let index = 0; index < 40; index += 1) {
    objects.push(...texts(1, 5000 + index), ...texts(1, 400 + index, "list"), ...texts(1, 300 + index, "tree"));
    objects.push(object("blob", seededBytes(index + 1, 8000)));
  }
  const { members } = await pack(t, objects);
  t.equal(members.flat().length, objects.length);
  const noisy = new Set(objects.filter((_, index) => index % 4 === 3).map(({ id }) => id));
  const sortOf = ({ kind, id }: Made): string => (noisy.has(id) ? "noise" : kind);
  for (const member of members) t.equal(new Set(member.map(sortOf)).size, 1);
  for (const sort of ["blob", "list", "tree", "noise"]) {
    const inOrder = objects.filter((each) => sortOf(each) === sort).map(({ id }) => id);
    const sent = members.flat().filter((each) => sortOf(each) === sort);
    t.strictSame(
      sent.map(({ id }) => id),
      inOrder,
      sort,
    );
  }
});

t.test("what does not compress is stored; with no codec everything is", async (t) => {
  const isStored = ({ room }: { room: Uint8Array }): boolean => {
    const deflated = room.subarray(memberHeadroomBytes + 10, -8);
    return inflateRawSync(deflated).length < deflated.length;
  };
  const random = await pack(t, noise(4, 100_000));
  t.ok(random.result.members.every(isStored));
  const structured = await pack(t, [object("blob", repetitiveBytes(1, 200_000))]);
  t.notOk(structured.result.members.some(isStored), "what has some structure is not");
  const plain = await pack(t, texts(100, 2000));
  t.notOk(plain.result.members.some(isStored));
  const none = await pack(t, texts(100, 2000), { codec: "none" });
  t.ok(none.result.members.every(isStored));
});

t.test("members take the objects' place in their buffer, if there is room", async (t) => {
  for (const objects of [noise(1, maxWholeFileBytes), noise(20, maxWholeFileBytes / 20), texts(500, 2000)]) {
    const { result, batch } = await pack(t, objects, { sizeBytes: maxWholeFileBytes + packingRoomBytes });
    t.ok(
      result.members.every(({ room }) => room.buffer === batch.buffer),
      `${objects.length} objects of ${objects[0]?.bytes.length} bytes`,
    );
  }
});

t.test("members that do not fit have a buffer of their own", async (t) => {
  const objects = noise(30, 9000);
  const { result, members, batch } = await pack(t, objects, { sizeBytes: sizeOf(objects) });
  t.ok(result.members.some(({ room }) => room.buffer !== batch.buffer));
  t.equal(members.flat().length, 30);
  // no bytes make a member, too, and where nothing lay there is no room for it
  const empty = await pack(t, [object("blob", "")], { sizeBytes: 0 });
  t.equal(empty.members.length, 1);
});

t.test("an object of any size is packed, also one that is longer than what tars are made in", async (t) => {
  const objects = [...texts(2, 100), ...noise(1, 8 << 20), ...texts(1, 3 << 20), ...texts(3, 200, "tree")];
  const { members } = await pack(t, objects);
  t.strictSame(new Set(members.flat().map(({ id }) => id)), new Set(objects.map(({ id }) => id)));
  t.equal(members.flat().length, new Set(objects).size);
});

t.test("members never take the place of what is still to be packed", async (t) => {
  const lengths = [10, 300, 5000, 70_000, 400_000, 1 << 20];
  for (let round = 0; round < 12; round += 1) {
    const choices = seededBytes(round, 120);
    const objects = Array.from({ length: 60 }, (_, index) => {
      const kind = (["blob", "blob", "tree", "list"] as const)[(choices[index * 2] as number) % 4] ?? "blob";
      const length = lengths[(choices[index * 2 + 1] as number) % lengths.length] ?? 0;
      const isNoise = (choices[index] as number) % 3 === 0;
      const words = Buffer.alloc(length, `object ${index} of round ${round}, `);
      return object(kind, isNoise ? seededBytes(index + 1, length) : words);
    });
    const { members } = await pack(t, objects, { gap: round * 10 });
    t.equal(members.flat().length, objects.length, `round ${round}`);
  }
});

t.test("batches that one thread packs at the same time do not come into each other's members", async (t) => {
  const each = [
    texts(40, 3000),
    texts(300, 500, "tree"),
    noise(3, 200_000),
    [...texts(2, 1 << 20), ...noise(2, 50_000)],
  ];
  const packed = await Promise.all(each.map((objects) => pack(t, objects)));
  for (const [index, objects] of each.entries()) {
    const ids = packed[index]?.members.flat().map(({ id }) => id);
    t.strictSame(new Set(ids), new Set(objects.map(({ id }) => id)));
  }
});
