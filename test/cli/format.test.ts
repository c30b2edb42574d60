/** Numbers, sizes and times as people read them. */
import fc from "fast-check";
import t from "tap";
import {
  formatBytes,
  formatCount,
  formatCounted,
  formatDuration,
  formatMode,
  formatTime,
  shortId,
} from "../../src/cli/format.js";
import { holds } from "../helpers/arbitrary-properties.js";

t.test("sizes have three digits or so, in units of a thousand", (t) => {
  const cases: [number, string][] = [
    [0, "0 B"],
    [1, "1 B"],
    [999, "999 B"],
    [1000, "1.00 kB"],
    [1234, "1.23 kB"],
    [9994, "9.99 kB"],
    [9995, "10.0 kB"],
    [99_949, "99.9 kB"],
    [99_950, "100 kB"],
    [999_499, "999 kB"],
    [999_500, "1.00 MB"],
    [1_350_000_000, "1.35 GB"],
    [2 ** 53, "9.01 PB"],
    [1e24, "1000000 EB"],
  ];
  for (const [bytes, text] of cases) t.equal(formatBytes(bytes), text, String(bytes));
  const short = fc.property(fc.maxSafeNat(), (bytes) => /^\d{1,3}(\.\d{1,2})? [kMGTPE]?B$/.test(formatBytes(bytes)));
  holds(t, "never more than three digits before the unit", short, 1000);
  t.end();
});

t.test("counts have commas, and nouns their number", (t) => {
  t.equal(formatCount(1_234_567), "1,234,567");
  t.equal(formatCounted(0, "file"), "0 files");
  t.equal(formatCounted(1, "file"), "1 file");
  t.equal(formatCounted(2000, "file"), "2,000 files");
  t.equal(formatCounted(2, "entry", "entries"), "2 entries");
  t.end();
});

t.test("spans of time", (t) => {
  const cases: [number, string][] = [
    [0, "0.0 s"],
    [49, "0.0 s"],
    [400, "0.4 s"],
    [9949, "9.9 s"],
    [9950, "10 s"],
    [59_499, "59 s"],
    [59_500, "1:00"],
    [185_000, "3:05"],
    [3_599_499, "59:59"],
    [3_599_500, "1:00:00"],
    [7_200_000, "2:00:00"],
    [360_000_000, "100:00:00"],
  ];
  for (const [ms, text] of cases) t.equal(formatDuration(ms), text, String(ms));
  t.end();
});

t.test("moments are in local time, with the year in four digits", (t) => {
  t.equal(formatTime(new Date(2026, 0, 2, 3, 4, 59).getTime()), "2026-01-02 03:04");
  t.equal(formatTime(new Date(1999, 11, 31, 23, 59).getTime()), "1999-12-31 23:59");
  t.end();
});

t.test("modes are as ls writes them", (t) => {
  const cases: [Parameters<typeof formatMode>, string][] = [
    [["file", 0o644], "-rw-r--r--"],
    [["dir", 0o755], "drwxr-xr-x"],
    [["symlink", 0o777], "lrwxrwxrwx"],
    [["file", 0o4755], "-rwsr-xr-x"],
    [["file", 0o4655], "-rwSr-xr-x"],
    [["file", 0o2755], "-rwxr-sr-x"],
    [["file", 0o2745], "-rwxr-Sr-x"],
    [["dir", 0o1777], "drwxrwxrwt"],
    [["dir", 0o1776], "drwxrwxrwT"],
    [["file", 0o7000], "---S--S--T"],
    [["fifo", 0], "p---------"],
    [["socket", 0o1], "s--------x"],
    [["char", 0o20], "c----w----"],
    [["block", 0o400], "br--------"],
  ];
  for (const [args, text] of cases) t.equal(formatMode(...args), text);
  t.end();
});

t.test("ids are short where a person reads them", (t) => {
  t.equal(shortId("0123456789abcdef".repeat(4)), "0123456789ab");
  t.end();
});
