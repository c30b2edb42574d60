/** What is left of a pack, wherever a byte of it is wrong, with its index and without. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { objectIdBytes } from "../../src/objects/object-id.js";
import { examinePack, type Examined } from "../../src/store/examine-pack.js";
import { Ingest } from "../../src/store/ingest.js";
import type { MemberPlace } from "../../src/store/pack-index.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { blob, makePack, makeZstdPack, object, packFile } from "../helpers/store-pack.js";

const objects = [blob("one"), object("blob", seededBytes(7, 300)), blob("three")];

for (const [codec, make] of [
  ["gzip", makePack],
  ["zstd", makeZstdPack],
] as const) {
  t.test(`a wrong byte anywhere costs the member that it is in, and no other (${codec})`, async (t) => {
    const { members } = await make(...objects.map((each) => [each]));
    const whole = packFile(members);
    const path = join(t.testdir(), "pack");
    const ingest = new Ingest({ threads: 0 });
    let end = 0;
    const places: MemberPlace[] = members.map(({ length }) => {
      end += length;
      return { offset: end - length, packedLength: length, inflatedLength: 0 };
    });
    const { signal } = new AbortController();
    const examine = (known: MemberPlace[] | undefined): Promise<Examined> =>
      examinePack(path, { ingest, codec, places: known, signal });
    const foundIn = ({ objects: found }: Examined): boolean[] => objects.map(({ id }) => found.has(objectIdBytes(id)));
    for (let at = 0; at < whole.length; at += 1) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 0xff;
      writeFileSync(path, bytes);
      const hit = places.findIndex(({ offset, packedLength }) => at >= offset && at < offset + packedLength);
      const expected = objects.map((_, member) => member !== hit);
      for (const known of [places, undefined]) {
        const found = foundIn(await examine(known));
        // a gzip header has a byte or two that say nothing of the data (its time, its system)
        const isAsExpected = found.every((is, member) => is === expected[member] || (is && member === hit));
        if (!isAsExpected) t.fail(`byte ${at}, ${known === undefined ? "without" : "with"} index: ${String(found)}`);
      }
    }
    for (let length = 0; length < whole.length; length += 7) {
      writeFileSync(path, whole.subarray(0, length));
      const expected = places.map(({ offset, packedLength }) => offset + packedLength <= length);
      for (const known of [places, undefined]) {
        const found = foundIn(await examine(known));
        if (String(found) !== String(expected)) t.fail(`cut at ${length}: ${String(found)}`);
      }
    }
    writeFileSync(path, Buffer.concat([whole, Buffer.from("and more")]));
    t.match(await examine(places), { intact: 3, broken: 0 });
    t.strictSame(foundIn(await examine(undefined)), [true, true, true]);
    t.match(await examinePack(join(path, "..", "none"), { ingest, codec, places, signal }), { intact: 0 });
    await ingest.close();
  });
}
