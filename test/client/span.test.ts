/** Spans of time: how they are typed, and what lies so long before. */
process.env["TZ"] = "Europe/Berlin";

import fc from "fast-check";
import t from "tap";
import { formatSpan, isEmptySpan, parseSpan, timeBefore } from "../../src/client/span.js";
import { BakError } from "../../src/errors.js";

t.test("years, months, days and hours, each at most once and in this order", (t) => {
  t.strictSame(parseSpan("2y5m7d3h"), { years: 2, months: 5, days: 7, hours: 3 });
  t.strictSame(parseSpan("30d"), { years: 0, months: 0, days: 30, hours: 0 });
  for (const text of ["", "d", "30", "1h1d", "1d1d", "-1d", "1.5d", "1w", " 1d", "1D", "1234567d"]) {
    t.throws(() => parseSpan(text), { code: "USAGE", hint: /such as 1y6m/ }, JSON.stringify(text));
  }
  t.end();
});

t.test("any text is a span or refused, and any span is written as it is read", (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9ymdh]{0,9}$/)), (text) => {
      try {
        const span = parseSpan(text);
        t.strictSame(parseSpan(formatSpan(span)), span);
        t.equal(isEmptySpan(span), formatSpan(span) === "0h");
      } catch (error) {
        t.ok(error instanceof BakError);
      }
    }),
  );
  t.end();
});

t.test("what lies before a moment goes by the calendar, then by hours", (t) => {
  const before = (time: string, span: string): string =>
    new Date(timeBefore(Date.parse(time), parseSpan(span))).toISOString();
  t.equal(before("2026-11-22T12:00:00.000Z", "1y"), "2025-11-22T12:00:00.000Z");
  t.equal(before("2026-11-22T12:00:00.000Z", "1d12h"), "2026-11-21T00:00:00.000Z");
  t.equal(before("2026-11-22T12:00:00.000Z", "2m"), "2026-09-22T11:00:00.000Z", "noon in winter, and noon in summer");
  t.equal(timeBefore(0, parseSpan("999999y")), -Infinity);
  t.end();
});
