/** A store is far away if none of many answers was quick. */
import t from "tap";
import { Distance } from "../../src/client/distance.js";

/** What is told of so many answers, with some among them. */
function toldOf(count: number, some: Readonly<Record<number, number>>, others = 90): number[] {
  const told: number[] = [];
  const distance = new Distance((ms) => told.push(ms));
  for (let index = 0; index < count; index += 1) distance.observe(some[index] ?? others);
  return told;
}

t.test("the quickest of 32 answers tells, once", (t) => {
  t.strictSame(toldOf(100, { 3: 400, 20: 52, 40: 30 }), [52]);
  t.strictSame(toldOf(31, { 20: 52 }), [], "fewer are too few");
  t.end();
});

t.test("one quick answer is enough to be near, however busy the store is otherwise", (t) => {
  t.strictSame(toldOf(100, { 31: 2 }), []);
  t.strictSame(toldOf(100, {}, 8), [8], "a round trip of 8 ms is not near");
  t.end();
});
