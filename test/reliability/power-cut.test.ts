/**
 * The power goes off at every point of a store's life, and the disk is left in every way that POSIX allows: the store opens
 * without help, what was acknowledged comes back to the last byte, and the next push goes on.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { nodeDisk } from "../../src/store/disk.js";
import { memoryFolder } from "../helpers/memory-folder.js";
import { exploreCuts } from "../helpers/power-cut-states.js";
import { recordDisk } from "../helpers/recorded-disk.js";
import { StoreLife, type Acknowledged } from "../helpers/store-life.js";

t.test("whatever a power cut leaves, what was acknowledged is there", async (t) => {
  const folder = memoryFolder(t);
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
  const found = await exploreCuts({
    steps,
    folder: join(folder, "states"),
    seed: 1,
    randomCuts: 10,
    findWrong: (left, mark) => life.findWrong(left, marks[mark] as Acknowledged),
  });
  t.strictSame(found.wrong.slice(0, 20), [], `${found.wrong.length} states are wrong`);
  t.comment(`${found.states} states after ${steps.length} steps`);
  t.ok(found.states > 600, `${found.states} states`);
});
