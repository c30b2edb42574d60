/** Spoils valid encodings, with an eye to what they are made of: tokens, blocks, lines or records that follow one another. */
import { seededBytes } from "./arbitrary-bytes.js";

/** What the encodings of one kind are made of. */
export interface Shape {
  /** Where their parts begin, in order, the first at 0; the last one ends where the bytes do. */
  readonly partsOf: (bytes: Buffer) => number[];
  /** Other forms of the part that begins at `from`: wrong lengths, longer encodings, other types. */
  readonly disguise?: (part: Buffer, next: () => number) => Buffer;
  /** Mends what has to be right for anything else to be looked at, such as a checksum. */
  readonly finish?: (bytes: Buffer, next: () => number) => Buffer;
}

type Next = () => number;

/** Bytes that are made of one another in no way. */
export const plainBytes: Shape = {
  partsOf: (bytes) =>
    Array.from({ length: Math.min(bytes.length, 64) }, (_, at) => Math.floor((at * bytes.length) / 64)),
};

/** One of the encodings, spoiled in one to four ways. */
export function mutate(seeds: readonly Uint8Array[], shape: Shape, next: Next): Buffer {
  let bytes: Buffer = Buffer.from(seeds[next() % seeds.length] as Uint8Array);
  for (let left = [1, 1, 1, 2, 2, 3, 4][next() % 7] as number; left > 0; left -= 1) {
    const mutation = mutations[next() % mutations.length] as Mutation;
    bytes = mutation(bytes, { shape, seeds, next });
  }
  return shape.finish?.(bytes, next) ?? bytes;
}

interface Context {
  readonly shape: Shape;
  readonly seeds: readonly Uint8Array[];
  readonly next: Next;
}

type Mutation = (bytes: Buffer, context: Context) => Buffer;

const telling = [0x00, 0x01, 0x7f, 0x80, 0x90, 0x9f, 0xc0, 0xc1, 0xc4, 0xc6, 0xcc, 0xcf, 0xd3, 0xd9, 0xdb, 0xdd, 0xff];
const tellingLengths = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];

const mutations: readonly Mutation[] = [
  function flipBits(bytes, { next }) {
    for (let left = 1 + (next() % 3); left > 0 && bytes.length > 0; left -= 1) {
      bytes[next() % bytes.length]! ^= 1 << (next() % 8);
    }
    return bytes;
  },
  function setByte(bytes, { next }) {
    if (bytes.length > 0) bytes[next() % bytes.length] = telling[next() % telling.length] as number;
    return bytes;
  },
  function truncate(bytes, { next }) {
    return bytes.subarray(0, next() % (bytes.length + 1));
  },
  function extend(bytes, { next }) {
    return Buffer.concat([bytes, seededBytes(next(), 1 + (next() % 9))]);
  },
  function writeNumber(bytes, { next }) {
    const width = [1, 2, 4][next() % 3] as 1 | 2 | 4;
    if (bytes.length < width) return bytes;
    const value = (tellingLengths[next() % tellingLengths.length] as number) % 2 ** (8 * width);
    const at = next() % (bytes.length - width + 1);
    if (next() % 2 === 0) bytes.writeUIntBE(value, at, width);
    else bytes.writeUIntLE(value, at, width);
    return bytes;
  },
  function disguisePart(bytes, { shape, next }) {
    const [from, to] = partOf(bytes, shape, next);
    if (shape.disguise === undefined || from === to) return bytes;
    return join(bytes.subarray(0, from), shape.disguise(bytes.subarray(from, to), next), bytes.subarray(to));
  },
  function dropPart(bytes, { shape, next }) {
    const [from, to] = partOf(bytes, shape, next);
    return join(bytes.subarray(0, from), bytes.subarray(to));
  },
  function repeatPart(bytes, { shape, next }) {
    const [from, to] = partOf(bytes, shape, next);
    const times = next() % 8 === 0 ? Math.min(200, Math.ceil(4096 / (to - from + 1))) : 1;
    return join(bytes.subarray(0, to), ...Array<Buffer>(times).fill(bytes.subarray(from, to)), bytes.subarray(to));
  },
  function swapParts(bytes, { shape, next }) {
    const one = partOf(bytes, shape, next);
    const other = partOf(bytes, shape, next);
    const [[a, b], [c, d]] = one[0] < other[0] ? [one, other] : [other, one];
    if (b > c) return bytes;
    return join(
      bytes.subarray(0, a),
      bytes.subarray(c, d),
      bytes.subarray(b, c),
      bytes.subarray(a, b),
      bytes.subarray(d),
    );
  },
  function splice(bytes, { shape, seeds, next }) {
    const other = Buffer.from(seeds[next() % seeds.length] as Uint8Array);
    const [from, to] = partOf(other, shape, next);
    const [at, end] = partOf(bytes, shape, next);
    return join(bytes.subarray(0, at), other.subarray(from, to), bytes.subarray(next() % 2 === 0 ? at : end));
  },
  function crossOver(bytes, { shape, seeds, next }) {
    const other = Buffer.from(seeds[next() % seeds.length] as Uint8Array);
    return join(bytes.subarray(0, partOf(bytes, shape, next)[0]), other.subarray(partOf(other, shape, next)[0]));
  },
];

/** Where one to three parts that follow each other begin and end. */
function partOf(bytes: Buffer, shape: Shape, next: Next): [number, number] {
  const parts = shape.partsOf(bytes);
  if (parts.length === 0) return [0, bytes.length];
  const first = next() % parts.length;
  const end = first + ([1, 1, 2, 3][next() % 4] as number);
  return [parts[first] as number, parts[end] ?? bytes.length];
}

function join(...parts: Uint8Array[]): Buffer {
  return Buffer.concat(parts);
}

/** Records of one length, after a beginning of another. */
export function recordsOf(length: number, start = 0): Shape {
  return {
    partsOf: (bytes) => {
      const parts = start === 0 ? [] : [0];
      for (let at = start; at < bytes.length; at += length) parts.push(at);
      return parts;
    },
  };
}
