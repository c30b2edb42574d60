/** What `bak gc` says. */
import t from "tap";
import type { Collected } from "../../src/client/remote.js";
import { describeCollected, describeCollecting, describeLeft, freedBytes, graceMsOf } from "../../src/cli/gc-talk.js";

const nothing: Collected = {
  packs: 20,
  bytes: 14_300_000_000,
  objects: 812_000,
  packsDeleted: 0,
  bytesDeleted: 0,
  packsRewritten: 0,
  bytesRewritten: 0,
  packsMade: 0,
  bytesMade: 0,
  packsSkipped: 0,
  packsWaiting: 0,
  objectsDropped: 0,
  commitsDropped: 0,
};
const much: Collected = {
  ...nothing,
  packsDeleted: 1,
  bytesDeleted: 1_100_000_000,
  packsRewritten: 3,
  bytesRewritten: 192_000_000,
  packsMade: 2,
  bytesMade: 92_000_000,
  commitsDropped: 2,
};

t.test("what was done, and what would be", (t) => {
  t.strictSame(describeCollected(nothing, { isDryRun: false }), ["nothing to clean: 20 packs, 14.3 GB"]);
  t.strictSame(describeCollected(much, { isDryRun: false }), [
    "freed 1.20 GB of 14.3 GB",
    "deleted 1 pack, 1.10 GB",
    "rewritten 3 packs, 192 MB, as 2",
    "given up 2 forgotten commits for good",
  ]);
  t.strictSame(describeCollected(much, { isDryRun: true }).slice(0, 2), [
    "would free 1.20 GB of 14.3 GB",
    "would have deleted 1 pack, 1.10 GB",
  ]);
  t.equal(freedBytes({ ...nothing, bytesMade: 5 }), 0);
  t.strictSame(describeLeft(nothing), []);
  t.equal(describeLeft({ ...nothing, packsSkipped: 1, packsWaiting: 2 }).length, 2);
  t.end();
});

t.test("how far it is", (t) => {
  const at = (phase: string): string => describeCollecting({ phase, done: 1_000_000, total: 2_000_000 });
  t.strictSame(["marking", "counting", "deleting", "rewriting", "of a later version"].map(at), [
    "looking for what is in use: 1,000,000 objects",
    "looking at packs: 1,000,000 of 2,000,000",
    "deleting 2,000,000 packs",
    "rewriting packs: 1.00 MB of 2.00 MB",
    "cleaning",
  ]);
  t.end();
});

t.test("the grace is a span of time, or 0", (t) => {
  const now = Date.UTC(2026, 5, 15, 12);
  t.equal(graceMsOf("0", now), 0);
  t.equal(graceMsOf("36h", now), 36 * 3_600_000);
  t.equal(graceMsOf("999999y", now), Number.MAX_SAFE_INTEGER);
  for (const text of ["", "7", "-1d", "1w"]) t.throws(() => graceMsOf(text, now), { code: "USAGE" });
  t.end();
});
