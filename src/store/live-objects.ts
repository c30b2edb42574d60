/**
 * Which objects of a store are live: a bit for each record of its index, set from commits downwards. Trees and lists that
 * are still to be read are bits, too, and are read in the order in which they lie, so memory follows neither the depth nor
 * the width of what is walked.
 */
import { BakError, isBakError, unreachable } from "../errors.js";
import { decodeCommit } from "../objects/commit.js";
import { decodeList, type List } from "../objects/list.js";
import { objectIdAt, objectIdBytes, objectIdLength, type ObjectId } from "../objects/object-id.js";
import { isPagedOutline, outlineTree, type TreeOutline } from "../objects/tree-outline.js";
import type { NumberedPack } from "./numbered-packs.js";
import { kindInRecord, recordLength, recordsOffset } from "./pack-index.js";
import type { Packs } from "./packs.js";
import { RecordSet } from "./record-set.js";

/** What an object has to be, by what names it. `any`: nobody says, so its bytes do. */
type Role = "blob" | "tree" | "list" | "commit" | "any";
const roles: readonly Role[] = ["blob", "tree", "list", "commit", "any"];
const walkedRoles = ["commit", "any", "tree", "list"] as const;

/** So many are looked up together, within some 5 ms; then others have a turn. */
const batchIds = 8192;

/** What stops a walk that has to be complete, and ends one that does not. */
const losses = ["NO_OBJECT", "STORE_DAMAGED", "BAD_OBJECT"] as const;

/** How a walk is done. */
interface Walk {
  /** Whether all that is named has to be there: it is under a live commit. */
  readonly isStrict: boolean;
  readonly signal: AbortSignal;
}

export interface LiveObjectsOptions {
  /** Told now and then how many objects are live so far. */
  readonly onCount: (count: number) => void;
  /** Given the records of what commits reach, each once; is waited for. The numbers are there for the moment. */
  readonly onAdded?: (records: Float64Array) => Promise<void>;
}

/** See the top of the file. */
export class LiveObjects {
  /** Records of objects that are live. */
  readonly records = new RecordSet();
  readonly #packs: Packs;
  readonly #options: LiveObjectsOptions;
  /** Records of what has been read, or is to be, for what it names. */
  readonly #walked = new RecordSet();
  readonly #waiting: Readonly<Record<(typeof walkedRoles)[number], RecordSet>> = {
    commit: new RecordSet(),
    any: new RecordSet(),
    tree: new RecordSet(),
    list: new RecordSet(),
  };
  /** Room for a batch while there is a walk. */
  #ids = Buffer.alloc(0);
  #roles = new Uint8Array(0);
  #batch = 0;
  #count = 0;
  /** Records that have been added since `onAdded` was told. */
  readonly #added: Float64Array;
  #addedCount = 0;
  #isAnythingMissing = false;

  constructor(packs: Packs, options: LiveObjectsOptions) {
    this.#packs = packs;
    this.#options = options;
    this.#added = new Float64Array(options.onAdded === undefined ? 0 : batchIds);
  }

  /**
   * Adds all that live commits reach. Rejects with STORE_DAMAGED, which names it, where anything of that is missing or is
   * not what it has to be.
   */
  async addCommits(commits: Iterable<ObjectId>, signal: AbortSignal): Promise<void> {
    const walk = { isStrict: true, signal };
    try {
      for (const commit of commits) await this.#name(objectIdBytes(commit), 0, "commit", walk);
      await this.#finish(walk);
    } catch (error) {
      if (!isBakError(error, ...losses)) throw error;
      throw new BakError("STORE_DAMAGED", `cannot tell what is in use: ${error.message}`, {
        hint: "nothing that is in use was deleted; 'bak check' says what is lost",
        cause: error,
      });
    }
  }

  /** Adds all that commits reach, as far as it is there; resolves with whether nothing of it is missing. */
  async addWhatIsLeft(commits: Iterable<ObjectId>, signal: AbortSignal): Promise<boolean> {
    const walk = { isStrict: false, signal };
    this.#isAnythingMissing = false;
    for (const commit of commits) await this.#name(objectIdBytes(commit), 0, "commit", walk);
    await this.#finish(walk);
    return !this.#isAnythingMissing;
  }

  /** An object is found at another record from now on: what is known of it is known of that. */
  moved(from: number, to: number): void {
    if (!this.records.has(from)) return;
    this.records.add(to);
    if (this.#walked.has(from)) this.#walked.add(to);
    for (const role of walkedRoles) if (this.#waiting[role].has(from)) this.#waiting[role].add(to);
  }

  /** How many bytes it takes. */
  get sizeBytes(): number {
    const sets = [this.records, this.#walked, ...walkedRoles.map((role) => this.#waiting[role])];
    return sets.reduce((sum, set) => sum + set.sizeBytes, this.#ids.length + this.#roles.length);
  }

  /** Adds what is in a pack, and all that this names, as far as it is there. */
  async addPack(pack: NumberedPack, signal: AbortSignal): Promise<void> {
    const walk = { isStrict: false, signal };
    const { bytes } = await this.#packs.readIndex(pack);
    const recordsAt = recordsOffset(pack);
    for (let record = 0; record < pack.recordCount; record += 1) {
      const at = recordsAt + record * recordLength;
      const full = this.#name(bytes, at, kindInRecord(bytes, at) === "blob" ? "blob" : "any", walk);
      if (full !== undefined) await full;
    }
    await this.#finish(walk);
  }

  /** Adds what these records may name, as far as it is there, and themselves. */
  async addNaming(records: RecordSet, signal: AbortSignal): Promise<void> {
    const end = this.#packs.index.nextRecord;
    for (let record = records.nextNotIn(this.#walked, 0, end); record >= 0;) {
      this.#add(record, "any");
      record = records.nextNotIn(this.#walked, record + 1, end);
    }
    await this.#finish({ isStrict: false, signal });
  }

  /** Adds these records, and nothing that they name. */
  addRecords(records: RecordSet): void {
    const end = this.#packs.index.nextRecord;
    for (let record = records.nextNotIn(this.records, 0, end); record >= 0;) {
      this.#add(record, "blob");
      record = records.nextNotIn(this.records, record + 1, end);
    }
  }

  /** Whether all these records have been added by `addNaming`, or by another way. */
  hasAllNaming(records: RecordSet): boolean {
    return records.nextNotIn(this.#walked, 0, this.#packs.index.nextRecord) < 0;
  }

  /** Everything that has been named but not looked up, and everything that this names in turn. */
  async #finish(walk: Walk): Promise<void> {
    try {
      do {
        await this.#flush(walk);
        for (const role of walkedRoles) await this.#walkWaiting(role, walk);
      } while (this.#batch > 0 || this.#isWaiting());
      for (const role of walkedRoles) this.#waiting[role].clear();
    } finally {
      this.#batch = 0;
      [this.#ids, this.#roles] = [Buffer.alloc(0), new Uint8Array(0)];
    }
  }

  #isWaiting(): boolean {
    const end = this.#packs.index.nextRecord;
    return walkedRoles.some((role) => this.#waiting[role].next(0, end) >= 0);
  }

  async #walkWaiting(role: (typeof walkedRoles)[number], walk: Walk): Promise<void> {
    const waiting = this.#waiting[role];
    const end = this.#packs.index.nextRecord;
    for (let record = waiting.next(0, end); record >= 0; record = waiting.next(record + 1, end)) {
      walk.signal.throwIfAborted();
      waiting.delete(record);
      try {
        await this.#read(record, role, walk);
      } catch (error) {
        if (walk.isStrict || !isBakError(error, ...losses)) throw error;
        this.#isAnythingMissing = true;
      }
    }
  }

  /** Names what the object of a record names. */
  async #read(record: number, role: (typeof walkedRoles)[number], walk: Walk): Promise<void> {
    const object = this.#packs.index.object(record);
    if (object === undefined) return; // it has moved to another pack, whose record counts
    const bytes = await this.#packs.readObject(object.id, object);
    switch (role) {
      case "commit":
        return this.#name(objectIdBytes(decodeCommit(bytes).tree), 0, "tree", walk);
      case "tree":
        return this.#nameOfTree(outlineTree(bytes), walk);
      case "list":
        return this.#nameOfList(decodeList(bytes), walk);
      case "any":
        return this.#nameOfAny(bytes, walk);
      default:
        return unreachable(role);
    }
  }

  async #nameOfAny(bytes: Buffer, walk: Walk): Promise<void> {
    const decoded = decodeFirst(bytes);
    if (decoded === undefined) return; // a blob
    if (decoded.kind === "commit") return this.#name(objectIdBytes(decoded.value), 0, "tree", walk);
    return decoded.kind === "tree" ? this.#nameOfTree(decoded.value, walk) : this.#nameOfList(decoded.value, walk);
  }

  async #nameOfTree(tree: TreeOutline, walk: Walk): Promise<void> {
    if (isPagedOutline(tree)) {
      for (const { id } of tree.pages) await this.#name(objectIdBytes(id), 0, "tree", walk);
      return;
    }
    for (const dir of tree.dirs) await this.#name(objectIdBytes(dir.tree), 0, "tree", walk);
    for (const { list } of tree.lists) await this.#name(objectIdBytes(list), 0, "list", walk);
    for (let blob = 0; blob < tree.blobs.count; blob += 1) {
      const full = this.#name(tree.blobs.ids, blob * objectIdLength, "blob", walk);
      if (full !== undefined) await full;
    }
  }

  async #nameOfList(list: List, walk: Walk): Promise<void> {
    const role = list.level === 0 ? "blob" : "list";
    for (const { id } of list.children) {
      const full = this.#name(objectIdBytes(id), 0, role, walk);
      if (full !== undefined) await full;
    }
  }

  /** Gives a promise only where there is something to wait for: one for each of many millions of ids would cost more than the rest. */
  #name(ids: Uint8Array, offset: number, role: Role, walk: Walk): Promise<void> | undefined {
    if (this.#ids.length === 0) {
      this.#ids = Buffer.alloc(batchIds * objectIdLength);
      this.#roles = new Uint8Array(batchIds);
    }
    const to = this.#batch * objectIdLength;
    for (let byte = 0; byte < objectIdLength; byte += 1) this.#ids[to + byte] = ids[offset + byte] as number;
    this.#roles[this.#batch] = roles.indexOf(role);
    this.#batch += 1;
    return this.#batch === batchIds ? this.#flush(walk) : undefined;
  }

  /** Looks up what has been named, and makes it live. Throws NO_OBJECT for what has to be there and is not. */
  async #flush({ isStrict, signal }: Walk): Promise<void> {
    const count = this.#batch;
    if (count === 0) return;
    this.#batch = 0;
    const isFound = new Uint8Array(count);
    this.#packs.index.findRecords(this.#ids.subarray(0, count * objectIdLength), (ordinal, record) => {
      isFound[ordinal] = 1;
      this.#add(record, roles[this.#roles[ordinal] as number] as Role);
    });
    const missing = isFound.indexOf(0);
    if (missing >= 0) this.#isAnythingMissing = true;
    if (missing >= 0 && isStrict) {
      throw new BakError("NO_OBJECT", `no object '${objectIdAt(this.#ids, missing * objectIdLength)}' in the store`);
    }
    this.#options.onCount(this.#count);
    const added = this.#added.subarray(0, this.#addedCount);
    this.#addedCount = 0;
    if (added.length > 0) await this.#options.onAdded?.(added);
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  }

  #add(record: number, role: Role): void {
    if (this.records.add(record)) {
      this.#count += 1;
      if (this.#addedCount < this.#added.length) this.#added[this.#addedCount++] = record;
    }
    if (role !== "blob" && this.#walked.add(record)) this.#waiting[role].add(record);
  }
}

type Decoded =
  { kind: "commit"; value: ObjectId } | { kind: "tree"; value: TreeOutline } | { kind: "list"; value: List };

/** What bytes are that nobody says anything about: no bytes are of two kinds. */
function decodeFirst(bytes: Buffer): Decoded | undefined {
  const tries: readonly (() => Decoded)[] = [
    () => ({ kind: "tree", value: outlineTree(bytes) }),
    () => ({ kind: "list", value: decodeList(bytes) }),
    () => ({ kind: "commit", value: decodeCommit(bytes).tree }),
  ];
  for (const decode of tries) {
    try {
      return decode();
    } catch (error) {
      if (!isBakError(error, "BAD_OBJECT")) throw error;
    }
  }
  return undefined;
}
