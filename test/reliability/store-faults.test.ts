/**
 * Every call that changes a store fails once, in each way that disks fail in, during real pushes: the client is told that it
 * was the store, nothing acknowledged is lost, and once the disk is well again the next push goes on.
 */
import { cpSync, mkdirSync, rmSync } from "node:fs";
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

/** A life between two runs of the store: its store and its sources lie in the folder. */
interface Station {
  readonly folder: string;
  readonly life: StoreLife;
}

/** A call that can fail: of those that are made from a station on, counted from 1. It is one of the first run after that. */
interface Call {
  readonly from: Station;
  readonly number: number;
}

/** Lives a life in which nothing fails, and keeps what it was before each run, so that many lives can go on from there. */
async function liveWell(root: string): Promise<Station[]> {
  const now = join(root, "now");
  mkdirSync(now);
  const life = new StoreLife(join(now, "source"));
  const stations: Station[] = [];
  while (!life.isOver) {
    const folder = join(root, `before run ${stations.length}`);
    copyFolder(now, folder);
    stations.push({ folder, life: life.copy(join(folder, "source")) });
    await life.liveRun({ store: join(now, "store"), disk: nodeDisk });
  }
  return stations;
}

function copyFolder(from: string, to: string): void {
  cpSync(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
}

/**
 * Goes on with a life, and has a call fail, and perhaps another that comes so many calls later; gives what is wrong with
 * that, or undefined if there was no such call in the first run.
 */
async function liveWith(
  fault: Fault,
  { from, number }: Call,
  { folder, later }: { folder: string; later?: number },
): Promise<string[] | undefined> {
  copyFolder(from.folder, folder);
  const life = from.life.copy(join(folder, "source"));
  let calls = 0;
  const failAt = [number, number + (later ?? 0)];
  const options = { store: join(folder, "store"), disk: fault.disk(() => failAt.includes((calls += 1))) };
  let told: unknown;
  try {
    await life.liveRun(options);
    if (calls < number) return undefined;
    await life.live(options);
  } catch (error) {
    told = error;
  }
  const wrong: string[] = [];
  // a call whose failure does no harm, such as that of an index that can be made again, is told to nobody
  if (told !== undefined && !isBakError(told, fault.code)) wrong.push(`told: ${inspect(told)}`);
  const found = await life.findWrong(folder, life.acknowledged).catch((error: unknown) => [String(error)]);
  return [...wrong, ...found];
}

for (const [name, fault] of Object.entries(faults)) {
  t.test(`any one call may fail: ${name}`, async (t) => {
    const root = fastFolder(t);
    const stations = await liveWell(root);
    const wrong: string[] = [];
    const live = async (call: Call, later?: number): Promise<boolean> => {
      const folder = join(root, "life");
      const found = await liveWith(fault, call, later === undefined ? { folder } : { folder, later });
      const where = `run ${stations.indexOf(call.from)}, call ${call.number}${later === undefined ? "" : ` and ${later} later`}`;
      wrong.push(...(found ?? []).map((each) => `${where}: ${each}`));
      rmSync(folder, { recursive: true });
      return found !== undefined;
    };
    const calls: Call[] = [];
    for (const from of stations) {
      for (let call = { from, number: 1 }; await live(call); call = { from, number: call.number + 1 }) calls.push(call);
    }
    t.strictSame(wrong.slice(0, 20), []);
    t.ok(calls.length > 10, `${calls.length} calls`);
    // the long form: one failure, and soon after it another
    const { seed, goesOn } = tortureLength({ rounds: 0, seconds: 0 }, { parts: Object.keys(faults).length });
    const random = seededNumbers(seed);
    let pairs = 0;
    for (; goesOn(pairs); pairs += 1) await live(calls[random() % calls.length] as Call, 1 + (random() % 20));
    t.strictSame(wrong.slice(0, 20), []);
    t.comment(`seed ${seed}: ${calls.length + pairs} lives in which a call failed (${name}); ${wrong.length} wrong`);
  });
}
