/** The pool, with threads, and without. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { text } from "node:stream/consumers";
import { threadId } from "node:worker_threads";
import t, { type Test } from "tap";
import { blake3 } from "../../src/objects/hash.js";
import { ThreadPool, usefulThreads } from "../../src/threads/thread-pool.js";
import { settle, until, within } from "../helpers/deadline.js";
import { testWork, type TestJob } from "./test-work.js";

type Pool = ThreadPool<TestJob, unknown>;

function open(t: Test, size: number): Pool {
  const entry = new URL("./test-thread.js", import.meta.url);
  const pool: Pool = new ThreadPool({ entry, work: testWork, size });
  t.teardown(() => pool.close());
  return pool;
}

/** Begins a job that holds its thread until it is let go. */
async function hold(pool: Pick<Pool, "run">): Promise<{ letGo: () => void; done: Promise<unknown> }> {
  const flags = new Int32Array(new SharedArrayBuffer(8));
  const done = pool.run({ do: "wait", flags });
  done.catch(() => undefined); // whoever waits for it is told
  await until(() => Atomics.load(flags, 1) === 1, "the job's beginning");
  const letGo = (): void => {
    Atomics.store(flags, 0, 1);
    Atomics.notify(flags, 0);
  };
  return { letGo, done };
}

for (const size of [0, 2]) {
  t.test(`with ${size} threads, errors of every kind come back as what they are`, async (t) => {
    const pool = open(t, size);
    const known = { name: "BakError", code: "BAD_PACK", message: "refused pack: for a test", hint: "do not test" };
    await t.rejects(pool.run({ do: "fail", how: "known" }), known);
    const missing = { code: "ENOENT", errno: -2, syscall: "open", message: /no such file/ };
    await t.rejects(pool.run({ do: "fail", how: "system" }), missing);
    const bug = await pool.run({ do: "fail", how: "bug" }).catch((error: unknown) => error as Error);
    t.match(bug, { message: "a bug, for a test", stack: /test-work/ });
    t.notOk("code" in (bug as Error));
    t.equal(typeof (await pool.run({ do: "count" })), "number", "and the pool goes on");
  });

  t.test(`with ${size} threads, every job has its own answer`, async (t) => {
    const pool = open(t, size);
    const jobs = Array.from({ length: 50 }, (_, index) => Uint8Array.of(index));
    const answers = await Promise.all(jobs.map((bytes) => pool.run({ do: "double", bytes })));
    t.strictSame(
      answers.map((each) => (each as Uint8Array)[0]),
      jobs.map((_, index) => index * 2),
    );
    t.equal(await pool.run({ do: "blake3" }), blake3().name);
  });

  t.test(`with ${size} threads, a closed pool takes no more`, async (t) => {
    const pool = open(t, size);
    await pool.run({ do: "count" });
    await pool.close();
    await pool.close();
    await t.rejects(pool.run({ do: "count" }), /closed/);
  });
}

t.test("without threads the jobs are done here, one after the other, and others have a turn", async (t) => {
  const pool = open(t, 0);
  t.equal(pool.size, 1);
  let turns = 0;
  const turning = setInterval(() => (turns += 1), 0);
  t.strictSame(await Promise.all([pool.run({ do: "where" }), pool.thread().run({ do: "where" })]), [
    threadId,
    threadId,
  ]);
  await until(() => turns > 0);
  clearInterval(turning);
  const bytes = Uint8Array.of(1);
  await pool.run({ do: "double", bytes }, [bytes.buffer]);
  t.equal(bytes.length, 1, "nothing is handed over");
});

t.test("buffers are handed over, and back", async (t) => {
  const pool = open(t, 1);
  const bytes = Uint8Array.of(1, 2, 3);
  const doubling = pool.run({ do: "double", bytes }, [bytes.buffer]);
  t.equal(bytes.length, 0);
  t.strictSame(await doubling, Uint8Array.of(2, 4, 6));
  const again = pool.run({ do: "double", bytes }, [bytes.buffer]);
  await t.rejects(within(20_000, "what is gone", again), { code: "INTERNAL", message: /deserialize/ });
  const job = { do: "count", and: () => undefined } as unknown as TestJob;
  await t.rejects(pool.run(job), { name: "DataCloneError" }, "what can't be sent");
  t.equal(await pool.run({ do: "count" }), 1, "and the pool goes on");
});

t.test("jobs run side by side on as many threads as there may be, and no more", async (t) => {
  const pool = open(t, 2);
  const held = [await hold(pool), await hold(pool)];
  let isDone = false;
  const third = pool.run({ do: "where" }).then((id) => ((isDone = true), id));
  await settle();
  t.notOk(isDone, "the third waits");
  for (const each of held) each.letGo(); // it may be at hand of either
  const ids = [await third, await held[0]?.done, await held[1]?.done];
  t.equal(new Set(ids).size, 2);
  t.notOk(ids.includes(threadId));
});

t.test("a thread has its next job at hand, and no more than that", async (t) => {
  const pool = open(t, 1);
  const { letGo } = await hold(pool);
  const [next, last] = [Uint8Array.of(1), Uint8Array.of(1)];
  const jobs = [next, last].map((bytes) => pool.run({ do: "double", bytes }, [bytes.buffer]));
  t.strictSame([next.length, last.length], [0, 1]);
  letGo();
  t.strictSame(await Promise.all(jobs), [Uint8Array.of(2), Uint8Array.of(2)]);
});

t.test("what a thread has kept is found by those who stay with it", async (t) => {
  const pool = open(t, 2);
  const thread = pool.thread();
  const { letGo } = await hold(thread);
  const other = pool.thread();
  t.equal(await other.run({ do: "count" }), 1, "the one that is not busy");
  letGo();
  t.equal(await thread.run({ do: "count" }), 1);
  t.equal(await thread.run({ do: "count" }), 2);
  t.equal(await other.run({ do: "count" }), 2);
});

for (const how of ["exit", "throw later"] as const) {
  t.test(`a thread that dies (${how}) takes its jobs with it, and no others`, async (t) => {
    const pool = open(t, 1);
    const pinned = pool.thread();
    const dying = pool.run({ do: how });
    const atHand = pool.run({ do: "count" });
    const waiting = pool.run({ do: "count" });
    const death = { name: "BakError", code: "INTERNAL", message: /thread of this process died: .*(7|out of order)/ };
    await within(20_000, "the dying", t.rejects(dying, death));
    // with an error to come, the job behind it may still be done
    await atHand.then(
      (value) => t.equal(value, 1),
      (error: unknown) => t.match(error, death),
    );
    t.equal(await within(20_000, "what waited for any thread", waiting), 1, "on a new thread");
    await within(20_000, "the dead one", t.rejects(pinned.run({ do: "count" }), death));
    t.equal(await pool.thread().run({ do: "count" }), 2);
  });
}

t.test("closing ends what is being done, and what waits", async (t) => {
  const pool = open(t, 1);
  const pinned = pool.thread();
  const { done } = await hold(pool);
  const others = [pool.run({ do: "count" }), pool.run({ do: "count" }), pinned.run({ do: "count" })];
  const rejected = Promise.all([done, ...others].map((each) => t.rejects(each, /closed/)));
  await within(9_000, "closing", pool.close());
  await rejected;
  await t.rejects(pinned.run({ do: "count" }), /closed/);
});

t.test("a thread does not keep the process", async (t) => {
  const script = fileURLToPath(new URL("./keeps-process.js", import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, script], { stdio: ["ignore", "pipe", "inherit"] });
  t.teardown(() => child.kill("SIGKILL"));
  const [said, [code]] = await within(30_000, "its end", Promise.all([text(child.stdout), once(child, "exit")]));
  t.equal(said, "done 1\n", "and a job does, until it is done");
  t.equal(code, 0);
});

t.test("a process that closes a pool lives to see it closed, whatever comes from its threads meanwhile", async (t) => {
  const script = fileURLToPath(new URL("./closes-pool.js", import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, script], { stdio: ["ignore", "pipe", "inherit"] });
  t.teardown(() => child.kill("SIGKILL"));
  const [said, [code]] = await within(30_000, "its end", Promise.all([text(child.stdout), once(child, "exit")]));
  t.equal(said, "closed\n");
  t.equal(code, 0);
});

t.test("there is use for one thread at least", async (t) => {
  t.ok(usefulThreads() >= 1 && usefulThreads() <= 8);
});

t.test("the first few jobs are done where they are asked for", async (t) => {
  const entry = new URL("./test-thread.js", import.meta.url);
  const pool: Pool = new ThreadPool({ entry, work: testWork, size: 2, localJobs: 2 });
  t.teardown(() => pool.close());
  const where = [];
  for (let job = 0; job < 3; job += 1) where.push(await pool.run({ do: "where" }));
  t.strictSame(where.slice(0, 2), [threadId, threadId]);
  t.not(where[2], threadId);
});

t.test("threads can be started before there is work for them", async (t) => {
  const entry = new URL("./test-thread.js", import.meta.url);
  let started = 0;
  const onFirstThread = (): void => void (started += 1);
  const pool: Pool = new ThreadPool({ entry, work: testWork, size: 2, localJobs: 1, onFirstThread });
  t.teardown(() => pool.close());
  pool.startAll();
  pool.startAll();
  t.equal(started, 1);
  t.equal(await pool.run({ do: "where" }), threadId, "they are not waited for");
  const where = await Promise.all([pool.run({ do: "where" }), pool.run({ do: "where" })]);
  t.equal(new Set([...where, threadId]).size, 3, "there are two");
  await pool.close();
  pool.startAll();
  await t.rejects(pool.run({ do: "where" }), { message: "the pool is closed" });
  const none: Pool = new ThreadPool({ entry, work: testWork, size: 0 });
  none.startAll();
  t.equal(await none.run({ do: "where" }), threadId);
});
