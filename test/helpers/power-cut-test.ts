/**
 * The power goes off at every point of a store's life, and the disk is left in every way that POSIX allows: the store opens
 * without help, checks clean, what was acknowledged comes back to the last byte, and the next push goes on.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { nodeDisk } from "../../src/store/disk.js";
import { fastFolder } from "./fast-folder.js";
import { exploreCuts } from "./power-cut-states.js";
import { recordDisk } from "./recorded-disk.js";
import { StoreLife, type Acknowledged } from "./store-life.js";
import { tortureLength } from "./torture-arguments.js";

/** Looks at every second state, so that two files can share them. The long form goes on with other random cuts. */
export async function powerCutTest(t: Test, half: 0 | 1): Promise<void> {
  const folder = fastFolder(t);
  const root = join(folder, "disk");
  mkdirSync(root);
  const { disk, steps } = recordDisk(root, nodeDisk);
  const life = new StoreLife(join(folder, "source"));
  const marks: Acknowledged[] = [life.acknowledged];
  const onAcknowledged = (): void => {
    marks.push(life.acknowledged);
    steps.push({ op: "mark", mark: marks.length - 1 });
  };
  await life.live({ store: join(root, "store"), disk, onAcknowledged });
  t.ok(life.collected?.packsDeleted && life.collected.packsRewritten, "packs are deleted, and others rewritten");
  const { seed, goesOn } = tortureLength({ rounds: 1, seconds: Infinity }, { per: 100 });
  const seen = new Set<string>();
  let states = 0;
  let wrong = 0;
  for (let round = 0; goesOn(round); round += 1) {
    const found = await exploreCuts({
      steps,
      folder: join(folder, "states"),
      seed: seed + round,
      randomCuts: 8,
      half,
      seen,
      findWrong: (left, mark) => life.findWrong(left, marks[mark] as Acknowledged),
    });
    states += found.states;
    wrong += found.wrong.length;
    t.strictSame(found.wrong.slice(0, 20), [], `${found.wrong.length} states are wrong`);
  }
  t.comment(`seed ${seed}: ${states} states that a power cut left, after ${steps.length} steps; ${wrong} wrong`);
  t.ok(states > 1100, `${states} states`);
}
