import { format } from "prettier";
import t from "tap";
import { replaceBlock } from "../../bench/document.js";
import { formatTable, parseTable } from "../../bench/table.js";
import { formatFigure, median } from "../../bench/units.js";

const table = {
  head: ["step", "wall", "±"],
  rows: [
    ["first push", "12.1 s", "3.0%"],
    ["", "750 MB", ""],
  ],
  textColumns: 1,
};

t.test("a table reads back as its cells", async (t) => {
  t.strictSame(parseTable(`before\n\n${formatTable(table)}\nafter`), [table.head, ...table.rows]);
  t.equal(parseTable("no table"), undefined);
  t.equal(parseTable("| a |\n| b |\n| c |"), undefined);
});

t.test("what is written into the document is as prettier leaves it", async (t) => {
  const before = "# Title\n\n<!-- bench:text -->\n\nold\n\n<!-- /bench:text -->\n\nThe rest.\n";
  const after = replaceBlock(before, "text", `78,000 files.\n\n${formatTable(table)}\n`);
  t.equal(await format(after, { parser: "markdown", printWidth: 120 }), after);
  t.match(after, /^# Title\n\n<!-- bench:text -->\n\n78,000 files\.\n\n\| step/);
  t.match(after, /\n\n<!-- \/bench:text -->\n\nThe rest\.\n$/);
  t.notMatch(after, /old/);
  t.equal(replaceBlock(after, "text", "old"), before, "and can be written again");
});

t.test("a document without the place for a table is left alone", async (t) => {
  t.throws(() => replaceBlock("# Title\n", "text", "new"), { message: "no place for 'text' in the document" });
});

t.test("figures have three digits or so, in decimal units", async (t) => {
  t.equal(formatFigure(0.1234, "s"), "0.12 s");
  t.equal(formatFigure(12.34, "s"), "12.3 s");
  t.equal(formatFigure(1234, "s"), "1234 s");
  t.equal(formatFigure(0.0123, "ms"), "12.3 µs");
  t.equal(formatFigure(999, "B"), "999 B");
  t.equal(formatFigure(18_400, "B"), "18.4 kB");
  t.equal(formatFigure(276_400_000, "B"), "276 MB");
  t.equal(formatFigure(1_300_000_000, "B/s"), "1.30 GB/s");
  t.equal(formatFigure(1_000_000, "count"), "1,000,000");
});

t.test("a median is the middle, or between the two in the middle", async (t) => {
  t.equal(median([3, 1, 2]), 2);
  t.equal(median([10, 1, 2, 3]), 2.5);
  t.throws(() => median([]));
});
