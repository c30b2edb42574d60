/** Patterns mean what they mean to git: checked by hand where its manual says so, and against git itself. */
import t from "tap";
import { parsePattern, parsePatterns } from "../../src/client/patterns.js";
import { byteStringFromText, splitPath, type ByteString } from "../../src/objects/byte-string.js";

const bytes = (text: string): ByteString => text as ByteString;

/** Whether a pattern matches a path; one that ends with a slash is that of a folder. */
function isMatch(pattern: string, path: string): boolean {
  const { matches, isForFolders } = parsePattern(bytes(pattern));
  const names = splitPath(bytes(path.replace(/\/$/, "")));
  const name = names.pop() as ByteString;
  return matches(names, name) && (!isForFolders || path.endsWith("/"));
}

t.test("what gitignore(5) says of each form", (t) => {
  const cases: [pattern: string, matching: string[], others: string[]][] = [
    ["hello.*", ["hello.txt", "a/hello.java"], ["hello", "xhello.txt"]],
    ["/hello.*", ["hello.txt"], ["a/hello.java"]],
    ["foo/", ["foo/", "a/foo/"], ["foo", "a/foo"]],
    ["doc/frotz/", ["doc/frotz/"], ["a/doc/frotz/", "doc/frotz"]],
    ["foo/*", ["foo/test.json", "foo/bar/"], ["foo/bar/hello.c", "foo/"]],
    ["**/foo", ["foo", "a/foo", "a/b/foo"], ["afoo"]],
    ["**/foo/bar", ["foo/bar", "a/foo/bar"], ["foo/a/bar"]],
    ["abc/**", ["abc/a", "abc/a/b"], ["abc", "abc/", "x/abc/a"]],
    ["a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb"]],
    ["a/***/b", ["a/b", "a/x/y/b"], ["a/xb"]],
    ["a/b**c/d", ["a/bc/d", "a/bxc/d"], ["a/b/c/d"]],
    ["*", ["a", "a/b", ".a"], []],
    ["/*", ["a", "a/"], ["a/b"]],
    ["/**", ["a", "a/b"], []],
    ["a?c", ["abc", "a\xffc"], ["ac", "a/c", "a\xc3\xa9c"]],
    ["[a-c]x", ["ax", "cx"], ["dx", "-x"]],
    ["[!a-c]x", ["dx"], ["ax", "x"]],
    ["[^a]", ["b", "^"], ["a"]],
    ["[]a]", ["]", "a"], ["b"]],
    ["[!]a]", ["b"], ["]", "a"]],
    ["[a-]", ["a", "-"], ["b"]],
    ["[\\]x]", ["]", "x"], ["\\"]],
    ["[[:digit:][:upper:]]", ["4", "X"], ["x", ":"]],
    ["[[:nonsense:]]", [], ["a", ":"]],
    ["[[:constructor:]]", [], ["a"]],
    ["[[:a]", ["[", ":", "a"], ["b"]],
    ["[a", [], ["a", "[a"]],
    ["[/x]a", ["xa"], ["/a", "a/xa"]],
    ["\\*", ["*"], ["a"]],
    ["\\a\\b", ["ab"], ["\\ab"]],
    ["a\\", [], ["a", "a\\"]],
    ["", [], ["a"]],
    ["/", [], ["a", "a/"]],
    ["a//", [], ["a/"]],
    ["*.tar.gz", ["x.tar.gz", ".tar.gz"], ["x.tar.gz2", "tar.gz"]],
    ["*a*b*", ["ab", "xaxbx"], ["ba"]],
    ["!a", ["a"], ["!a"]],
    ["\\!a", ["!a"], ["a"]],
    ["A", ["A"], ["a"]],
    ["line\nbreak", ["line\nbreak"], ["line"]],
  ];
  for (const [pattern, matching, others] of cases) {
    for (const path of matching) t.ok(isMatch(pattern, path), `${pattern} matches ${path}`);
    for (const path of others) t.notOk(isMatch(pattern, path), `${pattern} does not match ${path}`);
  }
  t.end();
});

t.test("the lines of a file are read as git reads them", (t) => {
  const lines = "\xef\xbb\xbf# a comment\n\n  \nfoo  \r\nbar\\  \n\\#x\n!y\ntab\t\ncut\0off\n#\nlast";
  t.strictSame(
    parsePatterns(bytes(lines)).map(({ text, line, isNegated }) => [line, text, isNegated]),
    [
      [4, "foo", false],
      [5, "bar\\ ", false],
      [6, "\\#x", false],
      [7, "!y", true],
      [8, "tab\t", false],
      [9, "cut", false],
      [11, "last", false],
    ],
  );
  t.ok(isMatch("bar\\ ", "bar "));
  t.strictSame(parsePatterns(bytes("")), []);
  t.equal(parsePattern(bytes("# x ")).text, "# x ", "one that is given by itself is taken as it stands");
  t.ok(isMatch("# x ", "# x "));
  t.end();
});

t.test("a rule of bytes that are not UTF-8 is for the name of the same bytes, and UTF-8 for UTF-8", (t) => {
  t.ok(isMatch("\xe9t\xe9", "\xe9t\xe9"));
  t.notOk(isMatch("\xe9t\xe9", byteStringFromText("été")));
  // its last byte is a space that does not break, if taken for Latin-1
  const [rule] = parsePatterns(byteStringFromText("voilà\n"));
  t.ok(rule?.matches([], byteStringFromText("voilà")));
  t.end();
});

t.test("no pattern takes more time than its length and the name's explain", (t) => {
  const name = "a".repeat(255);
  const started = process.hrtime.bigint();
  t.notOk(isMatch(`${"*a".repeat(100)}b`, name));
  t.notOk(isMatch(`${"**/".repeat(200)}b`, "a/".repeat(1000) + name));
  t.notOk(isMatch(`${"**/*a*/".repeat(100)}b`, "aa/".repeat(1000) + name));
  t.notOk(isMatch("x".repeat(1 << 20), name));
  t.ok(process.hrtime.bigint() - started < 2_000_000_000n);
  t.end();
});
