/** A pack that is not whole, and what can be saved of it. */
import { stat } from "node:fs/promises";
import { errnoOf, isBakError } from "../errors.js";
import type { ObjectId } from "../objects/object-id.js";
import type { ProjectId } from "../objects/project-id.js";
import { PackHasher } from "../objects/pack-hasher.js";
import type { Disk } from "./disk.js";
import { examinePack, type Examined } from "./examine-pack.js";
import { readIndex } from "./index-files.js";
import type { Ingest } from "./ingest.js";
import type { Layout } from "./layout.js";
import type { NumberedPack } from "./numbered-packs.js";
import { otherPlaces } from "./other-places.js";
import {
  decodePackIndex,
  maxPackIndexBytes,
  memberAt,
  recordLength,
  recordsOffset,
  type MemberPlace,
  type PackIndex,
} from "./pack-index.js";
import type { Packs } from "./packs.js";
import type { PackReceiver } from "./store.js";
import { asidePath, keepAside, moveAside } from "./set-aside.js";

/** What saving a pack needs of its store. */
export interface RepairParts {
  readonly disk: Disk;
  readonly layout: Layout;
  readonly packs: Packs;
  readonly ingest: Pick<Ingest, "check">;
  readonly receivePack: (owner: ProjectId | undefined) => PackReceiver;
  readonly signal: AbortSignal;
}

/** A pack that is damaged, missing, or longer or shorter than it was. */
export interface BrokenPack {
  readonly id: ObjectId;
  /** Undefined for one that was left out when the store was opened: its objects are not found. */
  readonly pack: NumberedPack | undefined;
  /** The project that sent it, where neither the index nor the pack says so any more. */
  readonly owner?: ProjectId | undefined;
}

/** What has become of a pack. */
export interface RepairedPack {
  /** Where it, or its index, lies now. */
  readonly aside: string;
  /** The pack that has what was intact; undefined where nothing was. */
  readonly salvaged: ObjectId | undefined;
  readonly intact: number;
  readonly broken: number;
}

/** A pack's index, from its file; undefined where that is not as it was written. */
export async function readPackIndex(path: string, pack: ObjectId): Promise<PackIndex | undefined> {
  try {
    const { size } = await stat(path);
    if (size > maxPackIndexBytes) return undefined;
    const bytes = await readIndex(path, Buffer.allocUnsafe(size));
    return bytes && decodePackIndex(bytes, pack);
  } catch (error) {
    if (isBakError(error, "STORE_DAMAGED") || ["ENOENT", "EIO"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}

/** The index of a pack, wherever it is; undefined where it is lost. */
export async function indexOfPack({ id, pack }: BrokenPack, layout: Layout): Promise<PackIndex | undefined> {
  const inMemory = pack?.indexInMemory;
  if (inMemory !== undefined) return decodePackIndex(inMemory, id);
  return readPackIndex(layout.index(id), id);
}

/** Where the members lie, by the index. */
export function memberPlaces(index: PackIndex): MemberPlace[] {
  return Array.from({ length: index.memberCount }, (_, member) => memberAt(index, member));
}

/** The records of an index, one after the other. */
export function recordsIn(index: PackIndex): Buffer {
  const from = recordsOffset(index);
  return index.bytes.subarray(from, from + index.recordCount * recordLength);
}

/** Looks at what is left of a pack, and changes nothing. */
export async function examineBroken(
  broken: BrokenPack,
  { layout, ingest, signal }: Pick<RepairParts, "layout" | "ingest" | "signal">,
): Promise<{ examined: Examined; index: PackIndex | undefined }> {
  const index = await indexOfPack(broken, layout);
  const places = index && memberPlaces(index);
  const codec = layout.codec(broken.id);
  const examined = await examinePack(layout.pack(broken.id), { ingest, codec, places, signal });
  return { examined, index };
}

/**
 * Keeps what is intact of a pack as a new pack, through the same checks as any, and only then sets the old one aside: the
 * objects that the new one has are found there, or in whatever other pack has them, and those that none has are found no
 * more. After a crash at any moment the store has what it had before, or what it has after. `damaged/` has been made.
 */
export async function repairPack(broken: BrokenPack, parts: RepairParts): Promise<RepairedPack> {
  const { disk, layout, packs, ingest, signal } = parts;
  const path = layout.pack(broken.id);
  const codec = layout.codec(broken.id);
  const aside = asidePath(layout, path);
  const index = await indexOfPack(broken, layout);
  const receiver = parts.receivePack(broken.owner ?? broken.pack?.owner ?? index?.owner);
  const hasher = new PackHasher();
  try {
    const onIntact = async (member: Uint8Array): Promise<void> => {
      hasher.add(member);
      await receiver.add(member);
    };
    const places = index && memberPlaces(index);
    const { intact, broken: lost } = await examinePack(path, { ingest, codec, places, signal, onIntact });
    const counts = { aside, intact, broken: lost };
    if (intact === 0) {
      await receiver.abort();
      await dropPack(broken, index, { ...parts, aside });
      return { ...counts, salvaged: undefined };
    }
    const salvaged = hasher.finish();
    if (salvaged === broken.id) {
      // only what is not in a member was damaged: a whole pack of the same id takes its place
      await keepAside(disk, path, aside);
      packs.allowReplacing(salvaged);
      await receiver.finish(salvaged);
    } else {
      await receiver.finish(salvaged);
      await dropPack(broken, index, { ...parts, aside });
    }
    return { ...counts, salvaged };
  } catch (error) {
    await receiver.abort();
    throw error;
  }
}

/** Sets a pack aside, with its index, after its objects are found elsewhere, or not any more. */
async function dropPack(
  { id, pack }: BrokenPack,
  index: PackIndex | undefined,
  { disk, layout, packs, aside }: RepairParts & { aside: string },
): Promise<void> {
  const move = async (): Promise<void> => {
    // the index first: a pack without one is looked at as a whole when the store is opened, and found to be damaged
    await moveAside(disk, layout.index(id), asidePath(layout, layout.index(id)));
    await moveAside(disk, layout.pack(id), aside);
  };
  if (pack === undefined || index === undefined) return move();
  const findPlaces = (): Promise<Float64Array> =>
    otherPlaces(pack, recordsIn(index), { packs: packs.index.packs, isUsable: () => true });
  await packs.drop(pack, { path: aside, findPlaces, move });
}
