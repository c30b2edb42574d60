/** Pools of real threads, and of none: jobs are done, errors keep what they mean, and a thread that ends leaves nobody waiting. */
import t, { type Test } from "tap";
import { isBakError } from "../../src/errors.js";
import { ThreadPool, type ThreadPoolOptions } from "../../src/threads/thread-pool.js";
import { within } from "../helpers/deadline.js";
import { createOddWork, type OddJob } from "./odd-work.js";

type Pool = ThreadPool<OddJob, unknown>;

function openPool(t: Test, size: number, options: Partial<ThreadPoolOptions<OddJob, unknown>> = {}): Pool {
  const entry = new URL("./odd-thread.js", import.meta.url);
  const pool: Pool = new ThreadPool({ entry, work: createOddWork(), size, ...options });
  t.teardown(() => pool.close());
  return pool;
}

const soon = <T>(promise: Promise<T>): Promise<T> => within(20_000, "the job", promise);
const gate = (): Int32Array => new Int32Array(new SharedArrayBuffer(4));
const open = (closed: Int32Array): void => {
  closed[0] = 1;
  Atomics.notify(closed, 0);
};

for (const size of [0, 1, 3]) {
  void t.test(`${size} threads do what one is asked for`, async (t) => {
    const pool = openPool(t, size);
    const sums = Array.from({ length: 30 }, (_, index) => pool.run({ type: "add", numbers: [index, 1] }));
    t.strictSame(
      await soon(Promise.all(sums)),
      sums.map((_, index) => index + 1),
    );
    const buffer = new ArrayBuffer(1000);
    const filled = (await soon(pool.run({ type: "fill", buffer, byte: 5 }, [buffer]))) as ArrayBuffer;
    t.ok(new Uint8Array(filled).every((byte) => byte === 5));
    t.equal(filled.byteLength, 1000);
    if (size > 0) t.equal(buffer.byteLength, 0, "it was handed over, not copied");
  });

  void t.test(`an error of a job on ${size} threads keeps its code, and the next job is done`, async (t) => {
    const pool = openPool(t, size);
    const failure = async (how: "known" | "system" | "bug"): Promise<unknown> =>
      soon(pool.run({ type: "fail", how })).catch((error: unknown) => error);
    const known = await failure("known");
    t.ok(isBakError(known, "SOURCE_FAILED"));
    t.match(known, { message: "cannot", hint: "do not" });
    t.match(await failure("system"), { code: "ENOSPC", errno: -28, syscall: "write", message: "no space" });
    const bug = await failure("bug");
    t.match(bug, { message: "a bug" });
    t.notOk(isBakError(bug));
    t.equal(await soon(pool.run({ type: "add", numbers: [1, 2] })), 3);
  });

  void t.test(`jobs for one thread of ${size} find what the one before has left`, async (t) => {
    const pool = openPool(t, size);
    const thread = pool.thread();
    const counts = [];
    for (let index = 0; index < 4; index += 1) counts.push(await soon(thread.run({ type: "count" })));
    t.strictSame(counts, [0, 1, 2, 3]);
  });

  void t.test(`a pool of ${size} threads that is closed takes no job`, async (t) => {
    const pool = openPool(t, size);
    await soon(pool.run({ type: "add", numbers: [] }));
    const thread = pool.thread();
    await pool.close();
    if (size === 0) return;
    await t.rejects(soon(pool.run({ type: "add", numbers: [] })), { message: /closed/ });
    await t.rejects(soon(thread.run({ type: "add", numbers: [] })), { message: /closed/ });
  });
}

t.test("a pool that is closed ends its threads in the middle of their jobs", async (t) => {
  const pool = openPool(t, 2);
  const jobs = Array.from({ length: 6 }, () => pool.run({ type: "wait", gate: gate() }).catch((error: Error) => error));
  await soon(pool.close());
  for (const job of jobs) t.match(await soon(job), { message: "the pool was closed" });
});

t.test("jobs of a thread that ends reject, and those that waited are done by another", async (t) => {
  for (const size of [1, 2]) {
    const pool = openPool(t, size);
    const closed = gate();
    const ending: Promise<unknown>[] = [];
    for (let index = 0; index < size; index += 1) ending.push(pool.run({ type: "exit", gate: closed }));
    // each thread has one more at hand; what comes after those waits for a thread
    for (let index = 0; index < size; index += 1) ending.push(pool.run({ type: "count" }));
    const last = pool.run({ type: "add", numbers: [20, 22] });
    for (const each of ending) each.catch(() => undefined); // looked at below
    open(closed);
    for (const each of ending) await t.rejects(soon(each), { message: "a thread ended with exit code 7" });
    t.equal(await soon(last), 42, `with ${size} threads`);
    t.equal(await soon(pool.run({ type: "add", numbers: [1] })), 1);
  }
});

t.test("jobs for a thread that has ended reject, at once and later", async (t) => {
  const pool = openPool(t, 1);
  const thread = pool.thread();
  t.equal(await soon(thread.run({ type: "count" })), 0);
  const failures = [{ type: "exit" } as const, { type: "count" } as const].map((job) =>
    soon(thread.run(job)).catch((error: Error) => error),
  );
  for (const each of failures) t.match(await each, { message: "a thread ended with exit code 7" });
  await t.rejects(soon(thread.run({ type: "count" })), { message: "a thread ended with exit code 7" });
  t.equal(await soon(pool.run({ type: "count" })), 0, "another thread does what is left");
});

t.test("the first few jobs are done where they are asked for", async (t) => {
  const pool = openPool(t, 2, { localJobs: 2 });
  const here = [new ArrayBuffer(8), new ArrayBuffer(8), new ArrayBuffer(8)];
  for (const [index, buffer] of here.entries()) await soon(pool.run({ type: "fill", buffer, byte: index }, [buffer]));
  t.strictSame(
    here.map(({ byteLength }) => byteLength),
    [8, 8, 0],
    "the third was handed over",
  );
});
