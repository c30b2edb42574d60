/**
 * Everything that changes a store's files. No other module of a store creates, writes, renames, truncates or deletes
 * one, so that a test can put its own Disk here and record each step, or make any of them fail.
 *
 * A step that has resolved is not yet on stable storage: a file's bytes are once its `sync` has resolved (fsync(2)), and
 * its name once `syncFolder` of the folder that it stands in has. Errors are those of the system calls, unchanged.
 */
import { link, open, mkdir, rename, unlink, type FileHandle } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { errnoOf } from "../errors.js";
import { dropPages } from "../platform/page-cache.js";

/** A file that is being written, from its end. */
export interface DiskFile {
  /** Appends all of the bytes; after a rejection any part of them may be there. */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Resolves once everything written is on stable storage. After a rejection nothing is known of what was written, and
   * a second call that resolves proves nothing either: the kernel may have dropped the pages that it could not write.
   */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A file that is held open for a lock on it. */
export interface LockFile {
  /** Its file descriptor, for flock(2). */
  readonly descriptor: number;
  /** Replaces what the file says. */
  replace(text: string): Promise<void>;
  /** Closes the file, which ends the lock. */
  close(): Promise<void>;
}

/** The calls that change a store. */
export interface Disk {
  /** Makes one folder, for its owner only; EEXIST where there is something. */
  makeFolder(path: string): Promise<void>;
  /** Makes a new file, for its owner only; EEXIST where there is something. */
  createFile(path: string): Promise<DiskFile>;
  /** Opens a file to append to it; makes it where it is missing. */
  appendFile(path: string): Promise<DiskFile>;
  /** Opens a file to lock it; makes it where it is missing, and leaves what it says. */
  openLock(path: string): Promise<LockFile>;
  /** Gives a file another name, atomically, in place of a file that has the name already. */
  rename(from: string, to: string): Promise<void>;
  /** Gives a file one more name; EEXIST where there is something. */
  link(from: string, to: string): Promise<void>;
  /** Deletes a file. */
  remove(path: string): Promise<void>;
  /** Cuts a file off after `length` bytes; resolves once that is on stable storage. */
  truncate(path: string, length: number): Promise<void>;
  /** Resolves once the names in a folder are on stable storage. */
  syncFolder(path: string): Promise<void>;
}

/** A store holds what its owner may read and others may not. */
const fileMode = 0o600;
const folderMode = 0o700;

/**
 * A new file that is longer leaves the page cache once it is on the disk. Nobody reads a pack soon, and the pages go to the next; what
 * else the machine has in memory stays there, and who checks a pack that has just come reads the disk.
 */
const maxCachedBytes = 4 << 20;
/** So many go at a time, in about a millisecond; others have their turn between. */
const droppedAtOnceBytes = 16 << 20;

/** What file systems answer, some network ones among them, that have no fsync for folders. */
const cannotSyncFolders = ["EINVAL", "ENOTSUP", "ENOSYS"];

/** The Disk that a store uses outside of tests. */
export const nodeDisk: Disk = {
  async makeFolder(path) {
    await mkdir(path, { mode: folderMode });
  },
  async createFile(path) {
    return newFile(await open(path, "wx", fileMode));
  },
  async appendFile(path) {
    return diskFile(await open(path, "a", fileMode));
  },
  async openLock(path) {
    return lockFile(await open(path, "a+", fileMode));
  },
  rename,
  link,
  remove: unlink,
  async truncate(path, length) {
    await using(await open(path, "r+"), async (handle) => {
      await handle.truncate(length);
      await handle.sync();
    });
  },
  async syncFolder(path) {
    if (process.platform === "win32") return; // folders can't be opened there, and NTFS logs the change of a name itself
    await using(await open(path, "r"), async (handle) => {
      try {
        await handle.sync();
      } catch (error) {
        if (!cannotSyncFolders.includes(errnoOf(error) ?? "")) throw error;
      }
    });
  },
};

/** Writes all of the bytes, in as many calls as the system takes for it: write(2) may write fewer than it was given. */
export async function writeAll(handle: Pick<FileHandle, "write">, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at);
    at += bytesWritten;
  }
}

function diskFile(handle: FileHandle): DiskFile {
  return {
    write: (bytes) => writeAll(handle, bytes),
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}

function newFile(handle: FileHandle): DiskFile {
  const file = diskFile(handle);
  let length = 0;
  return {
    ...file,
    async write(bytes) {
      await file.write(bytes);
      length += bytes.length;
    },
    async sync() {
      await file.sync();
      if (length > maxCachedBytes) await dropAll(handle.fd, length);
    },
  };
}

async function dropAll(descriptor: number, length: number): Promise<void> {
  for (let at = 0; at < length; at += droppedAtOnceBytes) {
    dropPages(descriptor, at, droppedAtOnceBytes);
    await setImmediate();
  }
}

function lockFile(handle: FileHandle): LockFile {
  return {
    descriptor: handle.fd,
    async replace(text) {
      await handle.truncate(0);
      await writeAll(handle, Buffer.from(text));
    },
    close: () => handle.close(),
  };
}

async function using(handle: FileHandle, work: (handle: FileHandle) => Promise<void>): Promise<void> {
  try {
    await work(handle);
  } finally {
    await handle.close();
  }
}
