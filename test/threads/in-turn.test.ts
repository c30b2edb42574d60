/** Work that threads do one after the other. */
import t from "tap";
import { inTurn } from "../../src/threads/in-turn.js";
import { ThreadPool } from "../../src/threads/thread-pool.js";
import { testWork, type TestJob } from "./test-work.js";

const free = 0;

function sharedWords(count: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(count * 4));
}

t.test("no two threads are at it at the same time, and none is forgotten", async (t) => {
  const size = 4;
  const entry = new URL("./test-thread.js", import.meta.url);
  const pool = new ThreadPool<TestJob, unknown>({ entry, work: testWork, size });
  t.teardown(() => pool.close());
  const [turns, words, times] = [sharedWords(1), sharedWords(2), 5000];
  const job = { do: "take turns", turns, words, times } as const;
  const met = await Promise.all(Array.from({ length: size }, () => pool.run(job)));
  t.strictSame(met, [0, 0, 0, 0]);
  t.equal(words[0], size * times);
  t.equal(turns[0], free);
});

t.test("the work's result is given, and what it throws; then it is the next one's turn", (t) => {
  const turns = sharedWords(2);
  t.equal(
    inTurn(turns, 1, () => turns[1]),
    1,
    "taken",
  );
  const failed = (): never => {
    throw new Error("for a test");
  };
  t.throws(() => inTurn(turns, 1, failed), /for a test/);
  t.strictSame([...turns], [free, free]);
  t.end();
});

t.test("who has died in there is not waited for, for ever", (t) => {
  const turns = sharedWords(1);
  turns[0] = 1;
  t.equal(
    inTurn(turns, 0, () => "done"),
    "done",
  );
  t.not(turns[0], free, "and what others have taken is not given back");
  t.end();
});
