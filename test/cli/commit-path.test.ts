/** Paths within commits as they are typed. */
import t from "tap";
import { parseCommitAndPath, parseCommitPath } from "../../src/cli/commit-path.js";

t.test("a path is that from the commit's root on, however its slashes stand", (t) => {
  for (const text of ["a/b", "/a/b", "a//b/", "./a/./b"]) t.equal(parseCommitPath(text), "a/b", text);
  for (const text of ["", "/", "."]) t.equal(parseCommitPath(text), "", `'${text}'`);
  for (const text of ["..", "a/../b", "/.."]) t.throws(() => parseCommitPath(text), { code: "USAGE" }, text);
  t.equal(parseCommitPath("..a/b.."), "..a/b..");
  t.end();
});

t.test("bytes may be typed as they are shown, and count as bytes of a name", (t) => {
  t.equal(parseCommitPath(String.raw`caf\xe9`), "caf\xe9");
  t.equal(parseCommitPath(String.raw`a\\b`), "a\\b");
  t.equal(parseCommitPath(String.raw`a\\xe9`), String.raw`a\xe9`, "an escaped backslash escapes nothing");
  t.equal(parseCommitPath("é"), "\xc3\xa9", "what is typed in UTF-8 is its bytes");
  t.end();
});

t.test("a commit may stand before it, and a moment has colons of its own", (t) => {
  t.strictSame(parseCommitAndPath("head~1:a/b", "path"), { commit: "head~1", path: "a/b" });
  t.strictSame(parseCommitAndPath(":a:b", "path"), { commit: "head", path: "a:b" });
  t.strictSame(parseCommitAndPath("a", "path"), { commit: "head", path: "a" });
  t.strictSame(parseCommitAndPath("a", "commit"), { commit: "a", path: "" });
  t.strictSame(parseCommitAndPath("@2026-11-01T18:30:a", "commit"), { commit: "@2026-11-01T18:30", path: "a" });
  t.strictSame(parseCommitAndPath("@2026-11-01:18", "commit"), { commit: "@2026-11-01", path: "18" });
  t.throws(() => parseCommitAndPath("head:../x", "path"), { code: "USAGE" });
  t.end();
});
