/** Properties as assertions: tap counts what holds, and shows what does not with its counterexample. */
import fc from "fast-check";
import type { Test } from "tap";

/** Asserts that a property holds for `numRuns` values. */
export function holds<T>(t: Test, message: string, property: fc.IProperty<T>, numRuns = 100): void {
  try {
    fc.assert(property, { numRuns });
  } catch (error) {
    t.fail(message, { property: String(error) });
    return;
  }
  t.pass(message);
}
