/** Names, patterns, rights and secrets of tokens, as people write them. */
import fc from "fast-check";
import t from "tap";
import { newTokenSecret } from "../../src/client/new-token.js";
import { isProjectPattern, matchesProject, parseProjectPatterns } from "../../src/objects/project-pattern.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import { parseRights } from "../../src/objects/rights.js";
import { parseTokenName } from "../../src/objects/token-name.js";
import { hashOfSecret, isTokenSecret } from "../../src/objects/token-secret.js";
import { decodeTokenLines, encodeTokenLines } from "../../src/protocol/token-lines.js";
import { tokens } from "../helpers/arbitrary-tokens.js";

t.test("patterns stand for what begins so, and for nothing else", (t) => {
  const matches = (pattern: string, project: string): boolean =>
    matchesProject(parseProjectPatterns([pattern])[0]!, parseProjectId(project));
  for (const [pattern, project] of [
    ["laptop-*", "laptop-docs"],
    ["laptop-*", "laptop-"],
    ["laptop-docs", "laptop-docs"],
    ["*", "anything"],
    [".*", ".x"],
  ] as const)
    t.ok(matches(pattern, project), `${pattern} ${project}`);
  for (const [pattern, project] of [
    ["laptop-*", "laptop"],
    ["laptop-*", "my-laptop-docs"],
    ["laptop-docs", "laptop-docs2"],
    ["laptop.docs", "laptop-docs"],
    ["LAPTOP-*", "laptop-docs"],
    [".*", "x"],
  ] as const)
    t.notOk(matches(pattern, project), `${pattern} ${project}`);
  for (const text of ["", "**", "a*b", "*a", "a/*", "..", ".", "ä*", "a *", "x".repeat(129), "a\n"])
    t.notOk(isProjectPattern(text), text);
  t.throws(() => parseProjectPatterns(Array.from({ length: 65 }, (_, index) => `p${index}`)), { code: "USAGE" });
  t.same(parseProjectPatterns(["a", "a", "b"]), ["a", "b"]);
  t.end();
});

t.test("rights are known by their names, and come in one order", (t) => {
  t.strictSame(parseRights(["read", "push", "push"]), ["push", "read"]);
  for (const names of [[], [""], ["Push"], ["push", "root"], ["push "], ["constructor"]])
    t.throws(() => parseRights(names), { code: "USAGE" }, names.join());
  t.end();
});

t.test("a secret is no name, and is not repeated to whoever mistakes it for one", (t) => {
  const secret = newTokenSecret();
  t.ok(isTokenSecret(secret));
  t.match(secret, /^bak_[0-9A-Za-z]{32}$/);
  t.not(secret, newTokenSecret());
  t.equal(hashOfSecret(secret).length, 32);
  try {
    parseTokenName(secret);
    t.fail("taken");
  } catch (error) {
    t.notOk(String(error).includes(secret.slice(4)));
  }
  for (const name of ["", "a b", "x".repeat(65), "ä", "a/b", "a\n"])
    t.throws(() => parseTokenName(name), { code: "USAGE" }, name);
  t.end();
});

t.test("lines of tokens", (t) => {
  const use = fc.option(fc.record({ atMs: fc.nat(), from: fc.ipV4() }, { noNullPrototype: true }), { nil: undefined });
  fc.assert(
    fc.property(tokens, use, (given, use) => {
      const lines = given.map(({ hash: _hash, ...token }) => ({ ...token, use }));
      t.strictSame(decodeTokenLines(encodeTokenLines(lines)), lines);
    }),
    { numRuns: 50 },
  );
  t.strictSame(decodeTokenLines(""), []);
  for (const line of [
    "x",
    "a b c d e f g h",
    "\u001b Uakgb_J5m9g-0JDMbcJqL * push 1 - - -",
    "a Uakgb_J5m9g-0JDMbcJqL * push 1 - 1 \u001b[2J",
  ])
    t.throws(() => decodeTokenLines(line), { code: "BAD_MESSAGE" }, line);
  t.end();
});
