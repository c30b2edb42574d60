/** Which bytes are handed to a thread as they are, and which are copied first. */
import t from "tap";
import { ownBytes } from "../../src/threads/own-bytes.js";

const length = 60_000;

/** Bytes with so many before and behind them in their buffer. */
function within(before: number, behind: number): Uint8Array {
  return new Uint8Array(before + length + behind).fill(7).subarray(before, before + length);
}

t.test("bytes that are alone in their buffer, or behind the head of their message, are not copied", async (t) => {
  for (const before of [0, 12, 16]) {
    const bytes = within(before, 0);
    t.equal(ownBytes(bytes).buffer, bytes.buffer, `${before} before them`);
    t.equal(ownBytes(bytes).byteOffset, before);
  }
});

t.test("bytes that stand beside others are copied, so that those stay where they are", async (t) => {
  for (const [before, behind] of [
    [0, 1],
    [12, 8], // the end of the stream, which has come with its last member
    [17, 0],
    [40, 20],
  ] as const) {
    const bytes = within(before, behind);
    const own = ownBytes(bytes);
    structuredClone(own, { transfer: [own.buffer] });
    t.equal(bytes.buffer.byteLength, before + length + behind, `${before} before, ${behind} behind`);
    t.ok(bytes.every((byte) => byte === 7));
  }
});

t.test("short bytes, and shared ones, are copied", async (t) => {
  const short = new Uint8Array(4096);
  t.not(ownBytes(short).buffer, short.buffer);
  const shared = new Uint8Array(new SharedArrayBuffer(length));
  t.ok(ownBytes(shared).buffer instanceof ArrayBuffer);
});
