/** What a check says, and what part of a store a text stands for. */
import t from "tap";
import { adviceFor, describeProgress, describeReport, parsePart } from "../../src/cli/check-talk.js";

const clean = {
  packs: 1,
  packsRead: 0,
  bytesRead: 0,
  objects: 1234,
  commits: 2,
  faults: 0,
  repaired: 0,
  incompleteHeads: 0,
};

t.test("a part is a percentage or a fraction, in thousandths", (t) => {
  const parts = { "10%": 100, "0.1%": 1, "100%": 1000, "2.5%": 25, "1/10": 100, "10/10": 100, "2/3": 334, "1/5000": 1 };
  for (const [text, permille] of Object.entries(parts)) t.equal(parsePart(text), permille, text);
  for (const text of ["", "0%", "0.04%", "101%", "10", "11/10", "0/3", "1/0", "-1%", "1e1%", "10%x"])
    t.equal(parsePart(text), undefined, text);
  t.end();
});

t.test("what was looked at, and what came out", (t) => {
  t.equal(describeReport(clean), "checked 1 pack, 1,234 objects, 2 commits: no faults");
  const found = { ...clean, packsRead: 2, bytesRead: 5_000_000, faults: 3, repaired: 1 };
  t.equal(
    describeReport(found),
    "checked 1 pack, 1,234 objects, 2 commits; read 2 packs, 5.00 MB: 3 faults, 1 repaired",
  );
  t.end();
});

t.test("what to do next", (t) => {
  t.strictSame(adviceFor(clean, { isRepairing: false }), []);
  t.match(adviceFor({ ...clean, faults: 1 }, { isRepairing: false }), [/--repair/]);
  t.match(adviceFor({ ...clean, faults: 1 }, { isRepairing: true }), [/'bak check'/]);
  t.match(adviceFor({ ...clean, faults: 1, incompleteHeads: 2 }, { isRepairing: true }), [/2 projects .*push again/]);
  t.end();
});

t.test("how far it is, also with a phase that a later store has", (t) => {
  t.equal(describeProgress({ phase: "files", done: 3, total: 4 }), "looking at packs: 3 of 4");
  t.equal(describeProgress({ phase: "packs", done: 1e6, total: 4e9 }), "reading packs: 1.00 MB of 4.00 GB");
  t.equal(describeProgress({ phase: "commits", done: 3, total: 0 }), "looking at commits: 3");
  t.equal(describeProgress({ phase: "\u001b[2J", done: 3, total: 0 }), "checking");
  t.end();
});
