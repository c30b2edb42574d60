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
import { fastFolder } from "../helpers/fast-folder.js";
import { failingDisk, shortWritingDisk, systemError, type DiskCall } from "../helpers/store-disks.js";
import { StoreLife } from "../helpers/store-life.js";

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

/** Lives a life whose disk fails at the n-th call; gives what is wrong with that, and whether there was such a call. */
async function liveWith(fault: Fault, failAt: number, folder: string): Promise<{ wrong: string[]; isFailed: boolean }> {
  mkdirSync(folder);
  const life = new StoreLife(join(folder, "source"));
  let calls = 0;
  const disk = fault.disk(() => (calls += 1) === failAt);
  const told = await life.live({ store: join(folder, "store"), disk }).then(
    () => undefined,
    (error: unknown) => error,
  );
  const wrong: string[] = [];
  // a call whose failure does no harm, such as that of an index that can be made again, is told to nobody
  if (told !== undefined && !isBakError(told, fault.code)) wrong.push(`told: ${inspect(told)}`);
  const found = await life.findWrong(folder, life.acknowledged).catch((error: unknown) => [String(error)]);
  return { wrong: [...wrong, ...found], isFailed: calls >= failAt };
}

for (const [name, fault] of Object.entries(faults)) {
  t.test(`any one call may fail: ${name}`, async (t) => {
    const root = fastFolder(t);
    const wrong: string[] = [];
    let failAt = 1;
    for (; ; failAt += 1) {
      const folder = join(root, String(failAt));
      const found = await liveWith(fault, failAt, folder);
      wrong.push(...found.wrong.map((each) => `call ${failAt}: ${each}`));
      rmSync(folder, { recursive: true });
      if (!found.isFailed) break;
    }
    t.strictSame(wrong.slice(0, 20), []);
    t.ok(failAt > 10, `${failAt - 1} calls`);
  });
}
