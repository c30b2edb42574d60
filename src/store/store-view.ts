/** A store as somebody sees it who may see some of its projects. */
import { objectIdBytes, type ObjectId } from "../objects/object-id.js";
import type { ObjectKind } from "../objects/object-kind.js";
import type { FoundObject } from "./object-index.js";
import { noObject, type Packs } from "./packs.js";
import { readFound } from "./read-found.js";
import { SeenMembers, type SeenParts } from "./seen-members.js";
import type { HeldMembers, View } from "./store.js";
import type { IsSeen } from "./visible-objects.js";

/** The View of a store on disk. */
export class StoreView implements View {
  readonly #parts: SeenParts;
  readonly #packs: Packs;

  constructor(parts: SeenParts) {
    this.#parts = parts;
    this.#packs = parts.packs;
  }

  has(id: ObjectId): boolean | Promise<boolean> {
    const bytes = objectIdBytes(id);
    return this.#parts.visible.judge((isSeen) => this.#find(bytes, isSeen) !== undefined);
  }

  lengthsOf(ids: Uint8Array): Float64Array | Promise<Float64Array> {
    const bytes = Buffer.from(ids.buffer, ids.byteOffset, ids.length);
    return this.#parts.visible.judge((isSeen) => this.#packs.lengthsOf(bytes, isSeen));
  }

  async readObject(id: ObjectId, kind?: ObjectKind): Promise<Uint8Array> {
    const bytes = objectIdBytes(id);
    const { reading } = await this.#parts.visible.judge((isSeen) => {
      const found = this.#find(bytes, isSeen);
      return { reading: found && readFound(this.#packs, id, { found, kind }) };
    });
    if (reading === undefined) throw noObject(id);
    return reading;
  }

  async openMembers(ids: readonly ObjectId[]): Promise<HeldMembers> {
    const bytes = Buffer.from(ids.join(""), "hex");
    const { opened, missing } = await this.#parts.visible.judge((isSeen) => this.#open(ids, bytes, isSeen));
    if (opened === undefined) throw noObject(missing);
    return opened;
  }

  /** Holds the members in the turn in which they are found. */
  #open(
    ids: readonly ObjectId[],
    bytes: Buffer,
    isSeen: IsSeen,
  ): { opened: HeldMembers; missing?: undefined } | { opened?: undefined; missing: ObjectId } {
    const isThere = new Uint8Array(ids.length);
    const members = new SeenMembers(this.#parts);
    this.#packs.index.findMany(bytes, (at, found) => {
      if (!isSeen(found.record, found.pack)) return;
      isThere[at] = 1;
      members.add(found);
    });
    const missing = ids[isThere.indexOf(0)];
    return missing === undefined ? { opened: members.hold() } : { missing };
  }

  #find(id: Buffer, isSeen: IsSeen): FoundObject | undefined {
    const found = this.#packs.index.find(id, 0);
    return found !== undefined && isSeen(found.record, found.pack) ? found : undefined;
  }
}
