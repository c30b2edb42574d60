/** When packs were verified: what is written is what is read, and anything else counts for nothing. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import t from "tap";
import type { ObjectId } from "../../src/objects/object-id.js";
import { nodeDisk } from "../../src/store/disk.js";
import { IncompleteHeads, parseHeads } from "../../src/store/incomplete-heads.js";
import { Layout } from "../../src/store/layout.js";
import { formatVerified, parseVerified, Verified } from "../../src/store/verified.js";
import { mutationsOf } from "../helpers/arbitrary-bytes.js";
import { objectIds } from "../helpers/arbitraries.js";
import { holds } from "../helpers/arbitrary-properties.js";

const [one, two] = ["11".repeat(32), "22".repeat(32)] as [ObjectId, ObjectId];

const verifications = fc
  .array(fc.tuple(objectIds, fc.record({ atMs: fc.integer({ min: 0, max: 4e12 }), isDamaged: fc.boolean() })), {
    maxLength: 5,
  })
  .map((entries) => new Map(entries.map(([id, { atMs, isDamaged }]) => [id, { atMs, isDamaged }])));

t.test("what is written is what is read", (t) => {
  const property = fc.property(verifications, (packs) => {
    const read = parseVerified(formatVerified(packs).toString("latin1"));
    return JSON.stringify([...(read ?? [])]) === JSON.stringify([...packs]);
  });
  holds(t, "every pack, in its order", property);
  t.end();
});

t.test("a file that has been changed anywhere is not used", (t) => {
  const whole = formatVerified(new Map([[one, { atMs: 1000, isDamaged: false }]]));
  let tried = 0;
  for (const bytes of mutationsOf(whole)) {
    if (whole.equals(bytes)) continue;
    tried += 1;
    if (parseVerified(bytes.toString("latin1")) !== undefined) t.fail(bytes.toString("latin1"));
  }
  t.ok(tried > whole.length);
  t.equal(parseVerified(""), undefined);
  t.end();
});

t.test("a file is written when there is something new, and forgets packs that are gone", async (t) => {
  const layout = new Layout(t.testdir({ incoming: {} }));
  const verified = new Verified(nodeDisk, layout);
  await verified.load();
  await verified.save(() => true);
  t.throws(() => readFileSync(layout.verified), { code: "ENOENT" });
  verified.set(one, { atMs: 1, isDamaged: false });
  verified.set(two, { atMs: 2, isDamaged: true });
  await verified.save((pack) => pack === two);
  const again = new Verified(nodeDisk, layout);
  await again.load();
  t.equal(again.of(one), undefined);
  t.strictSame(again.of(two), { atMs: 2, isDamaged: true });
});

t.test("a damaged file is told of, and the next save puts a sound one in its place", async (t) => {
  const layout = new Layout(t.testdir({ incoming: {}, verified: "nonsense\n" }));
  const verified = new Verified(nodeDisk, layout);
  await verified.load();
  t.ok(verified.isUnreadable);
  await verified.save(() => true);
  t.notOk(verified.isUnreadable);
  t.strictSame(parseVerified(readFileSync(layout.verified, "latin1")), new Map());
});

t.test(
  "which heads are incomplete outlives the process, and a file that is not as it should be means all",
  async (t) => {
    const layout = new Layout(t.testdir({ incoming: {} }));
    const load = (): Promise<IncompleteHeads> => IncompleteHeads.load(nodeDisk, layout);
    const heads = await load();
    await heads.set([]);
    t.throws(() => readFileSync(layout.incompleteHeads), { code: "ENOENT" }, "nothing to be written");
    await heads.suspectAll();
    t.ok((await load()).has(one));
    await heads.set([one]);
    t.ok((await load()).has(one));
    t.notOk((await load()).has(two));
    await heads.retain((head) => head !== one);
    t.notOk((await load()).has(one));
    mkdirSync(layout.damaged, { recursive: true });
    for (const text of [one, `${one}\nx\n`, "\n"]) {
      writeFileSync(layout.incompleteHeads, text);
      t.ok((await load()).has(two), JSON.stringify(text));
    }
    t.strictSame([...parseHeads("")], []);
  },
);
