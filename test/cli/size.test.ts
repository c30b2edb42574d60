/** Sizes as they are typed. */
import t from "tap";
import { parseSize } from "../../src/cli/size.js";

t.test("sizes are read as GNU's tools read them", (t) => {
  const sizes: [string, number][] = [
    ["0", 0],
    ["1000000", 1e6],
    ["7B", 7],
    ["1k", 1024],
    ["1kB", 1000],
    ["500M", 500 * 1024 * 1024],
    ["500MiB", 500 * 1024 * 1024],
    ["1.5GB", 1.5e9],
    ["2t", 2 * 1024 ** 4],
    ["1.0001k", 1024],
  ];
  for (const [text, bytes] of sizes) t.equal(parseSize(text), bytes, text);
  t.end();
});

t.test("what is no size is refused in one line", (t) => {
  for (const text of ["", "M", "-1", "1e3", "1X", "1 0", "9999999P", "1.M", "1\n2", "0x10", "1,5G"]) {
    t.throws(() => parseSize(text), { code: "USAGE", message: /^not a size: '[^\n]*'$/ }, text);
  }
  t.end();
});
