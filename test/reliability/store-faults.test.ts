/**
 * Every call that changes a store fails once, in each way that disks fail in, during real pushes: the client is told that it
 * was the store, nothing acknowledged is lost, and once the disk is well again the next push goes on.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import t from "tap";
import { isBakError, type ErrorCode } from "../../src/errors.js";
import { nodeDisk, type Disk } from "../../src/store/disk.js";
import { seededNumbers } from "../helpers/arbitrary-bytes.js";
import { fastFolder } from "../helpers/fast-folder.js";
import { failingDisk, shortWritingDisk, systemError, type DiskCall } from "../helpers/store-disks.js";
import { StoreLife } from "../helpers/store-life.js";
import { tortureLength } from "../helpers/torture-arguments.js";

interface Fault {
  /** What the client is told. */
  readonly code: ErrorCode;
  /** A disk that fails when `isNow` says so. */
  readonly disk: (isNow: () => boolean) => Disk;
}

const failsWith = (errno: string, calls?: readonly DiskCall["name"][]): Fault["disk"] => {
  return (isNow) =>
    failingDisk(nodeDisk, ({ name }) => ((calls?.includes(name) ?? true) && isNow() ? errno : undefined));
};
/** The calls for which the system needs a descriptor. */
const opening = ["createFile", "appendFile", "openLock", "truncate", "syncFolder"] as const;

const faults: Record<string, Fault> = {
  ENOSPC: { code: "STORE_FULL", disk: failsWith("ENOSPC") },
  EIO: { code: "STORE_FAILED", disk: failsWith("EIO") },
  EMFILE: { code: "STORE_FAILED", disk: failsWith("EMFILE", opening) },
  "a write that ends half way": {
    code: "STORE_FULL",
    disk: (isNow) => shortWritingDisk(nodeDisk, () => (isNow() ? systemError("ENOSPC") : undefined)),
  },
};

/**
 * Lives a life whose disk fails at some of its calls, counted from 1; gives what is wrong with that, and whether there was
 * the first such call.
 */
async function liveWith(
  fault: Fault,
  failAt: readonly number[],
  folder: string,
): Promise<{ wrong: string[]; isFailed: boolean }> {
  mkdirSync(folder);
  const life = new StoreLife(join(folder, "source"));
  let calls = 0;
  const disk = fault.disk(() => failAt.includes((calls += 1)));
  const told = await life.live({ store: join(folder, "store"), disk }).then(
    () => undefined,
    (error: unknown) => error,
  );
  const wrong: string[] = [];
  // a call whose failure does no harm, such as that of an index that can be made again, is told to nobody
  if (told !== undefined && !isBakError(told, fault.code)) wrong.push(`told: ${inspect(told)}`);
  const found = await life.findWrong(folder, life.acknowledged).catch((error: unknown) => [String(error)]);
  return { wrong: [...wrong, ...found], isFailed: calls >= (failAt[0] ?? 0) };
}

for (const [name, fault] of Object.entries(faults)) {
  t.test(`any one call may fail: ${name}`, async (t) => {
    const root = fastFolder(t);
    const wrong: string[] = [];
    const live = async (...failAt: number[]): Promise<boolean> => {
      const folder = join(root, failAt.join("-"));
      const found = await liveWith(fault, failAt, folder);
      wrong.push(...found.wrong.map((each) => `call ${failAt.join(" and ")}: ${each}`));
      rmSync(folder, { recursive: true });
      return found.isFailed;
    };
    let calls = 0;
    while (await live(calls + 1)) calls += 1;
    t.strictSame(wrong.slice(0, 20), []);
    t.ok(calls > 10, `${calls} calls`);
    // the long form: one failure, and soon after it another
    const { seed, goesOn } = tortureLength({ rounds: 0, seconds: 0 }, { parts: Object.keys(faults).length });
    const random = seededNumbers(seed);
    let pairs = 0;
    for (; goesOn(pairs); pairs += 1) {
      const first = 1 + (random() % calls);
      await live(first, first + 1 + (random() % 20));
    }
    t.strictSame(wrong.slice(0, 20), []);
    t.comment(`seed ${seed}: ${calls + pairs} lives in which a call failed (${name}); ${wrong.length} wrong`);
  });
}
