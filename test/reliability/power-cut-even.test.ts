/** One half of the states that a power cut can leave; the other is in a file beside this one, which runs at the same time. */
import t from "tap";
import { powerCutTest } from "../helpers/power-cut-test.js";

t.test("whatever a power cut leaves, what was acknowledged is there", (t) => powerCutTest(t, 0));
