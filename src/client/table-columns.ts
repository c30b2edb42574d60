/** The memory of a restore's table: columns of numbers in one shared buffer, laid out in the same way in every thread. */
import { objectIdLength } from "../objects/object-id.js";

/** How much a table has room for. */
export interface TableCapacity {
  /** Places that blobs belong to: one of a small file, one a chunk of a large one. */
  readonly pieces: number;
  readonly folders: number;
  readonly nameBytes: number;
}

/** What threads are told of a table. */
export interface SharedTable {
  readonly memory: SharedArrayBuffer;
  readonly capacity: TableCapacity;
  /** Makes the places of ids in the table unforeseeable: a hostile tree could name half a million that meet in one. */
  readonly seed: number;
}

export const wordsPerId = objectIdLength / 4;

/** Files share them; that two large ones that are being written do so is unlikely, and costs only time. */
const turnCount = 64;

/** Views of the memory. `slots` finds an id by its bytes; the others are numbered by id, piece, file and folder. */
export interface TableColumns {
  readonly bytesWritten: BigInt64Array;
  readonly isStopped: Int32Array;
  /** For threads that write parts of the same file: see src/threads/in-turn.ts. */
  readonly turns: Int32Array;
  readonly slots: Int32Array;
  readonly ids: Int32Array;
  readonly idBytes: Buffer;
  readonly firstPiece: Int32Array;
  readonly piece: {
    readonly next: Int32Array;
    readonly file: Int32Array;
    readonly length: Int32Array;
    readonly offset: Float64Array;
  };
  readonly file: {
    readonly folder: Int32Array;
    readonly nameAt: Int32Array;
    readonly nameLength: Int32Array;
    readonly mode: Int32Array;
    readonly uid: Int32Array;
    readonly gid: Int32Array;
    readonly attributesAt: Int32Array;
    readonly attributesLength: Int32Array;
    readonly nanoseconds: Int32Array;
    readonly number: Int32Array;
    readonly missing: Int32Array;
    readonly state: Int32Array;
    readonly seconds: Float64Array;
    readonly size: Float64Array;
  };
  readonly folder: { readonly parent: Int32Array; readonly nameAt: Int32Array; readonly nameLength: Int32Array };
  readonly names: Buffer;
}

/** Memory for a table, all zeros; none of it is really there before it is written to. */
export function allocateTable(capacity: TableCapacity): SharedArrayBuffer {
  const { pieces, folders, nameBytes } = capacity;
  const eights = 1 + 3 * pieces;
  const fours = 1 + turnCount + slotCount(capacity) + (wordsPerId + 1 + 3 + 12) * pieces + 3 * folders;
  return new SharedArrayBuffer(eights * 8 + fours * 4 + nameBytes);
}

/** Views of a table's memory. */
export function viewTable(memory: SharedArrayBuffer, capacity: TableCapacity): TableColumns {
  const { pieces, folders, nameBytes } = capacity;
  let at = 0;
  const floats = (): Float64Array => {
    const column = new Float64Array(memory, at, pieces);
    at += column.byteLength;
    return column;
  };
  const ints = (count = pieces): Int32Array => {
    const column = new Int32Array(memory, at, count);
    at += column.byteLength;
    return column;
  };
  const bytesWritten = new BigInt64Array(memory, at, 1);
  at += bytesWritten.byteLength;
  // those of eight bytes first, or they would not be aligned
  const [offset, seconds, size] = [floats(), floats(), floats()];
  const isStopped = ints(1);
  const turns = ints(turnCount);
  const slots = ints(slotCount(capacity));
  const ids = ints(wordsPerId * pieces);
  return {
    bytesWritten,
    isStopped,
    turns,
    slots,
    ids,
    idBytes: Buffer.from(memory, ids.byteOffset, ids.byteLength),
    firstPiece: ints(),
    piece: { next: ints(), file: ints(), length: ints(), offset },
    file: {
      folder: ints(),
      nameAt: ints(),
      nameLength: ints(),
      mode: ints(),
      uid: ints(),
      gid: ints(),
      attributesAt: ints(),
      attributesLength: ints(),
      nanoseconds: ints(),
      number: ints(),
      missing: ints(),
      state: ints(),
      seconds,
      size,
    },
    folder: { parent: ints(folders), nameAt: ints(folders), nameLength: ints(folders) },
    names: Buffer.from(memory, at, nameBytes),
  };
}

/** A power of two, and at most half of them are taken. */
function slotCount({ pieces }: TableCapacity): number {
  return 2 ** Math.ceil(Math.log2(pieces * 2));
}
