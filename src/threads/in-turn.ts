/**
 * Work that threads had better do one after the other, though nothing breaks if they do not. Who has to wait sleeps: a lock
 * of the kernel's lets it spin.
 *
 * The lock is the second of Ulrich Drepper's "Futexes Are Tricky" (2011): whether it is taken, and whether anybody waits.
 */

const free = 0;
const taken = 1;
const waitedFor = 2;

/** Somebody who has not been let in for this long goes on as if it was: whoever is in there may have died. */
const maxWaitMs = 1000;

/** Does `work` while no other thread does what has the same word of `words`, which are 0 and shared by all of them. */
export function inTurn<Result>(words: Int32Array, index: number, work: () => Result): Result {
  const isMine = lock(words, index);
  try {
    return work();
  } finally {
    if (isMine && Atomics.exchange(words, index, free) === waitedFor) Atomics.notify(words, index, 1);
  }
}

function lock(words: Int32Array, index: number): boolean {
  if (Atomics.compareExchange(words, index, free, taken) === free) return true;
  while (Atomics.exchange(words, index, waitedFor) !== free) {
    if (Atomics.wait(words, index, waitedFor, maxWaitMs) === "timed-out") return false;
  }
  return true;
}
