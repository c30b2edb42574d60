/** The line that says how far it is. */
import { PassThrough } from "node:stream";
import t from "tap";
import { formatProgress, showProgress } from "../../src/cli/progress.js";

t.test("a line says as much as is known", (t) => {
  const base = { files: 1234, bytes: 600_000_000, totalFiles: undefined, totalBytes: undefined };
  t.equal(formatProgress(base, undefined), "1,234 files  600 MB");
  const whole = { ...base, totalFiles: 78_579, totalBytes: 1_350_000_000 };
  t.equal(
    formatProgress({ ...whole, note: "sent 12.0 MB" }, 250_000_000),
    "1,234 of 78,579 files  600 MB of 1.35 GB  44%  250 MB/s  3.0 s left  sent 12.0 MB",
  );
  t.end();
});

t.test("no percentage and no time left that would mislead", (t) => {
  const at = (bytes: number, totalBytes: number, rate?: number): string =>
    formatProgress({ files: 0, bytes, totalFiles: 0, totalBytes }, rate);
  t.notMatch(at(0, 0, 5), /%|left|NaN|Infinity/, "of nothing");
  t.notMatch(at(5, 10, 0), /left|Infinity/, "at no rate");
  t.match(at(20, 10, 5), / 100% /, "of a folder that has grown meanwhile");
  t.notMatch(at(20, 10, 5), /left/);
  t.match(at(9_999, 10_000), / 99%$/, "not done before it is done");
  t.end();
});

t.test("without a terminal there is no line, and messages come as they are", (t) => {
  const stream = new PassThrough() as unknown as NodeJS.WriteStream;
  let asked = 0;
  const line = showProgress(() => {
    asked += 1;
    return { files: 0, bytes: 0, totalFiles: 0, totalBytes: 0 };
  }, stream);
  let printed = 0;
  line.around(() => (printed += 1));
  line.stop();
  t.equal(printed, 1);
  t.equal(asked, 0);
  t.equal((stream as unknown as PassThrough).readableLength, 0);
  t.end();
});
