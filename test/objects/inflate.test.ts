/** bak's own inflate: it takes for a stream what zlib takes for one, gives the same bytes, and says of the rest what zlib says. */
import { readFileSync } from "node:fs";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import t from "tap";
import { inflate } from "../../src/objects/inflate.js";
import { compressMember, inflateMemberNow } from "../../src/objects/member-gzip.js";
import { seededBytes, seededNumbers } from "../helpers/arbitrary-bytes.js";

const maxBytes = (4 << 20) + (64 << 10);
const program = readFileSync(process.execPath).subarray(0, maxBytes + 1);

interface Outcome {
  readonly bytes: Buffer;
  readonly consumed: number;
}

/** What zlib says of it. */
function byZlib(deflated: Uint8Array): Outcome | "damaged" {
  try {
    const result = inflateRawSync(deflated, { info: true, maxOutputLength: maxBytes * 4 }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return { bytes: result.buffer, consumed: result.engine.bytesWritten };
  } catch {
    return "damaged";
  }
}

/** How many streams both have inflated: a test of bytes that never are one says nothing. */
let streams = 0;

/** Whether both say the same of it. */
function isAgreed(deflated: Uint8Array): boolean {
  const [own, theirs] = [inflate(deflated), byZlib(deflated)];
  if (typeof own === "string" || typeof theirs === "string") return own === theirs;
  streams += 1;
  return own.consumed === theirs.consumed && own.bytes.equals(theirs.bytes);
}

/** Bits in the order in which deflate has them. */
class Bits {
  readonly #bytes: number[] = [];
  #count = 0;

  put(value: number, count: number): this {
    for (let bit = 0; bit < count; bit += 1) {
      const at = this.#count >> 3;
      this.#bytes[at] = (this.#bytes[at] ?? 0) | (((value >> bit) & 1) << (this.#count & 7));
      this.#count += 1;
    }
    return this;
  }

  get length(): number {
    return this.#count;
  }

  get bytes(): Buffer {
    return Buffer.from(this.#bytes);
  }
}

const lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** The head of a block with codes of its own, from the lengths of the three codes; each length of a code is written by itself. */
function dynamicHead(bits: Bits, { precode, literals, distances }: Codes): Bits {
  bits.put(1, 1).put(2, 2);
  bits
    .put(literals.length - 257, 5)
    .put(distances.length - 1, 5)
    .put(15, 4);
  for (const symbol of lengthOrder) bits.put(precode[symbol] ?? 0, 3);
  const codes = canonicalCodes(precode);
  for (const length of [...literals, ...distances]) bits.put(codes[length]?.code ?? 0, codes[length]?.length ?? 0);
  return bits;
}

interface Codes {
  readonly precode: readonly number[];
  readonly literals: readonly number[];
  readonly distances: readonly number[];
}

/** RFC 1951, 3.2.2; the first bit to be written lowest. */
function canonicalCodes(lengths: readonly number[]): { code: number; length: number }[] {
  const codes: { code: number; length: number }[] = [];
  let code = 0;
  for (let length = 1; length <= 15; length += 1) {
    for (const [symbol, its] of lengths.entries()) {
      if (its !== length) continue;
      let reversed = 0;
      for (let bit = 0; bit < length; bit += 1) reversed |= ((code >> bit) & 1) << (length - 1 - bit);
      codes[symbol] = { code: reversed, length };
      code += 1;
    }
    code <<= 1;
  }
  return codes;
}

t.test("what zlib writes at every level and with every strategy comes out, whatever lies behind it", (t) => {
  const samples = [
    Buffer.alloc(0),
    Buffer.from("a"),
    Buffer.alloc(300_000, 7),
    seededBytes(1, 200_000),
    program.subarray(0, 700_000),
    Buffer.from("abcdefgh, ".repeat(30_000)),
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17].map((period) =>
      Buffer.from(
        "x"
          .repeat(period - 1)
          .concat("y")
          .repeat(999),
      ),
    ),
  ];
  const strategies = ["Z_DEFAULT_STRATEGY", "Z_FILTERED", "Z_HUFFMAN_ONLY", "Z_RLE", "Z_FIXED"] as const;
  for (const [number, sample] of samples.entries()) {
    for (const strategy of strategies) {
      const isRight = [0, 1, 2, 6, 9].every((level) => {
        const deflated = deflateRawSync(sample, { level, strategy: constants[strategy], memLevel: 1 + (level % 9) });
        const found = inflate(Buffer.concat([deflated, seededBytes(number, 40)]));
        return typeof found === "object" && found.consumed === deflated.length && found.bytes.equals(sample);
      });
      t.ok(isRight, `sample ${number}, ${strategy}`);
    }
  }
  t.end();
});

t.test("a stream that is cut off anywhere, or has another byte anywhere, is what zlib takes it for", (t) => {
  const next = seededNumbers(5);
  for (const sample of [Buffer.from("abcabcabcabcd"), program.subarray(4096, 8000), seededBytes(3, 500)]) {
    for (const strategy of [constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY]) {
      const deflated = deflateRawSync(sample, { strategy });
      let wrong = 0;
      for (let at = 0; at < deflated.length; at += 1) {
        if (!isAgreed(deflated.subarray(0, at))) wrong += 1;
        const other = Buffer.from(deflated);
        other[at] = (other[at] as number) ^ (1 << (next() % 8));
        if (!isAgreed(other)) wrong += 1;
      }
      t.equal(wrong, 0, `${sample.length} bytes, strategy ${strategy}`);
    }
  }
  t.end();
});

t.test("any bytes are what zlib takes them for", (t) => {
  streams = 0;
  // a stored block goes before, so that there is something for matches to reach back to; then a block of a kind that is chosen
  const before = [new Uint8Array(0), Buffer.concat([Buffer.from([0, 0, 0x80, 0xff, 0x7f]), seededBytes(4, 32 << 10)])];
  const begun = fc
    .tuple(
      fc.constantFrom(...before),
      fc.constantFrom(0b100, 0b101, 0b10, 0b11, 0),
      fc.uint8Array({ minLength: 200, maxLength: 400, size: "max" }),
    )
    .map(([stored, head, rest]) => Buffer.concat([stored, Buffer.from([((rest[0] ?? 0) & 0xf8) | head]), rest]));
  fc.assert(fc.property(begun, isAgreed), { numRuns: 5000 });
  t.ok(streams > 100, `${streams} of them are streams`);
  t.end();
});

t.test("codes that are none, and those that zlib lets pass, are judged as zlib does", (t) => {
  streams = 0;
  const codes = fc.record({
    precode: fc.constant(Array.from({ length: 19 }, (_, symbol) => (symbol < 16 ? 4 : 0))),
    literals: fc.oneof(
      completeLengths(286),
      anyLengths(286),
      fc.constant([...Array.from({ length: 256 }, () => 0), 1]),
    ),
    distances: fc.oneof(completeLengths(30), anyLengths(4), fc.constantFrom([0], [1], [2], [1, 1], [0, 1], [1, 2])),
  });
  fc.assert(
    fc.property(codes, fc.uint8Array({ maxLength: 300 }), (made, rest) => {
      const bits = dynamicHead(new Bits(), made);
      for (const byte of rest) bits.put(byte, 8);
      return isAgreed(bits.bytes);
    }),
    { numRuns: 1500 },
  );
  t.ok(streams > 100, `${streams} of them are streams`);
  t.end();
});

/** Lengths that hardly ever make a code. */
function anyLengths(symbols: number): fc.Arbitrary<number[]> {
  return fc.nat(2 ** 31).map((seed) => {
    const next = seededNumbers(seed);
    return Array.from({ length: symbols }, () => (next() % 4 === 0 ? next() % 16 : 0));
  });
}

/** Lengths that make a complete code, of 15 bits at most, for some of the symbols; the end of the block among them. */
function completeLengths(symbols: number): fc.Arbitrary<number[]> {
  return fc.tuple(fc.nat(2 ** 31), fc.integer({ min: 1, max: symbols - 1 })).map(([seed, splits]) => {
    const next = seededNumbers(seed);
    const leaves = [0];
    for (let split = 0; split < splits; split += 1) {
      const at = next() % leaves.length;
      const depth = leaves[at] as number;
      if (depth < 15) leaves.splice(at, 1, depth + 1, depth + 1);
    }
    const lengths = Array.from({ length: symbols }, () => 0);
    const order = lengths.map((_, symbol) => symbol).toSorted(() => (next() % 3) - 1);
    if (symbols > 256) order.splice(0, 0, ...order.splice(order.indexOf(256), 1));
    for (const [index, depth] of leaves.entries()) lengths[order[index] as number] = depth;
    return lengths;
  });
}

t.test("a match may not begin before the first byte", (t) => {
  // a fixed block: a literal, then a match of length 3 and distance 1, or 2
  for (const [distance, isRight] of [
    [0, true],
    [1, false],
  ] as const) {
    const bits = new Bits().put(1, 1).put(1, 2);
    bits.put(0b10001100, 8); // the literal "1", its first bit lowest
    bits.put(0b1000000, 7); // length 3
    bits.put(distance << 4, 5); // distance 1 or 2
    bits.put(0, 7);
    t.ok(isAgreed(bits.bytes));
    t.equal(typeof inflate(bits.bytes) === "object", isRight);
  }
  t.end();
});

t.test("a stream of nothing but heads of blocks takes about as long as it takes zlib", (t) => {
  const fixed = (bits: Bits, isLast: boolean): Bits =>
    bits
      .put(isLast ? 1 : 0, 1)
      .put(1, 2)
      .put(0, 7);
  const precode: Record<number, number> = { 18: 1, 0: 2, 1: 2 };
  const dynamic = (bits: Bits, isLast: boolean): Bits => {
    bits
      .put(isLast ? 1 : 0, 1)
      .put(2, 2)
      .put(0, 10)
      .put(14, 4);
    for (const symbol of lengthOrder.slice(0, 18)) bits.put(precode[symbol] ?? 0, 3);
    for (const zeros of [138, 118]) bits.put(0, 1).put(zeros - 11, 7);
    return bits.put(0b11, 2).put(0b01, 2).put(0, 1); // the end of the block has a code, of one bit; distances have none
  };
  for (const [name, blocks] of Object.entries({ fixed: [fixed], dynamic: [dynamic], both: [fixed, dynamic] })) {
    const bits = new Bits();
    for (let each = 0; bits.length < 4 << 20; each += 1) blocks[each % blocks.length]?.(bits, false);
    const deflated = dynamic(bits, true).bytes;
    const took = (work: () => unknown): number => {
      const began = performance.now();
      work();
      return performance.now() - began;
    };
    t.ok(isAgreed(deflated), name);
    const [own, theirs] = [took(() => inflate(deflated)), took(() => byZlib(deflated))];
    t.ok(own < 10 * theirs + 50, `${name}: ${own.toFixed(1)} ms, and zlib ${theirs.toFixed(1)}`);
  }
  t.end();
});

t.test("what is larger than there is room for is said to be, and is left to zlib", (t) => {
  for (const [length, isLarge] of [
    [maxBytes, false],
    [maxBytes + 1, true],
  ] as const) {
    for (const level of [0, 1]) {
      const deflated = deflateRawSync(program.subarray(0, length), { level });
      const found = inflate(deflated);
      if (isLarge || deflated.length > maxBytes) t.equal(found, "large");
      else t.ok(typeof found === "object" && found.bytes.equals(program.subarray(0, length)));
    }
    t.equal(inflate(deflateRawSync(Buffer.alloc(length))) === "large", isLarge, "a bomb is stopped at the limit");
    t.ok(inflateMemberNow(compressMember(program.subarray(0, length), 2)).equals(program.subarray(0, length)));
  }
  t.equal(inflate(deflateRawSync(Buffer.alloc(64 << 20))), "large");
  t.end();
});

t.test("what is borrowed lies where the next one will, and what is not stays as it is", (t) => {
  const [first, second] = ["first", "second"].map((text) => compressMember(Buffer.from(text.repeat(99)), 1)) as [
    Buffer,
    Buffer,
  ];
  const kept = inflateMemberNow(first);
  const borrowed = inflateMemberNow(first, { isBorrowed: true });
  const content = Buffer.from(borrowed);
  inflateMemberNow(second);
  t.ok(kept.equals(content));
  t.notOk(borrowed.equals(content));
  t.end();
});
