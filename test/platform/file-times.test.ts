/** Modification times to the nanosecond, as stat(1) reads them. */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { setModificationTime, setOpenFileTime } from "../../src/platform/file-times.js";

/** Seconds and nanoseconds since 1970, as GNU stat prints them; of a link, its own. */
const mtimeOf = (path: string | Buffer): string =>
  execFileSync("stat", ["-c", "%.9Y", "--", path as string], { encoding: "utf8" }).trim();

t.test("every nanosecond is kept, of times before 1970 and beyond 2038 too", (t) => {
  const path = join(t.testdir({ file: "" }), "file");
  for (const [seconds, nanoseconds, shown] of [
    [1_600_000_000, 123_456_789, "1600000000.123456789"],
    [0, 0, "0.000000000"],
    [0, 1, "0.000000001"],
    [1_600_000_000, 999_999_999, "1600000000.999999999"],
    [-1, 500_000_000, "-0.500000000"],
    [-86_400, 1, "-86399.999999999"],
    [4_294_967_296, 7, "4294967296.000000007"],
  ] as const) {
    setModificationTime(path, seconds, nanoseconds);
    t.equal(mtimeOf(path), shown);
    setModificationTime(path, 1, 1);
    const descriptor = openSync(path, "r");
    setOpenFileTime(descriptor, seconds, nanoseconds);
    closeSync(descriptor);
    t.equal(mtimeOf(path), shown);
  }
  t.end();
});

t.test("a link gets the time itself, and neither what it leads to nor the atime changes", (t) => {
  const folder = t.testdir({ file: "" });
  const [file, link] = [join(folder, "file"), join(folder, "link")];
  symlinkSync("file", link);
  setModificationTime(file, 1000, 5);
  const { atimeNs } = statSync(file, { bigint: true });
  setModificationTime(link, 2000, 6);
  t.equal(mtimeOf(link), "2000.000000006");
  t.equal(mtimeOf(file), "1000.000000005");
  t.equal(statSync(file, { bigint: true }).atimeNs, atimeNs);
  t.end();
});

t.test("names of bytes that are not UTF-8 are reached", (t) => {
  const path = Buffer.concat([Buffer.from(`${t.testdir({})}/`), Buffer.of(0xff, 0xe9)]);
  writeFileSync(path, "");
  setModificationTime(path, 1_234_567, 89);
  t.equal(statSync(path, { bigint: true }).mtimeNs, 1_234_567_000_000_089n);
  t.end();
});

t.test("what fails, fails as Node's own calls do", (t) => {
  const folder = t.testdir({ file: "" });
  t.throws(() => setModificationTime(join(folder, "nowhere"), 1, 1), { code: "ENOENT", errno: Number });
  t.throws(() => setModificationTime(join(folder, "file", "x"), 1, 1), { code: "ENOTDIR" });
  t.throws(() => setOpenFileTime(987_654, 1, 1), { code: "EBADF" });
  t.end();
});
