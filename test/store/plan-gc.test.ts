/** Which packs go, which are rewritten and which are joined: from counts alone. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import t from "tap";
import type { ObjectId } from "../../src/objects/object-id.js";
import { defaultLimits, planGc, wasteOf, type GcPlan, type PackUse } from "../../src/store/plan-gc.js";

const mib = 1 << 20;
let made = 0;

/** A pack of so many MiB, of which a share is needed. */
function pack(mebibytes: number, share: number, changes: Partial<PackUse> = {}): PackUse {
  const bytes = Math.ceil(mebibytes * mib);
  const objects = 100;
  return {
    id: createHash("sha256")
      .update(`${(made += 1)}`)
      .digest("hex") as ObjectId,
    codec: "gzip",
    bytes,
    liveBytes: share === 1 ? bytes : Math.floor(bytes * share),
    objects,
    liveObjects: Math.ceil(objects * share),
    isSpared: false,
    ...changes,
  };
}

const rewritten = ({ rewrite }: GcPlan): Set<PackUse> => new Set(rewrite.flat());

t.test("packs of which nothing is needed go, but those that are spared stay", (t) => {
  const [dead, spared, live] = [pack(60, 0), pack(60, 0, { isSpared: true }), pack(60, 1)];
  t.strictSame(planGc([dead, spared, live]), { remove: [dead], rewrite: [] });
  t.strictSame(planGc([]), { remove: [], rewrite: [] });
  t.end();
});

t.test("a pack with more than a quarter of waste is rewritten, whatever there is in the store", (t) => {
  const full = Array.from({ length: 100 }, () => pack(60, 1));
  const [little, much, spared] = [pack(60, 0.8), pack(60, 0.7), pack(60, 0.1, { isSpared: true })];
  t.strictSame(rewritten(planGc([...full, little, much, spared])), new Set([much]));
  t.end();
});

t.test("of packs with little waste the worst are rewritten until a twentieth of the store is left", (t) => {
  const packs = Array.from({ length: 20 }, (_, at) => pack(60, 1 - at / 100));
  const chosen = rewritten(planGc(packs));
  const left = packs.filter((each) => !chosen.has(each));
  const waste = left.reduce((sum, each) => sum + wasteOf(each), 0);
  t.ok(waste <= 0.05 * 20 * 60 * mib, `${waste} bytes`);
  t.ok(chosen.size > 0 && chosen.size < 20);
  t.ok(
    [...chosen].every((each) => left.every((other) => wasteOf(other) <= wasteOf(each))),
    "the worst ones",
  );
  t.end();
});

t.test("four small packs of about the same length are joined, three are not, nor are those of another codec", (t) => {
  const three = [pack(5, 1), pack(6, 1), pack(15, 1)];
  const other = pack(7, 1, { codec: "zstd" });
  t.strictSame(planGc([...three, other, pack(0.01, 1), pack(0.05, 1), pack(0.2, 1), pack(60, 1)]).rewrite, []);
  const fourth = pack(4, 1);
  t.strictSame(rewritten(planGc([...three, other, fourth])), new Set([...three, fourth]));
  t.equal(planGc([...three, other, fourth]).rewrite.length, 1, "as one");
  t.end();
});

t.test("a pack that would only be copied stays", (t) => {
  // three fill a pack, and the fourth would be alone
  const packs = Array.from({ length: 5 }, () => pack(15.9, 1));
  const plan = planGc(packs);
  t.strictSame(
    plan.rewrite.map(({ length }) => length),
    [4],
  );
  t.end();
});

t.test("however many small packs come, they are few in the end, and no byte is copied often", (t) => {
  let packs: PackUse[] = [];
  let copied = 0;
  const pushes = 1000;
  for (let push = 0; push < pushes; push += 1) {
    packs.push(pack(0.1, 1));
    if (push % 7 !== 6) continue;
    const plan = planGc(packs);
    const gone = rewritten(plan);
    packs = packs.filter((each) => !gone.has(each));
    for (const group of plan.rewrite) {
      const bytes = group.reduce((sum, each) => sum + each.bytes, 0);
      copied += bytes;
      packs.push(pack(bytes / mib, 1));
    }
  }
  t.ok(packs.length < 30, `${packs.length} packs`);
  t.ok(copied / (pushes * 0.1 * mib) < 5, `each byte was copied ${copied / (pushes * 0.1 * mib)} times`);
  t.end();
});

t.test("whatever there is: no pack is planned twice, none that is spared, and waste stays within the limits", (t) => {
  const use = fc
    .record({
      mebibytes: fc.double({ min: 0.001, max: 128, noNaN: true }),
      share: fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0.01, max: 0.99, noNaN: true })),
      isSpared: fc.boolean(),
      codec: fc.constantFrom("gzip" as const, "zstd" as const),
    })
    .map(({ mebibytes, share, ...changes }) => pack(mebibytes, share, changes));
  const limits = fc.oneof(
    fc.constant(defaultLimits),
    fc.record({
      ofPack: fc.double({ min: 0, max: 1, noNaN: true }),
      ofStore: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  );
  const property = fc.property(fc.array(use, { maxLength: 60 }), limits, (uses, limits) => {
    const plan = planGc(uses, limits);
    const planned = [...plan.remove, ...plan.rewrite.flat()];
    const left = uses.filter((each) => !planned.includes(each));
    const free = left.filter(({ isSpared }) => !isSpared);
    const kept = uses.filter((each) => !plan.remove.includes(each)).reduce((sum, { bytes }) => sum + bytes, 0);
    const waste = free.reduce((sum, each) => sum + wasteOf(each), 0);
    return (
      new Set(planned).size === planned.length &&
      planned.every(({ isSpared }) => !isSpared) &&
      free.every((each) => each.liveObjects > 0 && wasteOf(each) <= each.bytes * limits.ofPack + 1) &&
      waste <= kept * limits.ofStore + 1 &&
      plan.rewrite.every((group) => new Set(group.map(({ codec }) => codec)).size === 1)
    );
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 500 }));
  t.end();
});
