/** Running ahead of a reader: order, how far ahead, and where failures come out. */
import t from "tap";
import { lookahead } from "../../src/client/lookahead.js";
import { settle, within } from "../helpers/deadline.js";

/** Numbers from 0, told as they are asked for; with a failure after the last. */
async function* numbers(
  count: number,
  events: { onNext?: (value: number) => void; onReturn?: () => void; failure?: Error } = {},
): AsyncGenerator<number, void, undefined> {
  try {
    for (let value = 0; value < count; value += 1) {
      events.onNext?.(value);
      yield value;
    }
    if (events.failure !== undefined) throw events.failure;
  } finally {
    events.onReturn?.();
  }
}

const twice = (value: number): Promise<number> => Promise.resolve(value * 2);

/** What a generator yields, and what it ends with. */
async function drain<T>(generator: AsyncGenerator<T, void, undefined>): Promise<{ values: T[]; error: unknown }> {
  const values: T[] = [];
  try {
    await within(
      5000,
      "the generator",
      (async () => {
        for await (const value of generator) values.push(value);
      })(),
    );
    return { values, error: undefined };
  } catch (error) {
    return { values, error };
  }
}

t.test("results come in the order of the source, however long each takes", async (t) => {
  for (const ahead of [0, 1, 3, 20]) {
    const slowFirst = async (value: number): Promise<number> => {
      await settle(10 - value);
      return value * 2;
    };
    t.strictSame(await drain(lookahead(numbers(10), ahead, slowFirst)), {
      values: [0, 2, 4, 6, 8, 10, 12, 14, 16, 18],
      error: undefined,
    });
    t.strictSame(await drain(lookahead(numbers(0), ahead, twice)), { values: [], error: undefined });
  }
});

t.test("so many are made ahead of the reader, and no more", async (t) => {
  for (const ahead of [0, 1, 3]) {
    let asked = 0;
    let making = 0;
    let most = 0;
    const map = async (value: number): Promise<number> => {
      making += 1;
      most = Math.max(most, making);
      await settle(3);
      making -= 1;
      return value;
    };
    const generator = lookahead(numbers(20, { onNext: () => (asked += 1) }), ahead, map);
    t.equal(asked, 0, "nothing before it is read");
    for (let read = 0; read < 5; read += 1) {
      t.equal((await generator.next()).value, read);
      await settle(20);
      t.equal(asked, read + ahead + 2, "those ahead, and the one that is begun in place of the one just given");
    }
    t.ok(most <= ahead + 1);
    await generator.return();
  }
});

t.test("a failure of the source comes out after everything before it", async (t) => {
  const failure = new Error("the source failed");
  for (const ahead of [0, 1, 3, 20]) {
    const drained = await drain(lookahead(numbers(5, { failure }), ahead, twice));
    t.strictSame(drained.values, [0, 2, 4, 6, 8]);
    t.equal(drained.error, failure);
  }
});

t.test("a failure of one result comes out in its place, and the source is told to stop", async (t) => {
  const failure = new Error("the third failed");
  for (const ahead of [0, 1, 3, 20]) {
    let isReturned = false;
    const map = async (value: number): Promise<number> => {
      if (value === 3) throw failure;
      await settle(5);
      return value;
    };
    const source = numbers(100, { onReturn: () => (isReturned = true) });
    const drained = await drain(lookahead(source, ahead, map));
    t.strictSame(drained.values, [0, 1, 2]);
    t.equal(drained.error, failure);
    await settle();
    t.ok(isReturned);
  }
});

t.test("a reader that stops early stops the source, and is not held by one that waits", async (t) => {
  let isReturned = false;
  const generator = lookahead(numbers(100, { onReturn: () => (isReturned = true) }), 3, twice);
  for await (const value of generator) if (value === 4) break;
  await settle();
  t.ok(isReturned);
  async function* stuck(): AsyncGenerator<number, void, undefined> {
    yield 1;
    await new Promise(() => undefined);
  }
  const held = lookahead(stuck(), 2, twice);
  t.equal((await held.next()).value, 2);
  await within(1000, "the return", held.return());
});

t.test("failures that nobody waits for any more are not unhandled", async (t) => {
  let unhandled = 0;
  const count = (): void => void (unhandled += 1);
  process.on("unhandledRejection", count);
  t.teardown(() => process.off("unhandledRejection", count));
  const map = async (value: number): Promise<number> => {
    if (value > 0) throw new Error("later");
    return value;
  };
  for await (const value of lookahead(numbers(9, { failure: new Error("source") }), 3, map)) if (value === 0) break;
  await settle();
  t.equal(unhandled, 0);
});
