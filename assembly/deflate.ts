/**
 * Deflate (RFC 1951), made for speed: it makes less than zlib's level 3 in half of its time. This is
 * AssemblyScript, which becomes dist/deflate.wasm; src/objects/deflate.ts is the other side of it.
 *
 * Matches are looked for in buckets of the two latest places where four bytes had the same hash, as libdeflate's
 * ht_matchfinder does (Eric Biggers, https://github.com/ebiggers/libdeflate); the code is our own.
 *
 * Input comes in pieces. Addresses are numbers here, and whoever calls keeps to the two that are exported.
 */

/** How far back a match may lie. */
const windowBytes: usize = 32 << 10;
/** Input of one call at most. */
const maxPieceBytes: usize = (4 << 20) + (64 << 10);

const minMatch: u32 = 4;
const maxMatch: u32 = 258;
/** Matches of up to so many bytes are measured without a branch. */
const briefMatch: u32 = 20;
/** So many bytes at the end of a piece are not looked at for matches: reading ahead stays inside. */
const tailBytes: usize = briefMatch;

const hashBits: u32 = 15;
const buckets: usize = 1 << hashBits;
/** A match at least this long is not put off for a better one at the next byte. */
const goodMatch: u32 = 64;
/** For a match at the next byte, its length counts four times, against the bits of its distance: libdeflate's measure. */
const leastWon: u32 = 2;

/** A block gets one part after the other until it has more than so many matches, or bytes, */
const maxMatches: usize = 24 << 10;
const maxBlockBytes: usize = 256 << 10;
const partBytes: usize = 16 << 10;
/** A shorter part, at the end, tells too little. */
const minPartBytes: usize = 4 << 10;
/**
 * or until the shares that symbols have of the next part differ by so much in all from those that they have of the block, in
 * hundredths: 200 where no symbol is in both. libdeflate splits by the same measure, of fewer kinds of symbols.
 */
const otherPercent: u64 = 50;

const literalCodes: u32 = 286;
const distanceCodes: u32 = 30;
const lengthCodes: u32 = 19;
const endOfBlock: usize = 256;
const firstLength: u32 = 257;
/** RFC 1951 allows 15; with 14, four literals fit into the 64 bits that are written at once, beside 7 that wait. */
const maxLiteralBits: u32 = 14;
const maxDistanceBits: u32 = 15;
const maxLengthBits: u32 = 7;

/** Two u32 a bucket: the addresses of the latest place and of the one before, or 0. */
const table: usize = memory.data((<i32>buckets) << 3, 64);
/** Per match: u32 literals before it; u16 length; u16 distance - 1. At the end, the literals after the last. */
const matches: usize = memory.data((<i32>(maxMatches + partBytes / minMatch + 1)) << 3, 8);
/** u32 a symbol. */
const literalCounts: usize = memory.data(288 << 2, 4);
const distanceCounts: usize = memory.data(32 << 2, 4);
/** The same of a part of a block. */
const partLiteralCounts: usize = memory.data(288 << 2, 4);
const partDistanceCounts: usize = memory.data(32 << 2, 4);
const lengthCounts: usize = memory.data(32 << 2, 4);
/** u32 a symbol: the bits of its code, the first to be written lowest, and above bit 16 how many. */
const literalBits: usize = memory.data(288 << 2, 4);
const distanceBits: usize = memory.data(32 << 2, 4);
const lengthBits: usize = memory.data(32 << 2, 4);
/** u32 a match length: code and extra bits, and above bit 24 how many. */
const matchBits: usize = memory.data(260 << 2, 4);
/** u8 a match length: its code, counted from `firstLength`. */
const lengthSlots: usize = memory.data(260, 4);
/** u8 a symbol: how long its code is. Literals and distances are written as one sequence. */
const codeLengths: usize = memory.data(320, 4);
const lengthCodeLengths: usize = memory.data(20, 4);
/** u16 an element: symbol, and above bit 5 its extra bits. */
const runs: usize = memory.data(320 << 1, 4);
const lengthOrder: usize = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);
/** Of `makeCode`: u32 a symbol in use, sorted, and room to sort in; how many codes have each length; the next code of each length. */
const sorted: usize = memory.data(288 << 2, 4);
const unsorted: usize = memory.data(288 << 2, 4);
const digitTotals: usize = memory.data(256 << 1, 4);
const lengthTotals: usize = memory.data(32 << 2, 4);
const nextCodes: usize = memory.data(32 << 2, 4);

/** What came before a piece, and the piece. */
const history: usize = (__heap_base + 63) & ~63;
const pieceAt: usize = history + windowBytes;
/** Whoever calls may write so much before the output, and after it. */
const marginBytes: usize = 64;
const outputAt: usize = pieceAt + maxPieceBytes + marginBytes;
/** A block is stored where that is shorter, so output is longer than input by little. */
const outputRoom: usize = maxPieceBytes + (4 << 10) + marginBytes;

let isStored: bool = false;
let isLazy: bool = false;

/** Where the next match of the block is to be noted, and where the literals begin that come before it. */
let matchAt: usize = 0;
let literalsAt: usize = 0;

let bitBuffer: u64 = 0;
let bitCount: u32 = 0;
let output: usize = 0;

/** Where a piece of input is to be put; it has room for 4 MiB and 64 KiB. */
export function inputAddress(): usize {
  return pieceAt;
}

/** Where output is to be taken from. */
export function outputAddress(): usize {
  return outputAt;
}

/** Has to be called once, before anything else. */
export function setUp(): void {
  const pages = <i32>((outputAt + outputRoom + 0xffff) >> 16) - memory.size();
  if (pages > 0 && memory.grow(pages) < 0) unreachable();
  for (let slot: u32 = 0; slot < 29; slot++) {
    const from = lengthOfSlot(slot);
    const to = from + (1 << extraOfLength(slot));
    for (let length = from; length < to; length++) store<u8>(lengthSlots + length, <u8>slot); // 258 has the last one
  }
}

/** Begins a stream. Level 0 stores; 2 looks for a longer match at the byte after each, which takes longer than 1 and makes less. */
export function begin(level: i32): void {
  isStored = level == 0;
  isLazy = level > 1;
  bitBuffer = 0;
  bitCount = 0;
  if (!isStored) memory.fill(table, 0, buckets << 3); // so that equal input gives equal output
}

/** Compresses the piece that lies at the input address, the last or not; gives the output's length. */
export function compress(length: usize, isLast: bool): usize {
  output = outputAt;
  const end = pieceAt + length;
  if (isStored) {
    writeStored(pieceAt, end, isLast);
    return output - outputAt;
  }
  let from = pieceAt; // of the block
  let at = from;
  matchAt = matches;
  beginBlock(from, matches);
  while (at < end) {
    const part = at;
    const partMatches = matchAt;
    const waiting = part - literalsAt;
    at = findMatches(part, min(part + partBytes, end), end);
    if (part > from && isBlockFull(part - from, at - part)) {
      // of the literals before the part's first match, those that wait are the block's
      const firstOfPart = load<u64>(partMatches);
      endBlock(partMatches, waiting);
      writeBlock(from, part, false);
      store<u64>(partMatches, firstOfPart - waiting); // the literals are its lower half
      beginBlock(part, partMatches);
      from = part;
    }
    addCounts(literalCounts, partLiteralCounts, literalCodes);
    addCounts(distanceCounts, partDistanceCounts, distanceCodes);
  }
  endBlock(matchAt, at - literalsAt);
  writeBlock(from, at, isLast);
  if (isLast && bitCount > 0) putBits(0, 8 - bitCount);
  flushBits();
  if (!isLast) becomeHistory(length);
  return output - outputAt;
}

/** Moves the end of a piece of `length` bytes to where the next piece finds it, and the places in it. */
function becomeHistory(length: usize): void {
  memory.copy(history, pieceAt + length - windowBytes, windowBytes);
  for (let entry = table; entry < table + (buckets << 3); entry += 4) {
    const place = <usize>load<u32>(entry);
    store<u32>(entry, place < history + length ? 0 : <u32>(place - length));
  }
}

/**
 * Notes the matches of a part of a block that begins at `from`, and counts its symbols; gives where it ends: about at `partEnd`.
 * Which branches are taken is hard to foretell in most data, and a branch that was foretold wrongly costs as much as ten
 * lines here: so wherever something can be computed in any case, it is.
 */
function findMatches(from: usize, partEnd: usize, end: usize): usize {
  clearCounts(partLiteralCounts, partDistanceCounts);
  const stop = min(partEnd, end - tailBytes);
  const lazyBelow = isLazy ? goodMatch : 0;
  let match = matchAt;
  let at = from;
  let literals = literalsAt;
  let misses: usize = 0;
  while (at < stop) {
    const bytes = load<u32>(at);
    let places = replacePlaces(at, bytes);
    let nearAt = <usize>places;
    let farAt = <usize>(places >> 32);
    let isNear = isMatch(nearAt, at, bytes);
    let isFar = isMatch(farAt, at, bytes);
    if (!(isNear | isFar)) {
      increase(partLiteralCounts, bytes & 0xff);
      at++;
      // what does not match for long is looked at less and less closely
      misses++;
      if (misses >= 256) {
        const next = min(at + (misses >> 8), end);
        countLiterals(at, next);
        at = next;
      }
      continue;
    }
    misses = 0;
    let nearLength = select<u32>(briefLength(at, nearAt), 0, isNear);
    let farLength = select<u32>(briefLength(at, farAt), 0, isFar);
    if (nearLength == briefMatch) nearLength = wholeLength(at, nearAt, end);
    if (farLength == briefMatch) farLength = wholeLength(at, farAt, end);
    let isFarther = farLength > nearLength;
    let length = select<u32>(farLength, nearLength, isFarther);
    let before = select<usize>(farAt, nearAt, isFarther);
    while (length < lazyBelow && at + 1 < stop) {
      const next = at + 1;
      const nextBytes = load<u32>(next);
      places = replacePlaces(next, nextBytes);
      nearAt = <usize>places;
      farAt = <usize>(places >> 32);
      // what is longer is alike at the end, too
      const tail = load<u32>(next + length - 3);
      isNear = isMatch(nearAt, next, nextBytes) & (load<u32>(nearAt + length - 3) == tail);
      isFar = isMatch(farAt, next, nextBytes) & (load<u32>(farAt + length - 3) == tail);
      if (!(isNear | isFar)) break;
      nearLength = select<u32>(briefLength(next, nearAt), 0, isNear);
      farLength = select<u32>(briefLength(next, farAt), 0, isFar);
      if (nearLength == briefMatch) nearLength = wholeLength(next, nearAt, end);
      if (farLength == briefMatch) farLength = wholeLength(next, farAt, end);
      const nearWorth = worth(nearLength, next, nearAt);
      const farWorth = worth(farLength, next, farAt);
      if (max(nearWorth, farWorth) <= worth(length, at, before) + leastWon) break;
      isFarther = farWorth > nearWorth;
      length = select<u32>(farLength, nearLength, isFarther);
      before = select<usize>(farAt, nearAt, isFarther);
      increase(partLiteralCounts, load<u8>(at));
      at = next;
    }
    const distance = <u32>(at - before) - 1;
    increase(partLiteralCounts, firstLength + load<u8>(lengthSlots + length));
    increase(partDistanceCounts, slotOfDistance(distance));
    store<u32>(match, <u32>(at - literals));
    store<u32>(match, length | (distance << 16), 4);
    match += 8;
    // of the match, only these places can be found again: all of them would take more time than they win; of a short one,
    // some are the same
    insert(at + 1);
    insert(at + 2);
    insert(at + 3);
    insert(at + length - 3);
    insert(at + length - 2);
    insert(at + length - 1);
    at += length;
    literals = at;
  }
  if (stop + tailBytes >= end) {
    countLiterals(at, end);
    at = end;
  }
  matchAt = match;
  literalsAt = literals;
  return at;
}

/** The two places where the bytes at an address may have been before, of which that becomes the latest. */
function replacePlaces(at: usize, bytes: u32): u64 {
  const bucket = bucketOf(bytes);
  const places = load<u64>(bucket);
  store<u64>(bucket, (places << 32) | at);
  return places;
}

/** Makes an address the latest place of its bytes, if it is not yet. */
function insert(at: usize): void {
  const bucket = bucketOf(load<u32>(at));
  const places = load<u64>(bucket);
  store<u64>(bucket, select<u64>(places, (places << 32) | at, <u32>places == <u32>at));
}

function bucketOf(bytes: u32): usize {
  return table + ((<usize>((bytes * 0x9e3779b1) >> (32 - hashBits))) << 3);
}

/** Whether the four bytes at an address are at a place before it, too, which is near enough. */
function isMatch(place: usize, at: usize, bytes: u32): bool {
  return (at - place - 1 < windowBytes) & (load<u32>(place) == bytes);
}

/** How many bytes are alike at two addresses, of which four are, and none is looked at beyond 20. */
function briefLength(at: usize, place: usize): u32 {
  const first = load<u64>(at, 4) ^ load<u64>(place, 4);
  const second = load<u64>(at, 12) ^ load<u64>(place, 12);
  return 4 + select<u32>(<u32>(ctz(first) >> 3), 8 + <u32>(ctz(second) >> 3), first != 0);
}

/** How many bytes are alike at two addresses, of which 20 are; neither is read from `end` on. */
function wholeLength(at: usize, place: usize, end: usize): u32 {
  const most = min(<usize>maxMatch, end - at);
  let length = <usize>briefMatch;
  while (length + 8 <= most) {
    const differing = load<u64>(at + length) ^ load<u64>(place + length);
    if (differing != 0) return <u32>length + <u32>(ctz(differing) >> 3);
    length += 8;
  }
  while (length < most && load<u8>(at + length) == load<u8>(place + length)) length++;
  return <u32>length;
}

/** What a match wins, in about bits, beside others; no match, of length 0, wins less than any. */
function worth(length: u32, at: usize, place: usize): u32 {
  return (length << 2) + clz((<u32>(at - place - 1)) | 1);
}

/** Begins a block with the matches that have been noted from here on, and no literals from before `from`. */
function beginBlock(from: usize, firstMatch: usize): void {
  const length = matchAt - firstMatch;
  if (length == 0) literalsAt = from;
  memory.copy(matches, firstMatch, length);
  matchAt = matches + length;
  clearCounts(literalCounts, distanceCounts);
}

/** Whether a block of so many bytes, which are more with the part that was looked at last, has to do without that. */
function isBlockFull(bytes: usize, partLength: usize): bool {
  const isTooLong = bytes + partLength > maxBlockBytes || matchAt > matches + (maxMatches << 3);
  return isTooLong || (partLength >= minPartBytes && isOther());
}

/** Notes at the end of a block's matches how many literals follow. */
function endBlock(to: usize, count: usize): void {
  store<u64>(to, count);
  increase(literalCounts, endOfBlock);
}

function clearCounts(literals: usize, distances: usize): void {
  memory.fill(literals, 0, 288 << 2);
  memory.fill(distances, 0, 32 << 2);
}

function addCounts(counts: usize, more: usize, symbols: u32): void {
  const end = counts + (symbols << 2);
  for (; counts < end; counts += 4, more += 4) store<u32>(counts, load<u32>(counts) + load<u32>(more));
}

/** Whether literals and lengths of the part that was looked at last are so unlike the block's that a code of their own pays. */
function isOther(): bool {
  const total = sumOf(literalCounts);
  const partTotal = sumOf(partLiteralCounts);
  let unlike: u64 = 0;
  for (let at: u32 = 0; at < literalCodes << 2; at += 4) {
    const share = load<u32>(literalCounts + at) * partTotal;
    const partShare = load<u32>(partLiteralCounts + at) * total;
    unlike += share > partShare ? share - partShare : partShare - share;
  }
  return unlike * 100 > total * partTotal * otherPercent;
}

/** The sum of the counts of literals and lengths, two at a time: it is less than 2^32. */
function sumOf(counts: usize): u64 {
  let sums: u64 = 0;
  for (let at: u32 = 0; at < literalCodes << 2; at += 8) sums += load<u64>(counts + at);
  return (sums & 0xffff_ffff) + (sums >> 32);
}

function countLiterals(from: usize, to: usize): void {
  for (let at = from; at < to; at++) increase(partLiteralCounts, load<u8>(at));
}

function increase(counts: usize, symbol: usize): void {
  const count = counts + (symbol << 2);
  store<u32>(count, load<u32>(count) + 1);
}

/** Writes the block as the codes that `findMatches` counted, or as it is where that is shorter. */
function writeBlock(from: usize, to: usize, isLast: bool): void {
  makeCode(literalCounts, literalCodes, maxLiteralBits, literalBits, codeLengths);
  let literalsUsed = literalCodes;
  while (literalsUsed > firstLength && load<u8>(codeLengths + literalsUsed - 1) == 0) literalsUsed--;
  const distanceLengths = codeLengths + literalsUsed;
  makeCode(distanceCounts, distanceCodes, maxDistanceBits, distanceBits, distanceLengths);
  let distancesUsed = distanceCodes;
  while (distancesUsed > 1 && load<u8>(distanceLengths + distancesUsed - 1) == 0) distancesUsed--;
  const runsEnd = findRuns(literalsUsed + distancesUsed);
  makeCode(lengthCounts, lengthCodes, maxLengthBits, lengthBits, lengthCodeLengths);
  let lengthsUsed = lengthCodes;
  while (lengthsUsed > 4 && load<u8>(lengthCodeLengths + load<u8>(lengthOrder + lengthsUsed - 1)) == 0) lengthsUsed--;

  const size = to - from;
  const storedBytes = size + 5 * (size / 0xffff + 1);
  if (<u64>storedBytes * 8 <= codedBits(lengthsUsed)) return writeStored(from, to, isLast);
  putBits((isLast ? 1 : 0) | (2 << 1), 3);
  putBits(literalsUsed - firstLength, 5);
  putBits(distancesUsed - 1, 5);
  putBits(lengthsUsed - 4, 4);
  flushBits();
  for (let each: u32 = 0; each < lengthsUsed; each++) {
    putBits(load<u8>(lengthCodeLengths + load<u8>(lengthOrder + each)), 3);
    flushBits();
  }
  for (let run = runs; run < runsEnd; run += 2) {
    const symbol = (<u32>load<u16>(run)) & 31;
    putCode(lengthBits, symbol);
    putBits((<u32>load<u16>(run)) >> 5, extraOfRun(symbol));
    flushBits();
  }
  for (let length: u32 = minMatch; length <= maxMatch; length++) {
    const slot = <u32>load<u8>(lengthSlots + length);
    const code = load<u32>(literalBits + ((firstLength + slot) << 2));
    const bits = code >> 16;
    const extra = (length - lengthOfSlot(slot)) << bits;
    store<u32>(matchBits + (length << 2), (code & 0xffff) | extra | ((bits + extraOfLength(slot)) << 24));
  }
  writeCodes(from);
}

/** How many bits the block takes with its codes. */
function codedBits(lengthsUsed: u32): u64 {
  let bits: u64 = 17 + 3 * lengthsUsed;
  for (let symbol: u32 = 0; symbol < lengthCodes; symbol++) {
    bits += bitsOfSymbol(lengthCounts, lengthBits, symbol, extraOfRun(symbol));
  }
  for (let symbol: u32 = 0; symbol < literalCodes; symbol++) {
    const extra = symbol < firstLength ? 0 : extraOfLength(symbol - firstLength);
    bits += bitsOfSymbol(literalCounts, literalBits, symbol, extra);
  }
  for (let symbol: u32 = 0; symbol < distanceCodes; symbol++) {
    bits += bitsOfSymbol(distanceCounts, distanceBits, symbol, extraOfDistance(symbol));
  }
  return bits;
}

function bitsOfSymbol(counts: usize, codes: usize, symbol: u32, extra: u32): u64 {
  return <u64>load<u32>(counts + (symbol << 2)) * ((load<u32>(codes + (symbol << 2)) >> 16) + extra);
}

function writeStored(from: usize, to: usize, isLast: bool): void {
  let at = from;
  do {
    const length = min<usize>(to - at, 0xffff);
    putBits(isLast && at + length == to ? 1 : 0, 3);
    flushBits();
    if (bitCount > 0) putBits(0, 8 - bitCount);
    flushBits();
    store<u16>(output, <u16>length);
    store<u16>(output, ~(<u16>length), 2);
    memory.copy(output + 4, at, length);
    output += 4 + length;
    at += length;
  } while (at < to);
}

/**
 * Writes literals and matches; bits are kept in locals, and written once a match and once in four literals. Most matches come
 * after fewer than four, whose codes are fetched in any case: see `findMatches`.
 */
function writeCodes(from: usize): void {
  let buffer = bitBuffer;
  let count: u64 = bitCount;
  let to = output;
  let at = from;
  for (let match = matches; ; match += 8) {
    let literals = load<u32>(match);
    for (; ; literals -= 4) {
      const four = load<u32>(at);
      const a = load<u32>(literalBits + ((four & 0xff) << 2)) & onlyIf(literals > 0);
      buffer |= (<u64>(a & 0xffff)) << count;
      count += a >> 16;
      const b = load<u32>(literalBits + (((four >> 8) & 0xff) << 2)) & onlyIf(literals > 1);
      buffer |= (<u64>(b & 0xffff)) << count;
      count += b >> 16;
      const c = load<u32>(literalBits + (((four >> 16) & 0xff) << 2)) & onlyIf(literals > 2);
      buffer |= (<u64>(c & 0xffff)) << count;
      count += c >> 16;
      if (literals < 4) break;
      const d = load<u32>(literalBits + ((four >> 24) << 2));
      buffer |= (<u64>(d & 0xffff)) << count;
      count += d >> 16;
      at += 4;
      store<u64>(to, buffer);
      to += <usize>(count >> 3);
      buffer >>= count & 56;
      count &= 7;
    }
    at += literals;
    // at most 7 + 3 * 14 bits wait here; a length has 19 and a distance 28 more
    const length = <usize>load<u16>(match, 4);
    if (length == 0) break;
    const distance = <u32>load<u16>(match, 6);
    const code = load<u32>(matchBits + (length << 2));
    store<u64>(to, buffer);
    to += <usize>(count >> 3);
    buffer >>= count & 56;
    count &= 7;
    buffer |= (<u64>(code & 0xffffff)) << count;
    count += code >> 24;
    const slot = slotOfDistance(distance);
    const distanceCode = load<u32>(distanceBits + (slot << 2));
    const extra = extraOfDistance(slot);
    buffer |= (<u64>(distanceCode & 0xffff)) << count;
    count += distanceCode >> 16;
    buffer |= (<u64>(distance & ((1 << extra) - 1))) << count;
    count += extra;
    store<u64>(to, buffer);
    to += <usize>(count >> 3);
    buffer >>= count & 56;
    count &= 7;
    at += length;
  }
  const end = load<u32>(literalBits + (endOfBlock << 2));
  buffer |= (<u64>(end & 0xffff)) << count;
  count += end >> 16;
  bitBuffer = buffer;
  bitCount = <u32>count;
  output = to;
  flushBits();
}

/** All bits, or none. */
function onlyIf(condition: bool): u32 {
  return -(<u32>condition);
}

/** The code lengths of both codes with what repeats written short (RFC 1951, 3.2.7), counted; gives where they end. */
function findRuns(total: u32): usize {
  memory.fill(lengthCounts, 0, 32 << 2);
  let to = runs;
  for (let at: u32 = 0; at < total;) {
    const length = <u32>load<u8>(codeLengths + at);
    let run: u32 = 1;
    while (at + run < total && load<u8>(codeLengths + at + run) == length) run++;
    at += run;
    if (length == 0) {
      for (; run >= 11; run -= min<u32>(run, 138)) to = addRun(to, 18, min<u32>(run, 138) - 11);
      if (run >= 3) {
        to = addRun(to, 17, run - 3);
        run = 0;
      }
    } else if (run > 3) {
      to = addRun(to, length, 0);
      for (run--; run >= 3; run -= min<u32>(run, 6)) to = addRun(to, 16, min<u32>(run, 6) - 3);
    }
    for (; run > 0; run--) to = addRun(to, length, 0);
  }
  return to;
}

function addRun(to: usize, symbol: u32, extra: u32): usize {
  increase(lengthCounts, symbol);
  store<u16>(to, <u16>(symbol | (extra << 5)));
  return to + 2;
}

/**
 * Makes the Huffman code of `symbols` symbols with these counts, of at most `limit` bits each. Lengths come from Moffat and
 * Katajainen, "In-place calculation of minimum-redundancy codes" (WADS 1995); where one would be too long, another symbol's
 * place is taken higher up, as in libdeflate, which costs little and keeps the code complete.
 */
function makeCode(counts: usize, symbols: u32, limit: u32, codes: usize, lengths: usize): void {
  let used: u32 = 0;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    store<u8>(lengths + symbol, 0);
    store<u32>(codes + (symbol << 2), 0);
    const count = load<u32>(counts + (symbol << 2));
    if (count == 0) continue;
    store<u32>(sorted + (used << 2), (count << 9) | symbol); // a block has less than 2^19 symbols
    used++;
  }
  memory.fill(lengthTotals, 0, 32 << 2);
  if (used < 2) {
    // a code of one symbol is not complete, so another gets a code that is never used
    const only = used == 0 ? 0 : load<u32>(sorted) & 511;
    store<u8>(lengths + only, 1);
    store<u8>(lengths + (only == 0 ? 1 : 0), 1);
    store<u32>(lengthTotals, 2, 4);
  } else {
    sortUp(used);
    findLengths(used, limit);
    // the rarest have the longest
    let at = sorted;
    for (let length = limit; length >= 1; length--) {
      for (let left = load<u32>(lengthTotals + (length << 2)); left > 0; left--) {
        store<u8>(lengths + (load<u32>(at) & 511), <u8>length);
        at += 4;
      }
    }
  }
  let code: u32 = 0;
  for (let length: u32 = 1; length <= limit; length++) {
    code = (code + load<u32>(lengthTotals + ((length - 1) << 2))) << 1;
    store<u32>(nextCodes + (length << 2), code);
  }
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const length = <u32>load<u8>(lengths + symbol);
    if (length == 0) continue;
    const next = nextCodes + (length << 2);
    const its = load<u32>(next);
    store<u32>(next, its + 1);
    store<u32>(codes + (symbol << 2), (reversed(its) >> (16 - length)) | (length << 16));
  }
}

/** Sorts by count, eight bits of it at a time, the lowest first; what has equal counts stays in the order of its symbols. */
function sortUp(count: u32): void {
  let largest: u32 = 0;
  for (let at: u32 = 0; at < count << 2; at += 4) largest |= load<u32>(sorted + at);
  for (let shift: u32 = 9; largest >> shift != 0; shift += 8) {
    memory.copy(unsorted, sorted, count << 2);
    memory.fill(digitTotals, 0, 256 << 1);
    for (let at: u32 = 0; at < count << 2; at += 4) {
      const total = digitTotals + (((load<u32>(unsorted + at) >> shift) & 0xff) << 1);
      store<u16>(total, load<u16>(total) + 1);
    }
    let next: u32 = 0;
    for (let total = digitTotals; total < digitTotals + (256 << 1); total += 2) {
      const its = <u32>load<u16>(total);
      store<u16>(total, <u16>next);
      next += its;
    }
    for (let at: u32 = 0; at < count << 2; at += 4) {
      const each = load<u32>(unsorted + at);
      const to = digitTotals + (((each >> shift) & 0xff) << 1);
      const place = <u32>load<u16>(to);
      store<u16>(to, <u16>(place + 1));
      store<u32>(sorted + (place << 2), each);
    }
  }
}

/** Counts the lengths of the codes for what is sorted, in `lengthTotals`. Symbols stay in the lower 9 bits where they are. */
function findLengths(count: u32, limit: u32): void {
  // joins the two rarest, again and again; what has been joined gets its parent's number
  let leaf = sorted;
  let joined = sorted;
  const end = sorted + (count << 2);
  const root = end - 8;
  for (let node = sorted; node <= root; node += 4) {
    let sum: u32 = 0;
    for (let child = 0; child < 2; child++) {
      const isLeaf = leaf < end && (joined >= node || load<u32>(leaf) >> 9 <= load<u32>(joined) >> 9);
      if (isLeaf) {
        sum += load<u32>(leaf) >> 9;
        leaf += 4;
      } else {
        sum += load<u32>(joined) >> 9;
        setNumber(joined, (<u32>(node - sorted)) >> 2);
        joined += 4;
      }
    }
    setNumber(node, sum);
  }
  // from the root down, parents' numbers become depths; a node that is not a leaf puts two below in its own place
  setNumber(root, 0);
  store<u32>(lengthTotals, 2, 4);
  for (let node = root - 4; node >= sorted; node -= 4) {
    const parent = load<u32>(node) >> 9;
    let depth = (load<u32>(sorted + (parent << 2)) >> 9) + 1;
    setNumber(node, depth);
    if (depth >= limit) {
      depth = limit - 1;
      while (load<u32>(lengthTotals + (depth << 2)) == 0) depth--;
    }
    const total = lengthTotals + (depth << 2);
    store<u32>(total, load<u32>(total) - 1);
    store<u32>(total, load<u32>(total, 4) + 2, 4);
  }
}

function setNumber(node: usize, number: u32): void {
  store<u32>(node, (load<u32>(node) & 511) | (number << 9));
}

/** The 16 bits in the opposite order. */
function reversed(bits: u32): u32 {
  let each = ((bits & 0x5555) << 1) | ((bits >> 1) & 0x5555);
  each = ((each & 0x3333) << 2) | ((each >> 2) & 0x3333);
  each = ((each & 0x0f0f) << 4) | ((each >> 4) & 0x0f0f);
  return ((each & 0xff) << 8) | (each >> 8);
}

/** The codes of lengths and distances, and their extra bits: RFC 1951, 3.2.5. */
function lengthOfSlot(slot: u32): u32 {
  if (slot < 8) return 3 + slot;
  return slot == 28 ? maxMatch : 3 + ((4 + (slot & 3)) << extraOfLength(slot));
}

function extraOfLength(slot: u32): u32 {
  return slot < 8 || slot == 28 ? 0 : (slot >> 2) - 1;
}

function slotOfDistance(distanceLess1: u32): u32 {
  if (distanceLess1 < 4) return distanceLess1;
  const highest = 31 - clz(distanceLess1);
  return (highest << 1) | ((distanceLess1 >> (highest - 1)) & 1);
}

function extraOfDistance(slot: u32): u32 {
  return slot < 4 ? 0 : (slot >> 1) - 1;
}

function extraOfRun(symbol: u32): u32 {
  if (symbol < 16) return 0;
  return symbol == 18 ? 7 : symbol - 14;
}

function putCode(codes: usize, symbol: u32): void {
  const code = load<u32>(codes + (symbol << 2));
  putBits(code & 0xffff, code >> 16);
}

/** Between two calls of `flushBits`, 56 bits at most. */
function putBits(bits: u32, count: u32): void {
  bitBuffer |= (<u64>bits) << bitCount;
  bitCount += count;
}

/** Writes the whole bytes. */
function flushBits(): void {
  store<u64>(output, bitBuffer);
  output += bitCount >> 3;
  bitBuffer >>= bitCount & 56;
  bitCount &= 7;
}
