/** Long synchronous work shares the thread with the network: this makes it pause often enough. */
import { setImmediate as nextTurn } from "node:timers/promises";

/** How long the event loop may be held up. */
const holdMs = 8;

/** A function to call between steps: now and then it gives a promise that resolves after the event loop has had its turn. */
export function createBreath(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < holdMs) return undefined;
    return nextTurn().then(() => {
      last = performance.now();
    });
  };
}
