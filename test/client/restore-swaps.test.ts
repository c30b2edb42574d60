/** Restores into a folder in which another process swaps folders for links to a place outside, as fast as it can. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { pathFailureOf } from "../../src/client/restore-failure.js";
import { within } from "../helpers/deadline.js";
import { keep, keepMore, placeOf, restoreTo, temporaries, type Kept } from "./restoring.js";

const rounds = 8;

/** Moves each folder aside, puts a link in its place, and puts it back, until what it gives is called. */
async function swapFor(t: Test, outside: string, folders: string[]): Promise<() => Promise<void>> {
  const script = `
    const { renameSync, symlinkSync, unlinkSync } = require("node:fs");
    const [outside, ...folders] = process.argv.slice(1);
    const attempt = (act) => { try { act(); } catch {} };
    let isTold = false;
    for (;;) {
      for (const folder of folders) {
        attempt(() => renameSync(folder, folder + ".aside"));
        attempt(() => symlinkSync(outside, folder));
        if (!isTold) process.stdout.write("swapping");
        isTold = true;
        attempt(() => unlinkSync(folder));
        attempt(() => renameSync(folder + ".aside", folder));
      }
    }`;
  const child = spawn(process.execPath, ["-e", script, outside, ...folders], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { PATH: process.env["PATH"] },
  });
  const exited = once(child, "exit");
  t.teardown(() => child.kill("SIGKILL"));
  await within(30_000, "the first swap", once(child.stdout, "data"));
  return async () => {
    child.kill("SIGKILL");
    await exited;
  };
}

/** With times of change: nothing was so much as touched if it is the same. */
const pictureOf = (folder: string): string =>
  execFileSync("find", [folder, "-printf", "%p %i %m %s %T@ %C@\\n"], { encoding: "utf8" });

t.test("nothing outside the target is made, replaced, changed or deleted", async (t) => {
  const { source, target, at } = placeOf(t);
  for (const folder of ["d/sub", "e/sub/deep", "f"]) mkdirSync(join(source, folder), { recursive: true });
  for (const folder of ["d", "d/sub", "e/sub", "e/sub/deep", "f"])
    for (let index = 0; index < 40; index += 1) writeFileSync(join(source, folder, `${index}`), `${folder} ${index}`);
  const first = await keep(t, source);
  for (const folder of ["d", "d/sub", "e/sub"]) writeFileSync(join(source, folder, "7"), `${folder}, changed`);
  const commits = [first, await keepMore(t, first.world, source)];
  const outside = join(at, "outside");
  for (const folder of ["sub/deep", "deep"]) mkdirSync(join(outside, folder), { recursive: true });
  for (const path of ["0", "7", "sub/7", "sub/deep/0", "deep/3", "other"]) writeFileSync(join(outside, path), "theirs");
  const before = pictureOf(outside);
  await restoreTo(first, target);
  const swapped = ["d", "e/sub", "d/sub", "e/more", "f"].map((folder) => join(target, folder));
  const endSwaps = await swapFor(t, outside, swapped);
  let failures = 0;
  for (let round = 0; round < rounds; round += 1) {
    // what is to be deleted is moved in whole: made there, it might be made outside
    const more = join(at, `more ${round}`);
    mkdirSync(join(more, "deep"), { recursive: true });
    for (let index = 0; index < 50; index += 1) writeFileSync(join(more, "deep", `${index}`), "mine");
    try {
      renameSync(more, join(target, "e", "more"));
    } catch (error) {
      pathFailureOf(error); // a link is there
    }
    const deletion = round % 2 === 0 ? undefined : { isSpared: () => false };
    const kept = commits[(round >> 1) % 2] as Kept;
    const { result } = await restoreTo(kept, target, { deletion, threads: round === 4 ? 2 : 0 });
    failures += result.failed;
  }
  await endSwaps(); // before the folder is removed
  t.equal(pictureOf(outside), before);
  t.ok(failures > 0, "the swaps were met");
  t.strictSame(temporaries(outside), []);
});
