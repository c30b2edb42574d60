/** Packs for tests of the store, made from objects the way that a client makes them. */
import { blake3 } from "../../src/objects/hash.js";
import { compressMember } from "../../src/objects/member-gzip.js";
import { encodeMemberTar } from "../../src/objects/member-tar.js";
import { objectIdOf, parseObjectId, type ObjectId } from "../../src/objects/object-id.js";
import type { ObjectKind, PackedObject } from "../../src/objects/object-kind.js";
import type { ProjectId } from "../../src/objects/project-id.js";
import { packTrailers } from "../../src/objects/pack-format.js";
import { zstdMagic } from "../../src/objects/zstd-frame.js";
import type { PackReceipt, Store } from "../../src/store/store.js";
import { zstdMember } from "./zstd-program.js";

/** A pack as it is sent: its members, without the trailer, and its id. */
export interface TestPack {
  readonly members: readonly Buffer[];
  readonly id: ObjectId;
}

/** An object of the given bytes. */
export function object(kind: ObjectKind, bytes: Uint8Array | string): PackedObject<ObjectId> {
  const content = Buffer.from(bytes);
  return { kind, id: objectIdOf(content), bytes: content };
}

/** A blob of a text. */
export const blob = (text: string): PackedObject<ObjectId> => object("blob", text);

/** A pack of the given members, each an array of objects. */
export async function makePack(...members: readonly PackedObject<ObjectId>[][]): Promise<TestPack> {
  const compressed: Buffer[] = [];
  for (const objects of members) {
    compressed.push(compressMember(await encodeMemberTar(objects), 2));
  }
  return { members: compressed, id: packIdOf(compressed) };
}

/** The same as zstd, whichever Node this is. */
export async function makeZstdPack(...members: readonly PackedObject<ObjectId>[][]): Promise<TestPack> {
  const tars = await Promise.all(members.map((objects) => encodeMemberTar(objects)));
  const compressed = tars.map((tar) => zstdMember(tar));
  return { members: compressed, id: packIdOf(compressed) };
}

/** The id of the pack that has these members. */
export function packIdOf(members: readonly Uint8Array[]): ObjectId {
  return parseObjectId(blake3().hash(packFile(members)).toString("hex"));
}

/** A pack's file: its members, then the trailer. */
export function packFile(members: readonly Uint8Array[]): Buffer {
  const isZstd = members[0] !== undefined && zstdMagic.equals(members[0].subarray(0, zstdMagic.length));
  return Buffer.concat([...members, packTrailers[isZstd ? "zstd" : "gzip"]]);
}

/** Sends a pack to a store; a copy of it, so that it can be sent again. */
export async function send(store: Pick<Store, "receivePack">, pack: TestPack, owner?: ProjectId): Promise<PackReceipt> {
  const receiver = store.receivePack(owner === undefined ? {} : { owner });
  for (const member of pack.members) await receiver.add(Buffer.from(member));
  return receiver.finish(pack.id);
}

/** Sends one pack with the objects in one member. */
export async function sendObjects(
  store: Pick<Store, "receivePack">,
  objects: PackedObject<ObjectId>[],
  owner?: ProjectId,
): Promise<PackReceipt> {
  return send(store, await makePack(objects), owner);
}
