/** Messages as bytes. What comes off the wire is checked twice: its shape before it is decoded, each field after. */
import { isUtf8 } from "node:buffer";
// this entrance of msgpackr leaves out a native helper that costs more to load than frames of binary fields ever gain by it
import { Packr, Unpackr } from "msgpackr/pack";
import { BakError } from "../errors.js";
import type { Field } from "./fields.js";
import { maxFrameBytes } from "./limits.js";
import { layouts, type Message, type MessageType } from "./messages.js";

// strings are not bundled and numbers not made floats, so that any MessagePack library reads what we write
const packr = new Packr({ useRecords: false, mapsAsObjects: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: false, int64AsType: "bigint" });

interface Layout {
  readonly type: MessageType;
  readonly fields: readonly (readonly [string, Field<unknown>])[];
}

const byNumber = new Map<number, Layout>(
  Object.entries(layouts).map(([type, { number, fields }]) => [
    number,
    { type: type as MessageType, fields: Object.entries(fields) as [string, Field<unknown>][] },
  ]),
);

/** The bytes of one message. */
export function encodeMessage(message: Message): Buffer {
  const { number } = layouts[message.type];
  const values = message as unknown as Record<string, unknown>;
  const fields = (byNumber.get(number) as Layout).fields;
  return packr.pack([number, message.request, ...fields.map(([name, field]) => field.encode(values[name]))]);
}

/** How many bytes before a member its message may take. */
export const memberHeadroomBytes = 16;

/**
 * The bytes of a `packMember` message, made without copying the member: `room` is `memberHeadroomBytes` bytes, which are
 * written to, and the member after them.
 */
export function encodeMemberInPlace(request: number, room: Uint8Array): Uint8Array {
  const length = room.length - memberHeadroomBytes;
  const head = [0x90 | 3, layouts.packMember.number, ...shortestUnsigned(request), 0xc6, ...bigEndian(length, 4)];
  const start = memberHeadroomBytes - head.length;
  room.set(head, start);
  return room.subarray(start);
}

function shortestUnsigned(value: number): number[] {
  if (value < 0x80) return [value];
  if (value < 0x100) return [0xcc, value];
  return value < 0x10000 ? [0xcd, ...bigEndian(value, 2)] : [0xce, ...bigEndian(value, 4)];
}

function bigEndian(value: number, width: number): number[] {
  return Array.from({ length: width }, (_, index) => (value >>> (8 * (width - 1 - index))) & 0xff);
}

/** The message that a frame holds; throws BAD_MESSAGE for anything else. Binary fields are views of the frame. */
export function decodeMessage(frame: Uint8Array): Message {
  assertFlat(frame);
  let values: unknown;
  try {
    values = unpackr.unpack(frame);
  } catch (cause) {
    throw new BakError("BAD_MESSAGE", "malformed message: not MessagePack", { cause });
  }
  if (!Array.isArray(values)) throw new BakError("BAD_MESSAGE", "malformed message: not an array");
  const [number, request, ...rest] = values as unknown[];
  const layout = typeof number === "number" ? byNumber.get(number) : undefined;
  if (layout === undefined) throw new BakError("BAD_MESSAGE", "malformed message: of an unknown type");
  if (typeof request !== "number" || !Number.isInteger(request) || request < 0 || request > 0xffffffff) {
    throw new BakError("BAD_MESSAGE", `malformed message: '${layout.type}' without a request number`);
  }
  if (rest.length !== layout.fields.length) {
    throw new BakError(
      "BAD_MESSAGE",
      `malformed message: '${layout.type}' with ${rest.length} fields, not ${layout.fields.length}`,
    );
  }
  const message: Record<string, unknown> = { type: layout.type, request };
  for (const [index, [name, field]] of layout.fields.entries()) message[name] = field.decode(rest[index]);
  return message as unknown as Message;
}

/**
 * Every message is one short array of scalars. Anything else is refused before the decoder sees it, so that no few bytes
 * that declare a huge array, deep nesting or an extension type make it allocate or build what we never asked for.
 */
function assertFlat(frame: Uint8Array): void {
  if (frame.length > maxFrameBytes) throw new BakError("BAD_MESSAGE", "malformed message: larger than any may be");
  const marker = frame[0] ?? 0;
  if ((marker & 0xf0) !== 0x90) throw new BakError("BAD_MESSAGE", "malformed message: not a short array");
  let at = 1;
  for (let left = marker & 0x0f; left > 0; left -= 1) at = skipScalar(frame, at);
  if (at !== frame.length) throw new BakError("BAD_MESSAGE", "malformed message: of another length than its content");
}

/** Where the scalar that begins at `at` ends. */
function skipScalar(frame: Uint8Array, at: number): number {
  const marker = frame[at] ?? 0xc1;
  if (marker < 0x80 || marker >= 0xe0) return at + 1;
  if ((marker & 0xe0) === 0xa0) return skipText(frame, at + 1, marker & 0x1f);
  switch (marker) {
    case 0xc0: // nil, false, true
    case 0xc2:
    case 0xc3:
      return at + 1;
    case 0xcc: // integers of 8, 16, 32 and 64 bits, unsigned and signed
    case 0xd0:
      return at + 2;
    case 0xcd:
    case 0xd1:
      return at + 3;
    case 0xce:
    case 0xd2:
      return at + 5;
    case 0xcf:
    case 0xd3:
      return at + 9;
    case 0xc4: // binary, then text, with lengths of 8, 16 and 32 bits
      return at + 2 + lengthAt(frame, at + 1, 1);
    case 0xc5:
      return at + 3 + lengthAt(frame, at + 1, 2);
    case 0xc6:
      return at + 5 + lengthAt(frame, at + 1, 4);
    case 0xd9:
      return skipText(frame, at + 2, lengthAt(frame, at + 1, 1));
    case 0xda:
      return skipText(frame, at + 3, lengthAt(frame, at + 1, 2));
    case 0xdb:
      return skipText(frame, at + 5, lengthAt(frame, at + 1, 4));
    default:
      throw new BakError(
        "BAD_MESSAGE",
        "malformed message: holds something other than integers, binary, text, booleans and nil",
      );
  }
}

/** A decoder would put something in place of what is not UTF-8. */
function skipText(frame: Uint8Array, at: number, length: number): number {
  if (!isUtf8(frame.subarray(at, at + length))) {
    throw new BakError("BAD_MESSAGE", "malformed message: text that is not UTF-8");
  }
  return at + length;
}

function lengthAt(frame: Uint8Array, at: number, width: number): number {
  let length = 0;
  for (let index = 0; index < width; index += 1) length = length * 256 + (frame[at + index] ?? 0);
  return length;
}
