/**
 * Looks for the places where FastCDC's gear hash has zeros under a mask; src/objects/gear.ts is the other side of it, and
 * chunker.ts says where. AssemblyScript, because V8's loop over a typed array becomes 1.7 times slower once a thread has handed a
 * buffer over: every access then asks whether it still is there.
 *
 * The hash of a byte follows from that byte and the 31 before it, so four stretches can be hashed side by side: the
 * processor does four additions in the time that one takes until the next can begin.
 */

/** Input of one call at most. */
const maxLength: usize = 64 << 10;
/** So many bytes decide the hash: each shifts it by one of its bits. */
const hashBits: usize = 32;
/** Below this, four stretches are not worth their beginnings. */
const minLength: usize = 1 << 10;

/** u32 a byte. */
const table: usize = memory.data(256 << 2, 64);
const input: usize = memory.data(<i32>maxLength, 64);

let hash: u32 = 0;

/** Where the 256 numbers of the gear hash are to be put. */
export function tableAddress(): usize {
  return table;
}

/** Where a piece of input is to be put; it has room for 64 KiB. */
export function inputAddress(): usize {
  return input;
}

/** Forgets what was hashed. */
export function begin(): void {
  hash = 0;
}

/** Hashes the piece at the input address, after what came before; how many bytes end with the first one that has zeros under the mask, or 0. */
export function find(length: usize, mask: u32): usize {
  let at: usize = 0;
  if (length >= minLength) {
    const stretch = length >> 2;
    const found = findInFour(stretch, mask);
    if (found != 0) return found;
    at = stretch << 2;
  }
  let its = hash;
  for (; at < length; at++) {
    its = next(its, input + at);
    if ((its & mask) == 0) return at + 1;
  }
  hash = its;
  return 0;
}

function findInFour(stretch: usize, mask: u32): usize {
  let b = hashBefore(input + stretch);
  let c = hashBefore(input + 2 * stretch);
  let d = hashBefore(input + 3 * stretch);
  let a = hash;
  let found: usize = 0;
  for (let at = input; at < input + stretch; at++) {
    a = next(a, at);
    b = next(b, at + stretch);
    c = next(c, at + 2 * stretch);
    d = next(d, at + 3 * stretch);
    if ((a & mask) == 0) return at - input + 1;
    // the others count if none before them has one: what was found there is put off
    if ((b & mask) == 0 || (c & mask) == 0 || (d & mask) == 0) {
      const place = at - input + 1;
      if ((b & mask) == 0) found = earlier(found, stretch + place);
      if ((c & mask) == 0) found = earlier(found, 2 * stretch + place);
      if ((d & mask) == 0) found = earlier(found, 3 * stretch + place);
    }
  }
  hash = d;
  return found;
}

function earlier(found: usize, place: usize): usize {
  return found == 0 ? place : min(found, place);
}

function hashBefore(at: usize): u32 {
  let its: u32 = 0;
  for (let each = at - hashBits; each < at; each++) its = next(its, each);
  return its;
}

function next(its: u32, at: usize): u32 {
  return (its << 1) + load<u32>(table + ((<usize>load<u8>(at)) << 2));
}
