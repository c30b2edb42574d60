/** Zstandard from Node and from WebAssembly: both read what the other, and the zstd program, have written. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import t from "tap";
import { canWriteZstd, compressZstd, loadZstdReader, zstdReader, type ZstdReader } from "../../src/objects/zstd.js";
import { measureZstdFrame } from "../../src/objects/zstd-frame.js";
import { hexBytes, mutationsOf, seededBytes } from "../helpers/arbitrary-bytes.js";
import { runZstd, zstdMember } from "../helpers/zstd-program.js";

const words = Buffer.from("the quick brown fox jumps over the lazy dog\n".repeat(30));

const numbers = Buffer.from(
  Array.from({ length: 120 }, (_, line) => `line ${line}: ${(line * 7919) % 1009} of ${(line * line) % 97}\n`).join(""),
);

/** What Node 24 makes of some contents: these are read for ever, on every Node. */
const golden: [string, Buffer, string][] = [
  [
    "text at level 1",
    words,
    "28b52ffd642804ad0100c40274686520717569636b2062726f776e20666f78206a756d7073206f76657220746865206c617a" +
      "7920646f670a0100cce7fdaa0c64eabc6f",
  ],
  [
    "text at level -7",
    words,
    "28b52ffd6428040d0300840574686520717569636b2062726f776e20666f78206a756d7073206f76657220746865206c617a" +
      "7920646f670a74686520717569636b2062726f776e20666f78206a756d7073206f76657220746865206c617a7920646f670a" +
      "01005833db1fa264eabc6f",
  ],
  [
    "lines of numbers at level 3",
    numbers,
    "28b52ffd64d207bd170086214612b015141ed6810226495024239be47827e04044003e003e0047abc88fc722eb2e926ce8c8" +
      "31f235d275cd44b6771429edd123918e167948461869538c7c99c891f51a4e24a154450e8d58a41bc210af8b6c20210c2191" +
      "1200030102011e291d0dd17f91383fa1696d6aa8c747d69ccb228d9ca1429a3bcbb86aea27bede52543a0fb52ed24dd6a33d" +
      "d2aeb1dd1b468ac5c48dc431475ef1a6480bf6b348b2e2d85ca48df063781329667cd5fde8fd8b4e6f9de46575e9eb26252f" +
      "4febc796a7de42bc235b7615dad96a84e5c853dd59238b064b741abada50c1318421e858276def966aafc86aad57b7538a44" +
      "119b542a954ee4486fa42d0a462292a1c8145e1011e5fcabdefddcb3faf5ea239f5c1d894667369bdc66028138a811515412" +
      "679903d1050711a4e10311109a556c396dc731cf36b4cc58f9da4e7c2d51bbca11eb5a1179c2dfd9af6342089765b79347bf" +
      "15e3596a96fd1a0f5d691b3b53065b4a4f96f23fc1b71f8aa4ad889cf11598c0910fdd30b8d4540135d27b0ffad8c2477d63" +
      "8fc10bdb42d69a1323c5d7ba43c3b3baeead3c358cda3b74278de666592c0aa32d0f1f39498f84cde73d6a4583ee1dca8479" +
      "c1fc7108497968edc13a3c29f4de43277eebf502a7fba527451c397bca26168ca73116043509bec108a98f809e01c98970a6" +
      "b62f80ca67b678d0db0b12d10586e40c88a8b711c1d8e288d6e7ee33282e6e36804fb1e54574ea5b7e09b104001bc127393d" +
      "7e95fa25640a14819cb77c8225646240e2df25f0ee09fe03e241eec96711ef053672bd5c802c5c7be12112601ef65cefa5f6" +
      "0c57fbcde7ba15564ea70319f5e2a1933826f40c368ee448d2c9c247883021738061390b40e2d8ddfafa18700ed0fb7e2f8a" +
      "81e6fbf5aec2c6cecb6403c5b6df0bf8c7ea43496777ec7c507b4b55a373583d6d41a85e1e62dedc96ce325841ba7b31ec72" +
      "5276434756ba784e020e54aa87f38ce54c7ef9c60cb730e1f2d7c16adbc7e00516607b4c57bc80200b13e49fccb1c1310ae3" +
      "6cc047b6568d17bff8814921e244dfaad85f1506b1c166",
  ],
  ["zeros", Buffer.alloc(300_000), "28b52ffda4e09304005400001000000100fbff39c00202001000039f04002d28de26"],
  ["one byte", Buffer.of(7), "28b52ffd240109000007b7bb58e8"],
];

/** The implementations that this Node has. */
async function readers(): Promise<ZstdReader[]> {
  const wasm = await loadZstdReader("wasm");
  return canWriteZstd() ? [wasm, await loadZstdReader("native")] : [wasm];
}

/** Every way in which this machine can compress, by its name. */
const writers: [string, (bytes: Uint8Array, level: number) => Buffer][] = [
  ["the zstd program", zstdMember],
  ...(canWriteZstd() ? [["Node", compressZstd] as [string, typeof compressZstd]] : []),
];

/** Contents that make a compressor use all that it knows: runs, near and far repeats, text, noise. */
const contents = fc
  .array(
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 3000 }),
      fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 200_000 })).map(([byte, length]) => Buffer.alloc(length, byte)),
      fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 150_000 })).map(([seed, length]) => seededBytes(seed, length)),
      fc.integer({ min: 1, max: 900 }).map((times) => Buffer.alloc(words.length * times, words)),
      fc.lorem({ maxCount: 400 }).map((text) => Buffer.from(text || " ")),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts));

t.test("golden frames are read", async (t) => {
  for (const reader of await readers()) {
    for (const [name, content, hex] of golden) {
      const frame = hexBytes(hex);
      t.strictSame(measureZstdFrame(frame, 1 << 20), { length: frame.length, contentLength: content.length }, name);
      t.ok(reader.inflate(frame, content.length).equals(content), `${name}, by ${reader.name}`);
      t.ok((await reader.inflateInBackground(frame, content.length)).equals(content), `${name}, in the background`);
    }
  }
});

t.test("the implementation in use is Node's own where there is one", async (t) => {
  t.equal((await zstdReader()).name, canWriteZstd() ? "native" : "wasm");
  t.equal(zstdReader() instanceof Promise, !canWriteZstd(), "which need not be loaded");
  if (!canWriteZstd()) {
    t.throws(() => compressZstd(words, 1), { message: /no zstd/ });
    await t.rejects(loadZstdReader("native"));
  }
});

t.test("all read what any has written", async (t) => {
  const all = await readers();
  const property = fc.asyncProperty(contents, fc.constantFrom(-7, 1, 2, 3, 5, 6, 9, 19), async (content, level) => {
    for (const [, write] of writers) {
      const frame = write(content, level);
      const measured = measureZstdFrame(frame, 9 << 20);
      if (measured.length !== frame.length || measured.contentLength !== content.length) return false;
      for (const reader of all) {
        if (!reader.inflate(frame, content.length).equals(content)) return false;
        if (!(await reader.inflateInBackground(frame, content.length)).equals(content)) return false;
      }
    }
    return true;
  });
  await t.resolves(fc.assert(property, { numRuns: 40, seed: 1, endOnFailure: true }));
});

t.test("the zstd program reads what Node has written", { skip: !canWriteZstd() && "this Node has no zstd" }, (t) => {
  for (const level of [-7, 1, 3, 6, 19]) {
    for (const content of [words, seededBytes(3, 700_000), Buffer.alloc(3 << 20), Buffer.of(1)]) {
      t.ok(runZstd(["-d"], compressZstd(content, level)).equals(content), `level ${level}, ${content.length} bytes`);
    }
  }
  t.end();
});

t.test(
  "level 1 makes less of text than the zstd program's",
  { skip: !canWriteZstd() && "this Node has no zstd" },
  (t) => {
    const pages = ["commands", "format", "performance", "protocol"].map((page) => `docs/${page}.md`);
    const text = Buffer.concat([...pages, "package-lock.json"].map((path) => readFileSync(path))); // as long as a member
    const bytes = compressZstd(text, 1).length;
    const usual = zstdMember(text, 1).length;
    t.ok(bytes < usual * 0.995, `${bytes} bytes, not ${usual}`);
    t.end();
  },
);

t.test("a frame that decodes to another length or checksum than it says is refused", async (t) => {
  const content = seededBytes(1, 400);
  const frame = zstdMember(content);
  const changed = Buffer.from(frame);
  changed[changed.length - 1]! ^= 1;
  for (const reader of await readers()) {
    t.ok(reader.inflate(frame, content.length).equals(content));
    t.throws(() => reader.inflate(changed, content.length), `${reader.name}: the checksum`);
    t.throws(() => reader.inflate(frame, content.length - 1), `${reader.name}: longer than asked for`);
    t.throws(() => reader.inflate(frame, content.length + 1), `${reader.name}: shorter than asked for`);
    await t.rejects(reader.inflateInBackground(changed, content.length));
    await t.rejects(reader.inflateInBackground(frame, content.length + 1));
    t.ok(reader.inflate(frame, content.length).equals(content), "and it goes on");
  }
});

t.test("what a damaged frame did is nothing to the next", async (t) => {
  const contents = [words, numbers, seededBytes(2, 3000), Buffer.alloc(200_000, "ab")];
  const frames = contents.map((content) => zstdMember(content));
  for (const reader of await readers()) {
    const wrong: string[] = [];
    const whole = (index: number): void => {
      const content = contents[index] as Buffer;
      if (!reader.inflate(frames[index] as Buffer, content.length).equals(content)) wrong.push(`frame ${index}`);
    };
    let refused = 0;
    for (const [index, frame] of frames.entries()) {
      for (const bytes of mutationsOf(frame.subarray(0, 600))) {
        try {
          reader.inflate(bytes, (contents[index] as Buffer).length);
        } catch {
          refused += 1;
        }
        whole((index + 1) % frames.length);
        await new Promise((resolve) => setImmediate(resolve)); // Node lets go of what has failed
      }
    }
    t.strictSame(wrong, [], reader.name);
    t.ok(refused > 1000, `${refused} were refused`);
  }
});

t.test("an own copy stays as it is, and what is borrowed is right until the next", async (t) => {
  const other = seededBytes(5, words.length);
  for (const reader of await readers()) {
    const own = reader.inflate(zstdMember(words), words.length);
    t.ok(reader.inflate(zstdMember(other), other.length, true).equals(other), reader.name);
    t.ok(own.equals(words));
    const large = Buffer.alloc(5 << 20, "large");
    t.ok(reader.inflate(zstdMember(large), large.length, true).equals(large), "more than there was room for");
    t.ok(reader.inflate(zstdMember(words), words.length, true).equals(words));
  }
});

t.test("frames do not depend on those before", { skip: !canWriteZstd() && "this Node has no zstd" }, (t) => {
  const made = [1, -7, 3, 1, 9, -7, 1, 1].map((level, index) => {
    const content = index % 2 === 0 ? words : seededBytes(index, 700_000);
    return { content, frame: compressZstd(content, level) };
  });
  for (const [index, { content, frame }] of made.entries()) {
    const measured = measureZstdFrame(frame, 9 << 20);
    t.strictSame(measured, { length: frame.length, contentLength: content.length }, `frame ${index}`);
    t.ok(runZstd(["-d"], frame).equals(content), "and by itself it is what was compressed");
  }
  t.end();
});

t.test("a frame of any length is one frame", { skip: !canWriteZstd() && "this Node has no zstd" }, (t) => {
  // Node takes what comes out in buffers of 256 KiB, and random bytes come out as they are, with little around them
  const random = seededBytes(3, 520 << 10);
  for (const bufferBytes of [256 << 10, 512 << 10]) {
    const lengths = new Set<number>();
    for (let length = bufferBytes - 50; length < bufferBytes + 5; length += 1) {
      const content = random.subarray(0, length);
      for (const level of [1, -7]) {
        const frame = compressZstd(content, level);
        t.same(measureZstdFrame(frame, 9 << 20), { length: frame.length, contentLength: length }, `${length} bytes`);
        lengths.add(frame.length);
      }
    }
    t.ok(lengths.has(bufferBytes), "one ends where a buffer does");
  }
  t.equal(measureZstdFrame(compressZstd(words, 1), words.length).contentLength, words.length, "and so is the next");
  t.end();
});

t.test("what pretends to decode to much costs no time", async (t) => {
  // 32,522 sequences of 131 kB each from no bits at all: a decoder that believes them is busy for minutes
  const block = Buffer.from([0x00, 0xff, 0x0a, 0x00, 0x54, 35, 0, 52, 1]);
  const header = Buffer.alloc(3);
  header.writeUIntLE((block.length << 3) | (2 << 1) | 1, 0, 3);
  const frame = Buffer.concat([hexBytes("28b52ffda4", "00000800"), header, block, Buffer.alloc(4)]);
  for (const reader of await readers()) {
    const { user } = process.cpuUsage();
    t.throws(() => reader.inflate(frame, 512 << 10), reader.name);
    t.ok(process.cpuUsage().user - user < 500_000, "less than half a second");
  }
});
