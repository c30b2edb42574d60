import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Test } from "tap";
import { start, type Finished, type Running } from "./bak-process.js";
import { fastFolder } from "./fast-folder.js";
import { projectFolder } from "./project.js";

const script = fileURLToPath(new URL("bench/main.js", projectFolder));

/** Where a run of the bench happens. */
export interface Place {
  /** Where the bench works: as empty afterwards as it was before. */
  readonly work: string;
  /** A folder on the PATH. */
  readonly bin: string;
}

/** Folders of a test of its own. */
export function makePlace(t: Test): Place {
  const root = fastFolder(t);
  const place = { work: join(root, "work"), bin: join(root, "bin") };
  for (const folder of Object.values(place)) mkdirSync(folder);
  return place;
}

/** Starts the bench there; it is killed when the test ends. */
export function beginBench(t: Test, { work, bin }: Place, args: readonly string[]): Running {
  const env = { PATH: `${bin}:${process.env["PATH"]}`, HOME: work };
  const running = start(process.execPath, [script, ...args, "--work", work], { env });
  t.teardown(async () => {
    running.child.kill("SIGKILL");
    await running.ended;
  });
  return running;
}

/** Runs the bench to its end, after which nothing of it may be left. */
export async function runBench(t: Test, place: Place, args: readonly string[]): Promise<Finished> {
  const finished = await beginBench(t, place, args).ended;
  t.strictSame(readdirSync(place.work), [], "nothing is left behind");
  return finished;
}
