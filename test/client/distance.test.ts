/** A store is far away if none of the first answers was quick. */
import t from "tap";
import { Distance } from "../../src/client/distance.js";

function toldOf(answersMs: readonly number[]): number[] {
  const told: number[] = [];
  const distance = new Distance((ms) => told.push(ms));
  for (const ms of answersMs) distance.observe(ms);
  return told;
}

t.test("the quickest of four answers tells, once", (t) => {
  t.strictSame(toldOf([90, 52, 400, 61, 50, 40, 70]), [52]);
  t.strictSame(toldOf([90, 52, 400]), [], "three are too few");
  t.end();
});

t.test("one quick answer is enough to be near, however busy the store is with others", (t) => {
  t.strictSame(toldOf([300, 2, 90, 120, 80, 90]), []);
  t.strictSame(toldOf([8, 8, 8, 8]), [8], "a round trip of 8 ms is not near");
  t.end();
});
