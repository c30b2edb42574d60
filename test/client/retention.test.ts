/** Which commits a policy keeps, and why. Times here are those of a zone with summer time. */
process.env["TZ"] = "Europe/Berlin";

import fc from "fast-check";
import t from "tap";
import { judge, type Datable, type Policy } from "../../src/client/retention.js";
import { parseSpan } from "../../src/client/span.js";
import type { ObjectId } from "../../src/objects/object-id.js";

/** Commits received at times as `2026-11-22 13:40`, in local time; given oldest first, as they were made. */
function history(...times: string[]): Datable[] {
  return times
    .map((time, index) => {
      const [at = "", ...tags] = time.split("#");
      return { commit: String(index).padStart(64, "0") as ObjectId, receivedMs: Date.parse(at.trim()), tags };
    })
    .toReversed();
}

const when = (line: Datable): string => {
  const date = new Date(line.receivedMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
};

/** What is kept, newest first, and why. */
function kept(lines: readonly Datable[], policy: Policy): string[] {
  return judge(lines, policy)
    .filter(({ reasons }) => reasons.length > 0)
    .map(({ line, reasons }) => `${when(line)} ${reasons.join(", ")}`);
}

const week = history(
  "2026-11-16 08:00", // a Monday
  "2026-11-16 20:00",
  "2026-11-17 08:00",
  "2026-11-18 08:00",
  "2026-11-18 08:30#keep",
  "2026-11-22 23:59", // Sunday of the same week
  "2026-11-23 00:01",
);

const cases: [string, Policy, string[]][] = [
  ["nothing is asked for", {}, []],
  ["the last two", { last: 2 }, ["11-23 00:01 last", "11-22 23:59 last"]],
  ["a rule of 0 is none", { last: 0, daily: 1 }, ["11-23 00:01 daily"]],
  [
    "days without commits do not count, and the newest of a day stays",
    { daily: 4 },
    ["11-23 00:01 daily", "11-22 23:59 daily", "11-18 08:30 daily", "11-17 08:00 daily"],
  ],
  [
    "where there are fewer days than that, the oldest commit stays too",
    { daily: 9 },
    [
      "11-23 00:01 daily",
      "11-22 23:59 daily",
      "11-18 08:30 daily",
      "11-17 08:00 daily",
      "11-16 20:00 daily",
      "11-16 08:00 oldest daily",
    ],
  ],
  [
    "an hour begins with its minute 0",
    { hourly: 3 },
    ["11-23 00:01 hourly", "11-22 23:59 hourly", "11-18 08:30 hourly"],
  ],
  ["a week begins on Monday", { weekly: 2 }, ["11-23 00:01 weekly", "11-22 23:59 weekly"]],
  ["rules look each for itself", { last: 1, daily: 1, yearly: 1 }, ["11-23 00:01 last, daily, yearly"]],
  ["a tag", { tags: [["keep"], ["other"]] }, ["11-18 08:30 tag keep"]],
  ["several tags at once", { tags: [["keep", "other"]] }, []],
  [
    "a span, counted from the newest commit",
    { within: parseSpan("1d") },
    ["11-23 00:01 within 1d", "11-22 23:59 within 1d"],
  ],
  [
    "a span with hours",
    { within: parseSpan("4d16h") },
    ["11-23 00:01 within 4d16h", "11-22 23:59 within 4d16h", "11-18 08:30 within 4d16h"],
  ],
  ["no span", { within: parseSpan("0d") }, []],
];

for (const [what, policy, expected] of cases) {
  t.test(what, (t) => {
    t.strictSame(kept(week, policy), expected);
    t.end();
  });
}

t.test("-1 is without limit", (t) => {
  t.equal(kept(week, { last: -1 }).length, week.length);
  t.equal(kept(week, { daily: -1 }).length, 6);
  t.end();
});

t.test("a week belongs to the year that has its Thursday", (t) => {
  const lines = history("2026-12-28 12:00", "2027-01-02 12:00", "2027-01-03 23:00", "2027-01-04 01:00");
  t.strictSame(kept(lines, { weekly: 2 }), ["01-04 01:00 weekly", "01-03 23:00 weekly"]);
  t.strictSame(kept(lines, { monthly: 2 }), ["01-04 01:00 monthly", "12-28 12:00 monthly"]);
  t.strictSame(kept(lines, { yearly: 9 }), ["01-04 01:00 yearly", "12-28 12:00 yearly"]);
  t.end();
});

t.test("days and hours are those of local time, also when the clocks are changed", (t) => {
  const lines = history(
    "2026-10-24T22:30:00Z", // 00:30 on the 25th, which has 25 hours
    "2026-10-25T00:30:00Z", // 02:30, the first time
    "2026-10-25T01:30:00Z", // 02:30, the second time
    "2026-10-25T22:59:00Z", // 23:59
  );
  t.strictSame(kept(lines, { daily: 1 }), ["10-25 23:59 daily"]);
  t.equal(kept(lines, { hourly: 3 }).length, 3);
  t.strictSame(kept(lines, { within: parseSpan("1d") }).length, 4);
  t.end();
});

t.test("a commit that was pushed twice stays if one of its places does", (t) => {
  const [newest, older, oldest] = history("2026-01-01 12:00", "2026-02-01 12:00", "2026-03-01 12:00");
  const lines = [newest!, older!, { ...oldest!, commit: newest!.commit }];
  t.strictSame(kept(lines, { last: 1 }), ["03-01 12:00 last", "01-01 12:00 last"]);
  t.end();
});

const tag = fc.constantFrom("a", "b", "c");
const lines = fc
  .array(fc.tuple(fc.nat(20_000), fc.subarray(["a", "b", "c"])), { maxLength: 40 })
  .map((each) => {
    let receivedMs = Date.UTC(2026, 0, 1);
    return each.map(([minutes, tags], index): Datable => {
      receivedMs += 1 + minutes * 60_000;
      return { commit: String(index).padStart(64, "0") as ObjectId, receivedMs, tags };
    });
  })
  .map((each) => each.toReversed());
const count = fc.integer({ min: -1, max: 12 });
const policies = fc.record({
  last: count,
  hourly: count,
  daily: count,
  weekly: count,
  monthly: count,
  yearly: count,
  within: fc.record({ years: fc.nat(1), months: fc.nat(3), days: fc.nat(40), hours: fc.nat(30) }),
  tags: fc.array(fc.array(tag, { minLength: 1, maxLength: 2 }), { maxLength: 2 }),
});
const counted = ["last", "hourly", "daily", "weekly", "monthly", "yearly"] as const;
const keptOf = (each: readonly Datable[], policy: Policy): Set<ObjectId> =>
  new Set(judge(each, policy).flatMap(({ line, reasons }) => (reasons.length > 0 ? [line.commit] : [])));

t.test("all that any rule alone keeps is kept, and nothing else", (t) => {
  fc.assert(
    fc.property(lines, policies, (each, policy) => {
      const rules: Policy[] = Object.entries(policy).map(([name, value]) => ({ [name]: value }));
      const alone = new Set(rules.flatMap((rule) => [...keptOf(each, rule)]));
      t.strictSame([...keptOf(each, policy)].toSorted(), [...alone].toSorted());
    }),
    { numRuns: 200 },
  );
  t.end();
});

t.test("who asks for more keeps no less", (t) => {
  fc.assert(
    fc.property(
      lines,
      policies,
      fc.constantFrom(...counted),
      fc.integer({ min: 1, max: 5 }),
      (each, policy, name, more) => {
        const larger = { ...policy, [name]: policy[name] < 0 ? -1 : policy[name] + more };
        const after = keptOf(each, larger);
        for (const commit of keptOf(each, policy)) t.ok(after.has(commit));
        const unlimited = keptOf(each, { ...policy, [name]: -1 });
        for (const commit of after) t.ok(unlimited.has(commit));
      },
    ),
    { numRuns: 200 },
  );
  t.end();
});

t.test("a count is never exceeded, and the newest commit stays under any rule that counts", (t) => {
  fc.assert(
    fc.property(lines, fc.constantFrom(...counted), fc.integer({ min: 1, max: 12 }), (each, name, limit) => {
      const stays = keptOf(each, { [name]: limit });
      t.ok(stays.size <= limit);
      t.ok(each.length === 0 || stays.has(each[0]!.commit));
      t.ok(each.length < limit || stays.size > 0);
    }),
    { numRuns: 200 },
  );
  t.end();
});
