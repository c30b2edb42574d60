/**
 * kill -9 of client and server at random moments: nothing that was acknowledged is lost, and nobody has to clean up.
 *
 *     npm run torture -- --rounds 300 --seed 7
 */
import { join } from "node:path";
import t from "tap";
import { seededNumbers } from "../helpers/arbitrary-bytes.js";
import { BakUser } from "../helpers/bak-process.js";
import { KillTorture } from "../helpers/kill-torture.js";
import { LivingFolder } from "../helpers/living-folder.js";
import { tortureLength } from "../helpers/torture-arguments.js";

t.test("whoever is killed, whenever: nothing acknowledged is lost, and no one has to clean up", async (t) => {
  const { seed, goesOn } = tortureLength({ rounds: 20, seconds: 45 });
  const next = seededNumbers(seed);
  const user = new BakUser(t, t.testdir());
  const torture = new KillTorture(user, new LivingFolder(join(user.home, "folder"), next), next);
  try {
    while (goesOn(torture.figures.rounds)) await torture.round();
    await torture.finish();
  } catch (error) {
    const { rounds } = torture.figures;
    t.fail(`round ${rounds} of seed ${seed}: ${String(error)}`, { stories: torture.stories });
    return;
  }
  const { rounds, kills, survivedPushes, acknowledged, restores, cleanings } = torture.figures;
  t.comment(
    `seed ${seed}: ${rounds} rounds, ${kills} kills, ${survivedPushes} pushes that went on with another server, ` +
      `${cleanings} while the store was cleaned, ${acknowledged} commits acknowledged, ${restores} restores compared, 0 lost`,
  );
  t.ok(rounds >= 3 && kills > rounds / 2 && restores > rounds, JSON.stringify(torture.figures));
});
