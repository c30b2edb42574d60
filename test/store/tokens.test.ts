/** tokens.json: what is written is read again, and whatever else it holds lets nobody in. */
import fc from "fast-check";
import t from "tap";
import { isBakError } from "../../src/errors.js";
import { formatTokens, maxTokens, parseTokens, type Token } from "../../src/store/tokens.js";
import { tokens } from "../helpers/arbitrary-tokens.js";

const parse = (text: string): Token[] => parseTokens(text, "tokens.json");
const refuses = (text: string): boolean => {
  try {
    parse(text);
    return false;
  } catch (error) {
    return isBakError(error, "STORE_DAMAGED", "STORE_VERSION");
  }
};

t.test("what is written is read again", (t) => {
  fc.assert(
    fc.property(tokens, (given) => void t.strictSame(parse(formatTokens(given)), given)),
    { numRuns: 50 },
  );
  t.end();
});

t.test("no byte of it can be another", (t) => {
  const [given] = fc.sample(
    fc.array(fc.nat(), { maxLength: 0 }).chain(() => tokens),
    { seed: 3, numRuns: 1 },
  );
  const text = formatTokens(given as Token[]);
  for (let at = 0; at < text.length; at += 1) {
    for (const bit of [1, 32]) {
      const spoiled = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ bit) + text.slice(at + 1);
      if (!refuses(spoiled)) t.fail(`byte ${at} may be '${spoiled[at]}'`);
    }
  }
  for (let length = 0; length < text.length; length += 1)
    if (!refuses(text.slice(0, length))) t.fail(`cut at ${length}`);
  t.end();
});

const one = {
  name: "laptop",
  id: "Uakgb_J5m9g-0JDMbcJqL",
  hash: "ab".repeat(32),
  projects: ["laptop-*"],
  rights: ["push", "read"],
  created: "2026-11-02T08:30:00.000Z",
};
const fileOf = (...tokens: unknown[]): string => JSON.stringify({ version: 1, tokens });

t.test("without a check it is taken as a person has written it", (t) => {
  t.match(parse(fileOf(one)), [{ name: "laptop", rights: ["push", "read"], expiresMs: undefined }]);
  t.strictSame(parse(fileOf()), []);
  t.end();
});

t.test("whatever is not exactly right is refused", (t) => {
  const wrong: Record<string, string> = {
    "an expiry that is misspelt": fileOf({ ...one, expire: "2026-11-03T08:30:00.000Z" }),
    "an expiry that is no time": fileOf({ ...one, expires: "tomorrow" }),
    "no expiry, but null": fileOf({ ...one, expires: null }),
    "a day that there is not": fileOf({ ...one, expires: "2026-13-45T08:30:00.000Z" }),
    "an unknown right": fileOf({ ...one, rights: ["push", "root"] }),
    "no right": fileOf({ ...one, rights: [] }),
    "a right twice": fileOf({ ...one, rights: ["push", "push"] }),
    "no project": fileOf({ ...one, projects: [] }),
    "a project that climbs": fileOf({ ...one, projects: ["../x"] }),
    "a star in the middle": fileOf({ ...one, projects: ["a*b"] }),
    "projects that are a text": fileOf({ ...one, projects: "*" }),
    "a name that is none": fileOf({ ...one, name: "a b" }),
    "a short hash": fileOf({ ...one, hash: "ab" }),
    "the same name twice": fileOf(one, { ...one, id: "Vakgb_J5m9g-0JDMbcJqL", hash: "cd".repeat(32) }),
    "the same hash twice": fileOf(one, { ...one, id: "Vakgb_J5m9g-0JDMbcJqL", name: "x" }),
    "the same id twice": fileOf(one, { ...one, hash: "cd".repeat(32), name: "x" }),
    "another version": '{"version": 2, "tokens": []}',
    "no version": '{"tokens": []}',
    "a key that nobody knows": '{"version": 1, "tokens": [], "open": true}',
    "no tokens": '{"version": 1}',
    "a list": "[]",
    null: "null",
    nothing: "",
    "too many": fileOf(...Array.from({ length: maxTokens + 1 }, () => one)),
    "a prototype": '{"version": 1, "tokens": [], "__proto__": {"version": 1}}',
  };
  for (const [what, text] of Object.entries(wrong)) t.ok(refuses(text), what);
  t.end();
});

t.test("no more are written than are read", (t) => {
  const many = Array.from({ length: maxTokens + 1 }, (_, index) => ({
    ...(parse(fileOf(one))[0] as Token),
    name: `t${index}` as Token["name"],
    id: String(index).padStart(21, "0"),
    hash: String(index).padStart(64, "0"),
  }));
  t.throws(() => formatTokens(many), { code: "LIMIT" });
  t.equal(parse(formatTokens(many.slice(1))).length, maxTokens);
  t.end();
});
