/** Goes through a recording, cuts the power at every step of it in several ways, and has each state looked at that comes of it. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { seededNumbers } from "./arbitrary-bytes.js";
import { DiskImage, fingerprint, layOut, plainCuts, randomCut, type Cut } from "./disk-image.js";
import type { Step } from "./recorded-disk.js";

export interface Exploration {
  /** States that differ from each other, or in what had been acknowledged when the power went. */
  readonly states: number;
  /** One line each: at which step, and what is wrong. */
  readonly wrong: string[];
}

export interface ExploreOptions {
  readonly steps: readonly Step[];
  /** A folder for the states, each laid out in one of its own, which goes when it has been looked at. */
  readonly folder: string;
  readonly seed: number;
  /** How many random cuts there are at each step, beside the plain ones. */
  readonly randomCuts: number;
  /** Fingerprints of what has been looked at already, which is not again. */
  readonly seen: Set<string>;
  /** Looks only at every second state: the even ones, or the odd ones. */
  readonly half: 0 | 1;
  /** Gives what is wrong with what is left in a folder, after so many marks. What it throws is wrong, too. */
  readonly findWrong: (left: string, marks: number) => Promise<readonly string[]>;
}

/** States looked at side by side: much of the time goes into waiting for the disk. */
const atOnce = 3;

/** See the top of the file. */
export async function exploreCuts(options: ExploreOptions): Promise<Exploration> {
  const wrong: string[] = [];
  const before = options.seen.size;
  const states = statesOf(options);
  const look = async (): Promise<void> => {
    for (const { left, where, marks, layOutIn } of states) {
      layOutIn(left);
      const found = await options.findWrong(left, marks).catch((error: unknown) => [String(error)]);
      wrong.push(...found.map((each) => `${where}: ${each}`));
      rmSync(left, { recursive: true, force: true });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, look));
  return { states: (options.seen.size - before) >> 1, wrong };
}

interface State {
  readonly left: string;
  readonly where: string;
  readonly marks: number;
  readonly layOutIn: (folder: string) => void;
}

function* statesOf(options: ExploreOptions): Generator<State> {
  const { steps, folder, seed, randomCuts, half, seen } = options;
  const random = seededNumbers(seed);
  const image = new DiskImage();
  let marks = 0;
  for (let at = 0; at <= steps.length; at += 1) {
    const cuts: Cut[] = [...plainCuts, ...Array.from({ length: randomCuts }, () => randomCut(random))];
    for (const [number, cut] of cuts.entries()) {
      const remains = image.cut(cut);
      const key = `${marks} ${fingerprint(remains)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      if (seen.size % 2 !== half) continue;
      const before = steps[at - 1];
      const where = `after step ${at} of ${steps.length} (${describe(before)}), cut ${number}`;
      yield { left: join(folder, `${at}-${number}`), where, marks, layOutIn: (left) => layOut(remains, left) };
    }
    const step = steps[at];
    if (step === undefined) return;
    image.apply(step);
    if (step.op === "mark") marks += 1;
  }
}

function describe(step: Step | undefined): string {
  if (step === undefined) return "none";
  const subject = "path" in step ? step.path : "file" in step ? `file ${step.file}` : `mark ${step.mark}`;
  return `${step.op} ${subject}`;
}
