/** Pools of buffers: never more than the bound, and whoever waits is served in turn, or told why not. */
import t from "tap";
import { BufferPool } from "../../src/client/buffer-pool.js";
import { settle, within } from "../helpers/deadline.js";

t.test("there are as many buffers as the bound, made when they are wanted, and used again", async (t) => {
  const pool = new BufferPool(1000, 2);
  const first = await pool.take();
  t.equal(first.byteLength, 1000);
  pool.give(first);
  t.equal(await pool.take(), first, "no second is made while one is free");
  const second = await pool.take();
  t.not(second, first);
  let third: ArrayBuffer | undefined;
  const taking = pool.take().then((buffer) => (third = buffer));
  await settle();
  t.equal(third, undefined, "a third is waited for");
  pool.give(second);
  await within(1000, "the third", taking);
  t.equal(third, second);
});

t.test("who waits longest is served first, and a buffer is given to one alone", async (t) => {
  const pool = new BufferPool(1, 1);
  const only = await pool.take();
  const served: number[] = [];
  const taking = [0, 1, 2].map(async (number) => {
    const buffer = await pool.take();
    served.push(number);
    return buffer;
  });
  for (const count of [1, 2, 3]) {
    pool.give(only);
    await settle();
    t.strictSame(served, [0, 1, 2].slice(0, count));
  }
  t.strictSame(new Set(await Promise.all(taking)), new Set([only]));
});

t.test("more may be allowed, and who waits gets one at once; fewer may not", async (t) => {
  const pool = new BufferPool(10, 1);
  await pool.take();
  let served = 0;
  const taking = Array.from({ length: 3 }, () => pool.take().then(() => (served += 1)));
  pool.allow(3);
  await settle();
  t.equal(served, 2);
  t.equal(pool.limit, 3);
  pool.allow(2);
  t.equal(pool.limit, 3);
  pool.allow(5);
  await within(1000, "the last", Promise.all(taking));
  await within(1000, "one that nobody waited for", pool.take());
  t.equal(served, 3);
});

t.test("a pool that has failed tells those who wait and those who come, with the first reason", async (t) => {
  const pool = new BufferPool(1, 1);
  const only = await pool.take();
  const waiting = [pool.take(), pool.take()];
  const reason = new Error("no more");
  pool.fail(reason);
  pool.fail(new Error("later"));
  for (const each of waiting) await t.rejects(within(1000, "the failure", each), reason);
  pool.give(only);
  await t.rejects(pool.take(), reason, "also where a buffer has come back");
});
