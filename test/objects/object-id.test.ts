/** Object ids in text and in bytes. */
import fc from "fast-check";
import t from "tap";
import {
  decodeObjectIds,
  encodeObjectIds,
  isObjectId,
  objectIdAt,
  objectIdBytes,
  objectIdLength,
  objectIdOf,
  parseObjectId,
} from "../../src/objects/object-id.js";
import { objectIds } from "../helpers/arbitraries.js";
import { holds } from "../helpers/arbitrary-properties.js";

const empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

t.test("an object is named by the BLAKE3 of its bytes alone", (t) => {
  t.equal(objectIdOf(new Uint8Array(0)), empty);
  t.end();
});

t.test("an id is 64 lower-case hex digits and nothing else", (t) => {
  t.equal(parseObjectId(empty), empty);
  const others = [
    "",
    empty.slice(1),
    `${empty}0`,
    empty.toUpperCase(),
    `${empty}\n`,
    `\n${empty}`,
    ` ${empty}`,
    `${empty.slice(0, 63)}g`,
    `${empty.slice(0, 63)}\0`,
    `0x${empty.slice(2)}`,
    `../${empty.slice(3)}`,
    `${empty.slice(0, 63)}٣`,
  ];
  for (const text of others) {
    t.notOk(isObjectId(text), JSON.stringify(text));
    t.throws(() => parseObjectId(text), { code: "BAD_OBJECT_ID" });
  }
  t.end();
});

t.test("a refused id is quoted on one line, and not all of it", (t) => {
  t.throws(() => parseObjectId("a\n\x1b[2J"), { message: "not an object id: 'a\\x0a\\x1b[2J'" });
  t.throws(() => parseObjectId("x".repeat(1e6)), { message: `not an object id: '${"x".repeat(80)}'` });
  t.end();
});

t.test("ids go to 32 bytes and back", (t) => {
  const there = fc.property(objectIds, fc.nat(9), (id, offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset, 1), objectIdBytes(id), Buffer.of(2)]);
    return bytes.length === offset + objectIdLength + 1 && objectIdAt(bytes, offset) === id && isObjectId(id);
  });
  holds(t, "any id, at any offset", there);
  t.end();
});

t.test("many ids go to their bytes, one after the other, and back", (t) => {
  const there = fc.property(fc.array(objectIds), fc.nat(31), (ids, rest) => {
    const bytes = encodeObjectIds(ids);
    const isConcatenated = bytes.equals(Buffer.concat(ids.map(objectIdBytes)));
    const back = decodeObjectIds(Buffer.concat([bytes, Buffer.alloc(rest)]));
    return isConcatenated && back.length === ids.length && back.every((id, index) => id === ids[index]);
  });
  holds(t, "any ids, with anything too short for one behind them", there);
  t.end();
});

t.test("an id is read from a view where the view begins", (t) => {
  const memory = new Uint8Array(100);
  memory.set(objectIdBytes(parseObjectId(empty)), 10);
  t.equal(objectIdAt(memory.subarray(10)), empty);
  t.equal(objectIdAt(memory.subarray(8), 2), empty);
  t.end();
});

t.test("an id beyond the end of its bytes is a bug, also where the memory goes on", (t) => {
  const memory = new Uint8Array(100);
  t.throws(() => objectIdAt(memory.subarray(0, 31)), RangeError);
  t.throws(() => objectIdAt(memory.subarray(0, 40), 9), RangeError);
  t.end();
});
