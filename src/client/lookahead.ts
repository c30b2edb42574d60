/** Runs ahead of a reader by a few steps, so that receiving, inflating and writing overlap. */

/** Maps `source` in order, with up to `ahead` results being made while the reader is busy with another. */
export async function* lookahead<T, R>(
  source: AsyncIterable<T>,
  ahead: number,
  map: (value: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  const pending: Promise<R>[] = [];
  let isDone = false;
  let pull: Promise<void> | undefined;
  const fill = async (): Promise<void> => {
    const next = await iterator.next();
    if (next.done === true) {
      isDone = true;
      return;
    }
    const result = map(next.value);
    result.catch(() => undefined); // it is thrown where the reader takes it
    pending.push(result);
  };
  const startPull = (): void => {
    if (isDone || pull !== undefined || pending.length > ahead) return;
    pull = fill().finally(() => (pull = undefined));
    pull.then(startPull, () => undefined);
  };
  try {
    for (;;) {
      startPull();
      const current = pull;
      if (pending.length === 0 && current !== undefined) await current;
      const first = pending.shift();
      if (first !== undefined) yield await first;
      else if (isDone) return;
    }
  } finally {
    await iterator.return?.();
  }
}
