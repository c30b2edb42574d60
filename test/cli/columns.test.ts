/** Rows as tables. */
import t from "tap";
import { alignColumns } from "../../src/cli/columns.js";

t.test("columns are as wide as their longest word", (t) => {
  const rows = [
    ["a", "10", "x"],
    ["long", "5", ""],
  ];
  t.strictSame(alignColumns(rows), ["a     10  x", "long  5"]);
  t.strictSame(alignColumns(rows, 1), ["a     10  x", "long   5"]);
  t.strictSame(alignColumns([]), []);
  t.end();
});

t.test("a column with nothing in it is left out", (t) => {
  const rows = [
    ["a", "", "1"],
    ["b", "", "2"],
  ];
  t.strictSame(alignColumns(rows), ["a  1", "b  2"]);
  t.strictSame(alignColumns(rows, 1), ["a  1", "b  2"]);
  t.end();
});
