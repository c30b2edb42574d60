/** How long the torture goes on: as short as `npm test` wants it, or as long as `npm run torture` was told. */

export interface TortureLength {
  readonly seed: number;
  /** Whether there is to be another round, after so many. */
  readonly goesOn: (rounds: number) => boolean;
}

/** In `npm test` there are so many rounds, and no more begin after so many seconds. */
export function tortureLength(short: { rounds: number; seconds: number }): TortureLength {
  const minutes = numberAfter("--minutes");
  const rounds = numberAfter("--rounds") ?? (minutes === undefined ? short.rounds : Infinity);
  const isLong = minutes !== undefined || numberAfter("--rounds") !== undefined;
  const seconds = isLong ? (minutes ?? Infinity) * 60 : short.seconds;
  const endMs = performance.now() + seconds * 1000;
  return { seed: numberAfter("--seed") ?? 1, goesOn: (done) => done < rounds && performance.now() < endMs };
}

function numberAfter(flag: string): number | undefined {
  const given = process.argv.find((each) => each.startsWith(`${flag}=`));
  return given === undefined ? undefined : Number(given.slice(flag.length + 1));
}
