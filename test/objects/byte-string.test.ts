/** Names as bytes, and what a person gets to see of them. */
import fc from "fast-check";
import t from "tap";
import {
  byteString,
  byteStringFromText,
  bytesOf,
  displayName,
  joinPath,
  quoted,
  splitPath,
} from "../../src/objects/byte-string.js";
import { byteStrings } from "../helpers/arbitraries.js";
import { holds } from "../helpers/arbitrary-properties.js";

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

/** The bytes that a displayed name stands for. */
function undisplay(text: string): Buffer {
  const parts = text.match(/\\x[0-9a-f]{2}|\\\\|[^\\]/gsu) ?? [];
  if (parts.join("") !== text) throw new Error(`a backslash that begins no escape: ${text}`);
  return Buffer.concat(
    parts.map((part) => {
      if (part.startsWith("\\x")) return Buffer.from(part.slice(2), "hex");
      return Buffer.from(part === "\\\\" ? "\\" : part, "utf8");
    }),
  );
}

t.test("every byte goes into a ByteString and comes out again", (t) => {
  t.strictSame(bytesOf(byteString(everyByte)), everyByte);
  t.equal(byteString(everyByte).length, 256, "one char a byte");
  t.strictSame(bytesOf(byteString(everyByte.subarray(100, 103))), Buffer.of(100, 101, 102), "also from a view");
  t.strictSame(bytesOf(byteString(new Uint8Array([0, 255]))), Buffer.of(0, 255), "and from a plain Uint8Array");
  t.end();
});

t.test("text becomes its UTF-8", (t) => {
  t.strictSame(bytesOf(byteStringFromText("é\u{1f600}")), Buffer.from("c3a9f09f9880", "hex"));
  t.equal(byteStringFromText("plain"), "plain");
  t.end();
});

t.test("ByteStrings are in the order of their bytes", (t) => {
  const pairs = fc.tuple(byteStrings(0, 6), byteStrings(0, 6));
  const ordered = fc.property(pairs, ([a, b]) => {
    const order = a < b ? -1 : a > b ? 1 : 0;
    return order === Buffer.compare(bytesOf(a), bytesOf(b));
  });
  holds(t, "as Buffer.compare says", ordered, 1000);
  const [halfwidth, astral] = [byteStringFromText("\uffee"), byteStringFromText("\u{1f600}")];
  t.ok(halfwidth < astral, "where UTF-16 has another order");
  t.end();
});

t.test("paths are joined and split at slashes", (t) => {
  const [a, b] = [byteStringFromText("a"), byteStringFromText("b")];
  const root = byteStringFromText("");
  t.equal(joinPath(root, a), "a");
  t.equal(joinPath(a, b), "a/b");
  t.strictSame(splitPath(joinPath(a, b)), ["a", "b"]);
  t.strictSame(splitPath(root), []);
  t.end();
});

t.test("names that are plain or UTF-8 are displayed as they are", (t) => {
  for (const name of ["plain name.txt", "Grüße", "日本語", "👩‍👩‍👧", "~'\"$"]) {
    t.equal(displayName(byteStringFromText(name)), name);
  }
  t.equal(displayName(byteStringFromText("")), "");
  t.end();
});

t.test("what could harm a terminal or disguise a name is displayed as its bytes", (t) => {
  const cases: [string, string][] = [
    ["a\nb", "a\\x0ab"],
    ["\x1b[31mred", "\\x1b[31mred"],
    ["tab\t", "tab\\x09"],
    ["del\x7f", "del\\x7f"],
    ["nul\0", "nul\\x00"],
    ["c1\x9b", "c1\\xc2\\x9b"],
    ["next line \x85", "next line \\xc2\\x85"],
    ["line\u2028paragraph\u2029", "line\\xe2\\x80\\xa8paragraph\\xe2\\x80\\xa9"],
    ["gpj.\u202eexe", "gpj.\\xe2\\x80\\xaeexe"],
    ["isolate\u2066", "isolate\\xe2\\x81\\xa6"],
    ["\u200emark\u200f", "\\xe2\\x80\\x8emark\\xe2\\x80\\x8f"],
    ["\u061cletter mark", "\\xd8\\x9cletter mark"],
    ["\ufefforder mark", "\\xef\\xbb\\xbforder mark"],
    ["back\\slash", "back\\\\slash"],
    ["\\x41", "\\\\x41"],
    ["é\n", "é\\x0a"],
  ];
  for (const [name, shown] of cases) t.equal(displayName(byteStringFromText(name)), shown, shown);
  t.end();
});

t.test("a name that is not UTF-8 is displayed as the bytes that it has", (t) => {
  t.equal(displayName(byteString(Buffer.from("caf\xe9 \\ \n", "latin1"))), "caf\\xe9 \\\\ \\x0a");
  t.equal(displayName(byteString(Buffer.from("c3a9ff", "hex"))), "\\xc3\\xa9\\xff");
  t.equal(displayName(byteString(Buffer.from("eda080", "hex"))), "\\xed\\xa0\\x80", "half of a surrogate pair");
  t.equal(displayName(byteString(Buffer.from("c0af", "hex"))), "\\xc0\\xaf", "an overlong slash");
  t.end();
});

t.test("a displayed name is one harmless line, and no two names are displayed alike", (t) => {
  const anyName = fc.oneof(byteStrings(0, 12), fc.string({ unit: "binary", maxLength: 6 }).map(byteStringFromText));
  const marks = fc
    .array(fc.constantFrom("\ufeff", "\u202e", "\u061c", "\\", "x41", "\n", "é", "\x9b"), { maxLength: 5 })
    .map((parts) => byteStringFromText(parts.join("")));
  const harmful = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/u;
  const harmless = fc.property(fc.oneof(anyName, marks), (name) => {
    const shown = displayName(name);
    return !harmful.test(shown) && undisplay(shown).equals(bytesOf(name));
  });
  holds(t, "and its bytes can be told from it", harmless, 2000);
  t.end();
});

t.test("text from outside is quoted on one line and cut", (t) => {
  t.equal(quoted("a\nb", 80), "'a\\x0ab'");
  t.equal(quoted("x".repeat(100), 80), `'${"x".repeat(80)}'`);
  t.end();
});
