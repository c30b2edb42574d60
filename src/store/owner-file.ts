/**
 * The lock of a store where there is no flock(2): a file that says which process owns the store, so exactly that it can be
 * told from every process before and after it. What a dead owner leaves keeps nobody out.
 *
 * The files are `lock.1`, `lock.2`, … and the highest number counts. To own the store is to have made the next number, at
 * once with its text, after the owner of the one before had died, or had released it by emptying it. Numbers never go
 * down, so a process that was late finds a higher number than its own, and gives way. (All owners must see the same
 * processes: the same machine, and there the same container.)
 */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";
import { errnoOf } from "../errors.js";
import type { Disk, DiskFile } from "./disk.js";
import { lockedError, type LockPlace, type StoreLock } from "./store-lock.js";
import { removeQuietly } from "./write-file.js";

/** Makes this process the owner of a store; STORE_LOCKED where a living process is that. */
export async function lockByOwnerFile(disk: Disk, place: LockPlace): Promise<StoreLock> {
  const me = Buffer.from((await describeProcess(process.pid)) ?? "");
  for (;;) {
    const temporary = place.temporary();
    const file = await disk.createFile(temporary);
    try {
      await writeAndClose(file, me);
      const number = await takeNextNumber(disk, place, temporary);
      if (number !== undefined) return { release: () => disk.truncate(place.ownerFile(number), 0) };
    } finally {
      await removeQuietly(disk, temporary);
    }
  }
}

async function writeAndClose(file: DiskFile, bytes: Uint8Array): Promise<void> {
  try {
    await file.write(bytes);
  } finally {
    await file.close();
  }
}

/** The number that makes this process the owner; undefined where another process was faster. */
async function takeNextNumber(disk: Disk, place: LockPlace, temporary: string): Promise<number | undefined> {
  const numbers = await listNumbers(place);
  const last = numbers.at(-1) ?? 0;
  if (last > 0) await assertNoOwner(place, last);
  const mine = place.ownerFile(last + 1);
  try {
    await disk.link(temporary, mine);
  } catch (error) {
    // ENOENT: whoever was faster has cleared incoming/ already
    if (errnoOf(error) === "EEXIST" || errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  if ((await listNumbers(place)).at(-1) !== last + 1) {
    await removeQuietly(disk, mine);
    return undefined;
  }
  for (const number of numbers) await removeQuietly(disk, place.ownerFile(number)); // the next owner tries again
  return last + 1;
}

async function listNumbers(place: LockPlace): Promise<number[]> {
  const beginning = `${basename(place.lock)}.`;
  const names = (await readdir(place.folder)).filter((name) => name.startsWith(beginning));
  return names
    .map((name) => Number(/^\d+$/.exec(name.slice(beginning.length))?.[0] ?? 0))
    .filter((number) => number > 0)
    .toSorted((a, b) => a - b);
}

async function assertNoOwner(place: LockPlace, number: number): Promise<void> {
  const owner = await readFile(place.ownerFile(number), "utf8");
  const pid = Number(owner.split(" ")[0]);
  if (owner !== "" && (await describeProcess(pid)) === owner) throw lockedError(place.folder, owner);
}

/** A text that no other process ever has: process id, start time, and the boot of the machine; undefined for a dead one. */
async function describeProcess(pid: number): Promise<string | undefined> {
  if (process.platform === "linux") return describeLinuxProcess(pid);
  if (!isAlive(pid)) return undefined;
  if (process.platform === "win32") return `${pid} windows`; // a process of the same id would count as the owner
  const { stdout } = await promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)]);
  return `${pid} ${stdout.trim()}`;
}

/** See proc_pid_stat(5): the state is the first field after the name, the start time in clock ticks the twentieth. */
async function describeLinuxProcess(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "latin1");
    return fields[0] === "Z" ? undefined : `${pid} ${fields[19]} ${boot.trim()}`;
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ESRCH") return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === "EPERM";
  }
}
