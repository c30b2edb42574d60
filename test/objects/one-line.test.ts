/** Text of others, before it comes to a terminal. */
import t from "tap";
import { oneLine } from "../../src/objects/one-line.js";

t.test("what would move the cursor, break the line or turn the text around becomes a space", (t) => {
  const cases: [string, string][] = [
    ["plain text", "plain text"],
    ["Grüße, 日本", "Grüße, 日本"],
    ["a\nb\r\nc", "a b c"],
    ["\x1b[2Jgone", "[2Jgone"],
    ["a\u2028b\u2029c", "a b c"],
    ["safe\u202etxt.exe", "safe txt.exe"],
    ["\0\x07", ""],
  ];
  for (const [text, line] of cases) t.equal(oneLine(text), line, `to "${line}"`);
  t.end();
});
