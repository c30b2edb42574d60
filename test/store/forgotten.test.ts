/** What forgetting and bringing back make of a project's lines, whatever they are. */
import fc from "fast-check";
import t from "tap";
import type { ObjectId } from "../../src/objects/object-id.js";
import { bringBackLines, forgetLines, withoutLive } from "../../src/store/forgotten.js";
import type { LogLine } from "../../src/store/store.js";

const commit = fc.integer({ min: 0, max: 30 }).map((number) => String(number).padStart(64, "0") as ObjectId);
const commits = fc.array(commit, { maxLength: 12 });
/** Times rise, as the store sees to; a commit may come twice. */
const log = fc.array(fc.tuple(commit, fc.integer({ min: 1, max: 5 })), { maxLength: 20 }).map((lines): LogLine[] => {
  let receivedMs = 0;
  return lines.map(([each, later]) => ({ commit: each, receivedMs: (receivedMs += later) }));
});

t.test("no line is lost or made, and no commit is in both", (t) => {
  fc.assert(
    fc.property(log, fc.array(fc.tuple(fc.boolean(), commits), { maxLength: 6 }), (all, changes) => {
      let lines = { log: all, forgotten: [] } as Pick<ReturnType<typeof forgetLines>, "log" | "forgotten">;
      for (const [isUndo, some] of changes) {
        lines = isUndo ? bringBackLines(lines, some) : forgetLines(lines, some, 7);
        const key = (each: LogLine): string => `${each.receivedMs} ${each.commit}`;
        t.strictSame([...lines.log, ...lines.forgotten].map(key).toSorted(), all.map(key).toSorted());
        t.strictSame(withoutLive(lines.forgotten, lines.log), lines.forgotten);
        const times = lines.log.map(({ receivedMs }) => receivedMs);
        t.strictSame(
          times,
          times.toSorted((a, b) => a - b),
        );
      }
    }),
    { numRuns: 200 },
  );
  t.end();
});

t.test("bringing back undoes forgetting, in any order and any parts", (t) => {
  fc.assert(
    fc.property(log, commits, commits, (all, first, second) => {
      const before = { log: all, forgotten: [] };
      const one = forgetLines(before, first, 1);
      const both = forgetLines(one, second, 2);
      t.equal(both.log.length + one.moved.length + both.moved.length, all.length);
      t.strictSame(bringBackLines(bringBackLines(both, first), second).log, all);
      t.strictSame(bringBackLines(both, [...second, ...first]).log, all);
    }),
    { numRuns: 200 },
  );
  t.end();
});

t.test("a clock that was set back does not move the lines that stayed", (t) => {
  const [a, b, c] = ["a", "b", "c"].map((digit) => digit.repeat(64) as ObjectId) as [ObjectId, ObjectId, ObjectId];
  const lines = [
    { commit: a, receivedMs: 10 },
    { commit: b, receivedMs: 5 },
  ];
  const forgotten = [{ commit: c, receivedMs: 7, forgottenMs: 20 }];
  t.strictSame(
    bringBackLines({ log: lines, forgotten }, [c]).log.map((line) => line.commit),
    [c, a, b],
  );
  t.end();
});
