/** Deadlines: what should end, or should wait, and would otherwise only show as a test that never ends. */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";

/** The promise's own end, or a failure that says what did not end in time. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const stop = new AbortController();
  const late = sleep(ms, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`${what} took more than ${ms} ms`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
    late.catch(() => undefined);
  }
}

/** Resolves once `isSo` returns true; it is asked at every turn of the event loop. */
export async function until(isSo: () => boolean, what = "the condition", ms = 10_000): Promise<void> {
  const end = Date.now() + ms;
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`${what} did not come about within ${ms} ms`);
    await nextTurn();
  }
}

/** Lets the event loop turn so often that whatever can go on without us has gone on. */
export async function settle(turns = 50): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await nextTurn();
}

/** Resolves once a count that grows by itself has stood still for a while. */
export async function standstill(count: () => number, ms = 200): Promise<void> {
  for (let last = Number.NaN; last !== count();) {
    last = count();
    await sleep(ms);
  }
}
