/**
 * Inflate (RFC 1951), made for speed: it takes about two thirds of zlib's time. This is AssemblyScript, which becomes
 * dist/inflate.wasm; src/objects/inflate.ts is the other side of it.
 *
 * What makes it fast is known from libdeflate (Eric Biggers, https://github.com/ebiggers/libdeflate): 64 bits of input are at
 * hand and filled up without a branch, an entry of a table has all that a symbol says, short literals are taken without
 * asking for more bits, and matches are copied 32 bytes at a time, beyond their ends. The code is our own.
 *
 * Input and output are whole, and have room behind them. What is taken for valid is what zlib takes for valid. Addresses are
 * numbers here, and whoever calls keeps to those that are exported.
 */

/** Of input and of output: more than that is left to zlib. */
const maxBytes: usize = (4 << 20) + (64 << 10);
/** So much is read beyond the end of input, in one step. */
const inputSlack: usize = 64;
/** So much is written beyond the end of output, in one step: three literals, a match, and what is copied beyond it. */
const outputSlack: usize = 3 + 258 + 64;

const maxCodeBits: u32 = 15;
const literalTableBits: u32 = 11;
const distanceTableBits: u32 = 8;
const lengthTableBits: u32 = 7;
const literalCodes: u32 = 286;
const distanceCodes: u32 = 30;
const lengthCodes: u32 = 19;
const endOfBlock: u32 = 256;
const literalMask: usize = (1 << literalTableBits) - 1;
const distanceMask: usize = (1 << distanceTableBits) - 1;

/**
 * An entry of a table, u32. Its lowest six bits are how many bits of input go with it, so that it can be shifted by as it is.
 *
 * - A literal: bit 31, and the byte in bits 16 to 23.
 * - A length or a distance: its base in bits 16 to 30; the code's own bits in bits 8 to 11; extra bits count in the lowest.
 * - Bit 15: anything else. With bit 14, bits 16 to 30 are where the table goes on for this code, with all bits beyond those
 *   of the first table; with bit 13, a code that nothing has; otherwise the end of the block.
 */
const isLiteral: u32 = 0x8000_0000;
const isOther: u32 = 0x8000;
const isLong: u32 = 0x4000;
const isUnused: u32 = 0x2000;

/** A code has 143 beginnings at most of codes that do not fit into the table, each with two or more of the 286 symbols. */
const literalTable: usize = memory.data(((1 << 11) + (143 << 4)) << 2, 64);
const distanceTable: usize = memory.data(((1 << 8) + (15 << 7)) << 2, 64);
const lengthTable: usize = memory.data((1 << 7) << 2, 64);
/** u8 a symbol: literals and distances follow each other. */
const codeLengths: usize = memory.data(288 + 32, 4);
const lengthCodeLengths: usize = memory.data(20, 4);
const lengthOrder: usize = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);
/** u32 a symbol: its entry, without its code's length. */
const literalEntries: usize = memory.data(288 << 2, 4);
const distanceEntries: usize = memory.data(32 << 2, 4);
const lengthEntries: usize = memory.data(20 << 2, 4);
/** Of `makeTable`: how many codes have each length, and the next code of each. */
const lengthTotals: usize = memory.data(16 << 2, 4);
const nextCodes: usize = memory.data(16 << 2, 4);

const inputAt: usize = (__heap_base + 63) & ~63;
const outputAt: usize = (inputAt + maxBytes + inputSlack + 63) & ~63;

let consumed: usize = 0;
/** Whether the tables are those of the fixed codes: a block of these may have ten bits, and making them takes long. */
let areFixed: bool = false;

/** Where input is to be put; it has room for 4 MiB and 64 KiB. */
export function inputAddress(): usize {
  return inputAt;
}

/** Where output is to be taken from. */
export function outputAddress(): usize {
  return outputAt;
}

/** How many bytes of the input the stream took that was inflated last. */
export function consumedBytes(): usize {
  return consumed;
}

/** Has to be called once, before anything else. */
export function setUp(): void {
  const pages = <i32>((outputAt + maxBytes + outputSlack + 0xffff) >> 16) - memory.size();
  if (pages > 0 && memory.grow(pages) < 0) unreachable();
  for (let symbol: u32 = 0; symbol < 288; symbol++) store<u32>(literalEntries + (symbol << 2), literalEntry(symbol));
  for (let symbol: u32 = 0; symbol < 32; symbol++) store<u32>(distanceEntries + (symbol << 2), distanceEntry(symbol));
  for (let symbol: u32 = 0; symbol < lengthCodes; symbol++) store<u32>(lengthEntries + (symbol << 2), symbol << 16);
}

function literalEntry(symbol: u32): u32 {
  if (symbol < endOfBlock) return isLiteral | (symbol << 16);
  if (symbol == endOfBlock) return isOther;
  if (symbol >= literalCodes) return isOther | isUnused;
  const slot = symbol - endOfBlock - 1;
  if (slot < 8) return (3 + slot) << 16;
  if (slot == 28) return 258 << 16;
  const extra = (slot >> 2) - 1;
  return ((3 + ((4 + (slot & 3)) << extra)) << 16) | extra;
}

function distanceEntry(symbol: u32): u32 {
  if (symbol >= distanceCodes) return isOther | isUnused;
  if (symbol < 4) return (1 + symbol) << 16;
  const extra = (symbol >> 1) - 1;
  return ((1 + ((2 + (symbol & 1)) << extra)) << 16) | extra;
}

/** The stream that the input begins with, inflated: how long it is, -1 where it is none, -2 where it is longer than there is room. */
export function inflate(length: usize): i32 {
  const inputEnd = inputAt + length;
  const inputLimit = inputEnd + 8;
  const outputEnd = outputAt + maxBytes;
  store<u64>(inputEnd, 0); // what is read beyond the end
  store<u64>(inputEnd + 8, 0);
  let input = inputAt;
  let output = outputAt;
  let bits: u64 = 0;
  /** How many of `bits` there are, in its lowest six bits: above them is what entries brought along. */
  let count: u32 = 0;
  for (let isLast = false; !isLast;) {
    if (input - ((count & 63) >> 3) > inputEnd) return -1;
    bits |= load<u64>(input) << count;
    input += (63 - count) >> 3;
    count |= 56;
    isLast = (bits & 1) != 0;
    const type = (<u32>(bits >> 1)) & 3;
    bits >>= 3;
    count -= 3;
    if (type == 0) {
      // from the next byte on; what is at hand beyond that goes back
      input -= count >> 3;
      bits = 0;
      count = 0;
      if (input + 4 > inputEnd) return -1;
      const size = <usize>load<u16>(input);
      if (load<u16>(input, 2) != (~size & 0xffff)) return -1;
      input += 4;
      if (input + size > inputEnd) return -1;
      if (output + size > outputEnd) return -2;
      memory.copy(output, input, size);
      input += size;
      output += size;
      continue;
    }
    if (type == 3) return -1;
    if (type == 1) {
      fixedCodes();
    } else {
      const literals: u32 = ((<u32>bits) & 31) + 257;
      const distances: u32 = ((<u32>(bits >> 5)) & 31) + 1;
      const lengths: u32 = ((<u32>(bits >> 10)) & 15) + 4;
      if (literals > literalCodes || distances > distanceCodes) return -1;
      bits >>= 14;
      count -= 14;
      memory.fill(lengthCodeLengths, 0, lengthCodes);
      for (let each: u32 = 0; each < lengths; each++) {
        if (each == 12) {
          bits |= load<u64>(input) << count;
          input += (63 - count) >> 3;
          count |= 56;
        }
        store<u8>(lengthCodeLengths + load<u8>(lengthOrder + each), <u8>((<u32>bits) & 7));
        bits >>= 3;
        count -= 3;
      }
      if (!makeTable(lengthCodeLengths, lengthCodes, lengthEntries, lengthTable, lengthTableBits, false)) return -1;
      areFixed = false;
      const total = literals + distances;
      for (let at: u32 = 0; at < total;) {
        if (input > inputEnd + 8) return -1;
        bits |= load<u64>(input) << count;
        input += (63 - count) >> 3;
        count |= 56;
        const entry = load<u32>(lengthTable + (((<usize>bits) & 127) << 2));
        if ((entry & isOther) != 0) return -1;
        bits >>= entry;
        count -= entry & 63;
        const symbol = entry >> 16;
        if (symbol < 16) {
          store<u8>(codeLengths + at, <u8>symbol);
          at++;
          continue;
        }
        const extra: u32 = symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
        const repeated = (symbol == 18 ? 11 : 3) + ((<u32>bits) & ((1 << extra) - 1));
        bits >>= extra;
        count -= extra;
        if (at + repeated > total || (symbol == 16 && at == 0)) return -1;
        memory.fill(codeLengths + at, symbol == 16 ? load<u8>(codeLengths + at - 1) : 0, repeated);
        at += repeated;
      }
      if (load<u8>(codeLengths + endOfBlock) == 0) return -1;
      if (!makeTable(codeLengths, literals, literalEntries, literalTable, literalTableBits, true)) return -1;
      const lengthsOfDistances = codeLengths + literals;
      if (!makeTable(lengthsOfDistances, distances, distanceEntries, distanceTable, distanceTableBits, true)) return -1;
    }
    // The symbols of a block. 56 bits at least are enough for two literals of the first table, and then for any length with
    // its extra bits; what comes next is looked up before a match is copied, so that neither waits for the other.
    bits |= load<u64>(input) << count;
    input += (63 - count) >> 3;
    count |= 56;
    let entry = load<u32>(literalTable + (((<usize>bits) & literalMask) << 2));
    for (;;) {
      if (input > inputLimit) return -1;
      if (output > outputEnd) return -2;
      if ((entry & isLiteral) != 0) {
        bits >>= entry;
        count -= entry & 63;
        store<u8>(output, <u8>(entry >> 16));
        output++;
        entry = load<u32>(literalTable + (((<usize>bits) & literalMask) << 2));
        if ((entry & isLiteral) != 0) {
          bits >>= entry;
          count -= entry & 63;
          store<u8>(output, <u8>(entry >> 16));
          output++;
          entry = load<u32>(literalTable + (((<usize>bits) & literalMask) << 2));
          if ((entry & isLiteral) != 0) {
            bits >>= entry;
            count -= entry & 63;
            store<u8>(output, <u8>(entry >> 16));
            output++;
            bits |= load<u64>(input) << count;
            input += (63 - count) >> 3;
            count |= 56;
            entry = load<u32>(literalTable + (((<usize>bits) & literalMask) << 2));
            continue;
          }
        }
      }
      if ((entry & isOther) != 0) {
        if ((entry & isLong) != 0) {
          const within = (<usize>(bits >> literalTableBits)) & ((1 << (maxCodeBits - literalTableBits)) - 1);
          entry = load<u32>(literalTable + (((entry >> 16) + <u32>within) << 2));
          if ((entry & isLiteral) != 0) {
            bits >>= entry;
            count -= entry & 63;
            store<u8>(output, <u8>(entry >> 16));
            output++;
            bits |= load<u64>(input) << count;
            input += (63 - count) >> 3;
            count |= 56;
            entry = load<u32>(literalTable + (((<usize>bits) & literalMask) << 2));
            continue;
          }
        }
        if ((entry & isOther) != 0) {
          if ((entry & isUnused) != 0) return -1;
          bits >>= entry;
          count -= entry & 63;
          break;
        }
      }
      const length = <usize>(entry >> 16) + ((<usize>(bits & ~((<u64>-1) << entry))) >> ((entry >> 8) & 15));
      bits >>= entry;
      count -= entry & 63;
      bits |= load<u64>(input) << count;
      input += (63 - count) >> 3;
      count |= 56;
      entry = load<u32>(distanceTable + (((<usize>bits) & distanceMask) << 2));
      if ((entry & isOther) != 0) {
        if ((entry & isUnused) != 0) return -1;
        const within = (<usize>(bits >> distanceTableBits)) & ((1 << (maxCodeBits - distanceTableBits)) - 1);
        entry = load<u32>(distanceTable + (((entry >> 16) + <u32>within) << 2));
        if ((entry & isOther) != 0) return -1;
      }
      const distance = <usize>(entry >> 16) + ((<usize>(bits & ~((<u64>-1) << entry))) >> ((entry >> 8) & 15));
      bits >>= entry;
      count -= entry & 63;
      if (distance > output - outputAt) return -1;
      bits |= load<u64>(input) << count;
      input += (63 - count) >> 3;
      count |= 56;
      entry = load<u32>(literalTable + (((<usize>bits) & literalMask) << 2));
      const end = output + length;
      let from = output - distance;
      if (distance >= 8) {
        store<u64>(output, load<u64>(from));
        store<u64>(output, load<u64>(from, 8), 8);
        store<u64>(output, load<u64>(from, 16), 16);
        store<u64>(output, load<u64>(from, 24), 24);
        if (length > 32) {
          do {
            output += 32;
            from += 32;
            store<u64>(output, load<u64>(from));
            store<u64>(output, load<u64>(from, 8), 8);
            store<u64>(output, load<u64>(from, 16), 16);
            store<u64>(output, load<u64>(from, 24), 24);
          } while (output + 32 < end);
        }
      } else {
        // eight bytes that begin with the repeated ones; the next eight begin where those end
        do {
          store<u64>(output, load<u64>(from));
          output += distance;
          from += distance;
        } while (output < end);
      }
      output = end;
    }
  }
  input -= (count & 63) >> 3;
  if (input > inputEnd) return -1;
  if (output > outputEnd) return -2;
  consumed = input - inputAt;
  return <i32>(output - outputAt);
}

/** The codes of RFC 1951, 3.2.6. */
function fixedCodes(): void {
  if (areFixed) return;
  areFixed = true;
  memory.fill(codeLengths, 8, 144);
  memory.fill(codeLengths + 144, 9, 112);
  memory.fill(codeLengths + 256, 7, 24);
  memory.fill(codeLengths + 280, 8, 8);
  makeTable(codeLengths, 288, literalEntries, literalTable, literalTableBits, false);
  memory.fill(codeLengths, 5, 32);
  makeTable(codeLengths, 32, distanceEntries, distanceTable, distanceTableBits, false);
}

/**
 * Makes the table of a code from the lengths of its symbols, each u8. False where they make none: too many of a length, or
 * too few, unless `mayBeShort` and there is one alone, of one bit, or none at all, as zlib has it.
 */
function makeTable(lengths: usize, symbols: u32, entries: usize, table: usize, tableBits: u32, mayBeShort: bool): bool {
  memory.fill(lengthTotals, 0, 16 << 2);
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const total = lengthTotals + ((<u32>load<u8>(lengths + symbol)) << 2);
    store<u32>(total, load<u32>(total) + 1);
  }
  let longest = maxCodeBits;
  while (longest > 0 && load<u32>(lengthTotals + (longest << 2)) == 0) longest--;
  let left: i32 = 1;
  let code: u32 = 0;
  for (let length: u32 = 1; length <= maxCodeBits; length++) {
    const total = load<u32>(lengthTotals + (length << 2));
    left = (left << 1) - <i32>total;
    if (left < 0) return false;
    store<u32>(nextCodes + (length << 2), code);
    code = (code + total) << 1;
  }
  // as large as the codes need it; it is repeated in the end
  const size: u32 = 1 << min(longest, tableBits);
  if (left > 0) {
    if (!mayBeShort || longest > 1) return false;
    for (let each: u32 = 0; each < size; each++) store<u32>(table + (each << 2), isOther | isUnused);
  }
  const longBits = maxCodeBits - tableBits;
  if (longest > tableBits) for (let each: u32 = 0; each < size; each++) store<u32>(table + (each << 2), 0);
  let free = size;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const length = <u32>load<u8>(lengths + symbol);
    if (length == 0) continue;
    const next = nextCodes + (length << 2);
    const its = load<u32>(next);
    store<u32>(next, its + 1);
    const first = reversed(its) >> (16 - length);
    const entry = load<u32>(entries + (symbol << 2)) + (length | ((length << 8) & entryBits(entries, symbol)));
    if (length <= tableBits) {
      for (let each = first; each < size; each += 1 << length) store<u32>(table + (each << 2), entry);
      continue;
    }
    const beginning = table + ((first & (size - 1)) << 2);
    let at = load<u32>(beginning) >> 16;
    if (at == 0) {
      at = free;
      free += 1 << longBits;
      store<u32>(beginning, (at << 16) | isOther | isLong);
    }
    for (let each = first >> tableBits; each < (<u32>1) << longBits; each += 1 << (length - tableBits)) {
      store<u32>(table + ((at + each) << 2), entry);
    }
  }
  for (let each = size; each < (<u32>1) << tableBits; each <<= 1) memory.copy(table + (each << 2), table, each << 2);
  return true;
}

/** Only lengths and distances tell their code's own bits. */
function entryBits(entries: usize, symbol: u32): u32 {
  return (load<u32>(entries + (symbol << 2)) & (isLiteral | isOther)) == 0 ? 0xf00 : 0;
}

/** The 16 bits in the opposite order. */
function reversed(bits: u32): u32 {
  let each = ((bits & 0x5555) << 1) | ((bits >> 1) & 0x5555);
  each = ((each & 0x3333) << 2) | ((each >> 2) & 0x3333);
  each = ((each & 0x0f0f) << 4) | ((each >> 4) & 0x0f0f);
  return ((each & 0xff) << 8) | (each >> 8);
}
