/** FastCDC's gear hash: assembly/gear.ts, of which each thread has an instance of its own. */
import { blake3 } from "./hash.js";
import { loadWasm, type WasmExports } from "./wasm.js";

/** What dist/gear.wasm exports. */
interface Gear extends WasmExports {
  tableAddress(): number;
  inputAddress(): number;
  begin(): void;
  find(length: number, mask: number): number;
}

/** What is hashed at once: it takes 64 KiB, and finds a place early on half of the time. */
const pieceBytes = 32 << 10;

let table: Int32Array | undefined;
let gear: Gear | undefined;

/**
 * The 256 random numbers of the gear hash: entry i is the first four bytes, little-endian, of the BLAKE3 of the text
 * `bak gear ` and i in decimal.
 */
export function gearTable(): Int32Array {
  table ??= Int32Array.from({ length: 256 }, (_, byte) =>
    blake3()
      .hash(Buffer.from(`bak gear ${byte}`))
      .readInt32LE(0),
  );
  return table;
}

/** From here to there a hash with zeros under the mask is looked for. */
export interface GearSpan {
  readonly from: number;
  readonly to: number;
  readonly mask: number;
}

/** Hashes the bytes of one span after the other; where the first byte ends with which the hash has zeros under its span's mask. */
export function findGearZeros(bytes: Uint8Array, spans: readonly GearSpan[]): number | undefined {
  gear ??= loadGear();
  const input = new Uint8Array(gear.memory.buffer, gear.inputAddress(), pieceBytes);
  gear.begin();
  for (const { from, to, mask } of spans) {
    for (let at = from; at < to; at += pieceBytes) {
      const piece = bytes.subarray(at, Math.min(at + pieceBytes, to));
      input.set(piece);
      const length = gear.find(piece.length, mask);
      if (length > 0) return at + length;
    }
  }
  return undefined;
}

function loadGear(): Gear {
  const loaded = loadWasm("gear") as Gear;
  new Int32Array(loaded.memory.buffer, loaded.tableAddress(), 256).set(gearTable());
  return loaded;
}
