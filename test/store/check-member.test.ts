/** Checking a member: every tar that bak writes passes, and nothing else does. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import { packMember, unpackMemberInBackground } from "../../src/objects/member-codec.js";
import { decodeMemberTar, encodeMemberTar } from "../../src/objects/member-tar.js";
import { objectKinds, type PackedObject } from "../../src/objects/object-kind.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { checkMember } from "../../src/store/check-member.js";
import { recordsOf } from "../../src/store/pack-index-builder.js";
import { mutationsOf, seededBytes } from "../helpers/arbitrary-bytes.js";
import { blob, object } from "../helpers/store-pack.js";

type Made = PackedObject<ObjectId>;

const objects: fc.Arbitrary<Made[]> = fc.array(
  fc
    .tuple(fc.constantFrom(...objectKinds), fc.nat(255), fc.oneof(fc.nat(20), fc.nat(1100), fc.nat(20_000)))
    .map(([kind, seed, length]) => object(kind, seededBytes(seed, length))),
  { minLength: 1, maxLength: 20 },
);

t.test("the records of a member are those of its objects", async () => {
  await fc.assert(
    fc.asyncProperty(objects, fc.nat(0xffffff), async (objects, number) => {
      const packed = packMember(await encodeMemberTar(objects), "gzip");
      const { inflatedLength, records } = await checkMember(packed, number);
      const tar = await unpackMemberInBackground(packed);
      return (
        inflatedLength === tar.length &&
        isDeepStrictEqual(Buffer.from(records), Buffer.from(recordsOf(decodeMemberTar(tar), number)))
      );
    }),
    { numRuns: 200 },
  );
});

t.test("a tar with any byte changed, added or taken is refused", async (t) => {
  const tar = await encodeMemberTar([
    object("commit", "some text"),
    blob(""),
    object("tree", "x".repeat(513)),
    blob("last"),
  ]);
  await checkMember(packMember(tar, "none"), 0);
  let refused = 0;
  const accepted: number[] = [];
  for (const mutant of mutationsOf(tar)) {
    if (mutant.length === 0) continue; // nothing can be packed of it
    try {
      await checkMember(packMember(mutant, "none"), 0);
      // whole entries may be missing at the end
      if (!isDeepStrictEqual(mutant, tar.subarray(0, mutant.length))) accepted.push(refused);
    } catch (error) {
      if ((error as { code?: string }).code !== "BAD_PACK") throw error;
      refused += 1;
    }
  }
  t.strictSame(accepted, []);
  t.ok(refused > 3000, `${refused} refused`);
});

t.test("an object of another hash is named, with its kind, and the hash that it has", async (t) => {
  const [right, wrong] = [blob("right"), object("list", "wrong")];
  const tar = await encodeMemberTar([right, { ...wrong, id: right.id }, right]);
  await t.rejects(checkMember(packMember(tar, "gzip"), 0), {
    code: "BAD_PACK",
    message: `refused pack: the bytes of 'list/${right.id}' have the hash '${wrong.id}'`,
  });
});
