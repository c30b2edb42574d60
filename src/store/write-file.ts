/** Writing a file of a store so that it is there whole, or not at all, whatever happens meanwhile. */
import { dirname } from "node:path";
import { errnoOf } from "../errors.js";
import type { Disk, DiskFile } from "./disk.js";

/** A new file under a temporary name, on its way to its place. */
export interface Incoming {
  readonly path: string;
  readonly file: DiskFile;
}

/** Puts all of a file's bytes on stable storage, under its temporary name, and closes it. */
export async function settle({ file }: Incoming): Promise<void> {
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Moves a settled file to its place; resolves once its name there is on stable storage. */
export async function place(disk: Disk, from: string, to: string): Promise<void> {
  await disk.rename(from, to);
  await disk.syncFolder(dirname(to));
}

/** Writes a file whole: under the temporary name, to stable storage, then to its place. */
export async function writeFileWhole(
  disk: Disk,
  path: string,
  { bytes, temporary }: { bytes: Uint8Array; temporary: string },
): Promise<void> {
  const file = await disk.createFile(temporary);
  try {
    await writeAndSettle({ path: temporary, file }, bytes);
    await place(disk, temporary, path);
  } catch (error) {
    await removeQuietly(disk, temporary);
    throw error;
  }
}

/** Makes a folder, unless it is there; its name is on stable storage afterwards. */
export async function makeFolderDurably(disk: Disk, path: string): Promise<void> {
  try {
    await disk.makeFolder(path);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error; // made before, but perhaps without the next line
  }
  await disk.syncFolder(dirname(path));
}

/**
 * Deletes a file in incoming/ on the way out of a failure, which is what there is to tell: what stays behind goes when
 * the store is opened next.
 */
export async function removeQuietly(disk: Disk, path: string): Promise<void> {
  await disk.remove(path).catch(() => undefined);
}

async function writeAndSettle(incoming: Incoming, bytes: Uint8Array): Promise<void> {
  try {
    await incoming.file.write(bytes);
  } catch (error) {
    await incoming.file.close();
    throw error;
  }
  await settle(incoming);
}
