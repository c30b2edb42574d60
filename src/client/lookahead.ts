/** Runs ahead of a reader by a few steps, so that receiving, inflating and writing overlap. */

/**
 * Maps what a generator yields, in order, with up to `ahead` results being made while the reader is busy with another. The
 * generator is told when the reader stops early, but not waited for: it may be waiting for the network.
 */
export async function* lookahead<T, R>(
  source: AsyncGenerator<T, void, undefined>,
  ahead: number,
  map: (value: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const pending: Promise<{ value: R } | undefined>[] = [];
  const start = (): void => {
    // a generator deals with calls of next in their order, so several may be under way
    const step = source
      .next()
      .then(async (next) => (next.done === true ? undefined : { value: await map(next.value) }));
    step.catch(() => undefined); // it is thrown where the reader takes it
    pending.push(step);
  };
  try {
    for (let count = 0; count <= ahead; count += 1) start();
    for (;;) {
      const result = await pending.shift();
      if (result === undefined) return;
      start();
      yield result.value;
    }
  } finally {
    source.return().catch(() => undefined);
  }
}
