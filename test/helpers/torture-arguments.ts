/** How long the torture goes on: as short as `npm test` wants it, or as long as `npm run torture` was told. */

export interface TortureLength {
  readonly seed: number;
  /** Whether there is to be another round, after so many. */
  readonly goesOn: (rounds: number) => boolean;
}

/**
 * In `npm test` there are so many rounds, and no more begin after so many seconds. `per` is how many of the rounds that were asked
 * for one of these stands for, and `parts` among how many such loops of one file the minutes are divided.
 */
export function tortureLength(
  short: { rounds: number; seconds: number },
  { per = 1, parts = 1 }: { per?: number; parts?: number } = {},
): TortureLength {
  const minutes = numberAfter("--minutes");
  const asked = numberAfter("--rounds");
  const rounds = asked === undefined ? (minutes === undefined ? short.rounds : Infinity) : Math.ceil(asked / per);
  const isLong = minutes !== undefined || asked !== undefined;
  const seconds = isLong ? ((minutes ?? Infinity) * 60) / parts : short.seconds;
  const endMs = performance.now() + seconds * 1000;
  return { seed: numberAfter("--seed") ?? 1, goesOn: (done) => done < rounds && performance.now() < endMs };
}

function numberAfter(flag: string): number | undefined {
  const given = process.argv.find((each) => each.startsWith(`${flag}=`));
  return given === undefined ? undefined : Number(given.slice(flag.length + 1));
}
