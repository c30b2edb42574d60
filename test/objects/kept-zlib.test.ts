/** Streams of node:zlib that stay open after their work: what Node makes of that, on every Node. */
import { PassThrough, type Transform } from "node:stream";
import * as zlib from "node:zlib";
import t from "tap";
import { keepStream, type KeptStream } from "../../src/objects/kept-zlib.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";

const end = zlib.constants.Z_FINISH;
const words = Buffer.from("the quick brown fox jumps over the lazy dog\n".repeat(3000));

function kept(stream: Transform): KeptStream {
  return keepStream(stream, end) as KeptStream;
}

t.test("a stream can be asked again after its work has ended", (t) => {
  const stream = kept(zlib.createInflateRaw({ chunkSize: 1 << 20 }));
  const packed = zlib.deflateRawSync(words);
  const { output, consumed } = stream.run(packed);
  t.ok(output.equals(words));
  t.equal(consumed, packed.length);
  t.strictSame(stream.run(packed), { output: Buffer.alloc(0), consumed: 0 }, "and is at the end of that");
  stream.close();
  t.end();
});

t.test("what does not fit into one buffer is joined", (t) => {
  const stream = kept(zlib.createInflateRaw({ chunkSize: 4096 }));
  t.ok(stream.run(zlib.deflateRawSync(words)).output.equals(words));
  stream.close();
  t.end();
});

t.test("damage is thrown once, and the stream can be closed", async (t) => {
  const stream = kept(zlib.createInflate());
  t.throws(() => stream.run(seededBytes(1, 1000)), { code: "Z_DATA_ERROR" });
  t.doesNotThrow(() => stream.close());
  await new Promise((resolve) => setImmediate(resolve)); // the stream tells of it now, which would end the process
});

t.test("a stream that is made otherwise is not kept", (t) => {
  t.equal(keepStream(new PassThrough(), end), undefined, "without a handle");
  const withoutWork = Object.assign(new PassThrough(), { _handle: { close: () => undefined } });
  t.equal(keepStream(withoutWork, end), undefined, "without _processChunk");
  t.end();
});

t.test("no listener stays behind", async (t) => {
  const warnings: Error[] = [];
  const listen = (warning: Error): unknown => warnings.push(warning);
  process.on("warning", listen);
  const stream = kept(zlib.createInflateRaw({ chunkSize: 1 << 20 }));
  for (let round = 0; round < 30; round += 1) stream.run(Buffer.of(3, 0));
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", listen);
  t.strictSame(warnings, []);
});
