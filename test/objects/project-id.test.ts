/** Project ids become folder names in the store: what could climb out of it, or hide in it, is none. */
import fc from "fast-check";
import t from "tap";
import { isProjectId, parseProjectId, projectIdFrom } from "../../src/objects/project-id.js";
import { holds } from "../helpers/arbitrary-properties.js";

t.test("letters, digits, dots, underscores and dashes are a project id", (t) => {
  for (const text of ["a", "laptop-photos", "A.b_c-9", "...", ".hidden", "-", "x".repeat(128)]) {
    t.equal(parseProjectId(text), text);
  }
  t.end();
});

t.test("anything else is refused", (t) => {
  const others = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "/",
    "a\\b",
    "x".repeat(129),
    "a\n",
    "\na",
    "a\0",
    "a\0b",
    "a b",
    "a:b",
    "é",
    "٣",
    "ﬀ",
    "%2e%2e",
  ];
  for (const text of others) {
    t.notOk(isProjectId(text), JSON.stringify(text.slice(0, 20)));
    t.throws(() => parseProjectId(text), { code: "BAD_PROJECT_ID", hint: /letters/ });
  }
  t.end();
});

t.test("a refused id is quoted on one line, and not all of it", (t) => {
  t.throws(() => parseProjectId("a\n\x1b[2J"), { message: "not a project id: 'a\\x0a\\x1b[2J'" });
  t.throws(() => parseProjectId("x".repeat(1e6)), { message: `not a project id: '${"x".repeat(200)}'` });
  t.end();
});

t.test("a project id is made from any text", (t) => {
  const cases: [string, string][] = [
    ["laptop-photos", "laptop-photos"],
    ["My Photos", "My-Photos"],
    ["My Photos (2026)", "My-Photos-2026-ac22b254"],
    ["laptop-Grüße", "laptop-Gre-89e9cdb2"],
    ["laptop-日本", "laptop-8681f244"],
    ["..", "..ee7fc388"],
    ["", "af1349b9"],
    ["../../etc", "....etc-c72b3d01"],
    [".hidden", ".hidden"],
    ["a\0b\nc", "ab-c-a4ff782b"],
    ["x".repeat(300), `${"x".repeat(119)}-296a7bce`],
  ];
  for (const [text, id] of cases) t.equal(projectIdFrom(text), id, JSON.stringify(text.slice(0, 20)));
  const anyText = fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[-./a]*$/));
  holds(
    t,
    "any text at all",
    fc.property(anyText, (text) => isProjectId(projectIdFrom(text))),
    2000,
  );
  t.end();
});
