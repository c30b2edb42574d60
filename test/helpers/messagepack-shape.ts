/** MessagePack as a sequence of tokens, for spoiling it: marker and content of scalars, the marker alone of containers. */
import type { Shape } from "./mutations.js";

export const messagePack: Shape = { partsOf: tokensOf, disguise };

function tokensOf(bytes: Buffer): number[] {
  const starts: number[] = [];
  for (let at = 0; at < bytes.length; at += Math.max(1, tokenLength(bytes, at))) starts.push(at);
  return starts;
}

/** How long the scalar is that begins at `at`; of an array or a map, the marker and its count. */
function tokenLength(bytes: Buffer, at: number): number {
  const marker = bytes[at] as number;
  const number = (width: 1 | 2 | 4): number => (at + 1 + width <= bytes.length ? bytes.readUIntBE(at + 1, width) : 0);
  if ((marker & 0xe0) === 0xa0) return 1 + (marker & 0x1f);
  switch (marker) {
    case 0xcc:
    case 0xd0:
      return 2;
    case 0xcd:
    case 0xd1:
    case 0xdc:
    case 0xde:
      return 3;
    case 0xca:
    case 0xce:
    case 0xd2:
    case 0xdd:
    case 0xdf:
      return 5;
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return 9;
    case 0xc4:
    case 0xd9:
      return 2 + number(1);
    case 0xc5:
    case 0xda:
      return 3 + number(2);
    case 0xc6:
    case 0xdb:
      return 5 + number(4);
    default:
      return 1;
  }
}

const huge = ["c6ffffffff", "dbffffffff", "ddffffffff", "dfffffffff", "c67fffffff", "dcffff", "deffff", "c9ffffffff01"];
const others = [
  "c0",
  "c2",
  "c3",
  "cb7ff8000000000000",
  "ca00000000",
  "d4ff00",
  "d6ff00000000",
  "c70501",
  "a0",
  "90",
  "80",
];

function disguise(token: Buffer, next: () => number): Buffer {
  switch (next() % 5) {
    case 0:
      return Buffer.from(huge[next() % huge.length] as string, "hex");
    case 1:
      return Buffer.from(others[next() % others.length] as string, "hex");
    case 2:
      return Buffer.concat([Buffer.alloc(1 + (next() % 2000), next() % 2 === 0 ? 0x91 : 0x81), token]);
    case 3:
      return number(next);
    default:
      return longer(token);
  }
}

/** A number at the edge of its encoding, in one of the forms that it can have, the shortest or not. */
function number(next: () => number): Buffer {
  const edges = [
    0n,
    1n,
    0x7fn,
    0x80n,
    0xffn,
    0x100n,
    0xffffn,
    0x10000n,
    0xffffffffn,
    0x100000000n,
    1n << 53n,
    (1n << 53n) - 1n,
  ];
  const value = edges[next() % edges.length] as bigint;
  const bytes = Buffer.alloc(9);
  bytes[0] = next() % 2 === 0 ? 0xcf : 0xd3;
  bytes.writeBigUInt64BE(BigInt.asUintN(64, next() % 4 === 0 ? -value : value), 1);
  if (value > 0xffffffffn || next() % 2 === 0) return bytes;
  return Buffer.from([next() % 2 === 0 ? 0xce : 0xd2, ...bytes.subarray(5)]);
}

/** The same value in a form that is longer than it has to be. */
function longer(token: Buffer): Buffer {
  const marker = token[0] as number;
  const rest = token.subarray(1);
  if (marker < 0x80) return Buffer.of(0xcc, marker);
  if (marker >= 0xe0) return Buffer.of(0xd0, marker);
  if ((marker & 0xf0) === 0x90) return Buffer.of(0xdc, 0, marker & 0x0f);
  if ((marker & 0xf0) === 0x80) return Buffer.of(0xde, 0, marker & 0x0f);
  if ((marker & 0xe0) === 0xa0) return Buffer.concat([Buffer.of(0xd9, marker & 0x1f), rest]);
  // each form of a number, of binary and of text comes before the one that is longer
  const before: Record<number, [number, number]> = {
    0xc4: [0xc5, 1],
    0xc5: [0xc6, 2],
    0xcc: [0xcd, 1],
    0xcd: [0xce, 2],
    0xce: [0xcf, 4],
    0xd9: [0xda, 1],
    0xda: [0xdb, 2],
    0xdc: [0xdd, 2],
  };
  const [longerMarker, zeros] = before[marker] ?? [marker, 0];
  return Buffer.concat([Buffer.of(longerMarker), Buffer.alloc(zeros), rest]);
}
