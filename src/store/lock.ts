/** One process owns a store at a time. */
import { readFile } from "node:fs/promises";
import { errnoOf } from "../errors.js";
import type { Flock } from "../platform/flock.js";
import type { Disk, LockFile } from "./disk.js";
import { lockByOwnerFile } from "./owner-file.js";
import { lockedError, type LockPlace, type StoreLock } from "./store-lock.js";

/** File systems that can't lock say so with one of these. */
const cannotLock = ["ENOSYS", "ENOTSUP", "EOPNOTSUPP", "ENOLCK", "EINVAL"];

/**
 * Makes this process the owner of a store, until it releases the lock or dies. Rejects with STORE_LOCKED, at once, where
 * another owns it, or another part of this process. `flock` is undefined on systems that have none.
 */
export async function lockStore(disk: Disk, place: LockPlace, flock: Flock | undefined): Promise<StoreLock> {
  return (flock && (await lockByFlock(disk, place, flock))) ?? lockByOwnerFile(disk, place);
}

/** The lock, or undefined where the file system can't lock. */
async function lockByFlock(disk: Disk, place: LockPlace, flock: Flock): Promise<StoreLock | undefined> {
  const file = await disk.openLock(place.lock);
  try {
    if (!flock(file.descriptor)) throw lockedError(place.folder, await readFile(place.lock, "utf8"));
    await nameOwner(file);
    return { release: () => file.close() };
  } catch (error) {
    await file.close();
    if (cannotLock.includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}

/** For the message of the next who asks. A full disk must not keep a store from being read: the lock holds without it. */
async function nameOwner(file: LockFile): Promise<void> {
  try {
    await file.replace(`${process.pid}\n`);
  } catch (error) {
    if (errnoOf(error) !== "ENOSPC" && errnoOf(error) !== "EDQUOT") throw error;
  }
}
