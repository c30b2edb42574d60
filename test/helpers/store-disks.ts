/** Disks for tests: what a store does to its files can be counted, watched, and made to fail. */
import type { Disk, DiskFile } from "../../src/store/disk.js";

/** One call of a Disk, or of a file that it opened. */
export interface DiskCall {
  readonly name: keyof Disk | "write" | "sync" | "close" | "replace";
  readonly path: string;
}

/** Asked before each call is made; a call that it throws for is not made (a file is closed all the same). */
export type Before = (call: DiskCall) => void;

/** A Disk that asks before each call. */
export function watchedDisk(disk: Disk, before: Before): Disk {
  const watchFile = (path: string, file: DiskFile): DiskFile => ({
    async write(bytes) {
      before({ name: "write", path });
      await file.write(bytes);
    },
    async sync() {
      before({ name: "sync", path });
      await file.sync();
    },
    async close() {
      await file.close();
      before({ name: "close", path });
    },
  });
  const path1 =
    <R>(name: "makeFolder" | "remove" | "syncFolder", call: (path: string) => Promise<R>) =>
    async (path: string): Promise<R> => {
      before({ name, path });
      return call(path);
    };
  return {
    makeFolder: path1("makeFolder", (path) => disk.makeFolder(path)),
    remove: path1("remove", (path) => disk.remove(path)),
    syncFolder: path1("syncFolder", (path) => disk.syncFolder(path)),
    async createFile(path) {
      before({ name: "createFile", path });
      return watchFile(path, await disk.createFile(path));
    },
    async appendFile(path) {
      before({ name: "appendFile", path });
      return watchFile(path, await disk.appendFile(path));
    },
    async openLock(path) {
      before({ name: "openLock", path });
      const lock = await disk.openLock(path);
      return {
        descriptor: lock.descriptor,
        async replace(text) {
          before({ name: "replace", path });
          await lock.replace(text);
        },
        async close() {
          await lock.close();
          before({ name: "close", path });
        },
      };
    },
    async rename(from, to) {
      before({ name: "rename", path: to });
      await disk.rename(from, to);
    },
    async link(from, to) {
      before({ name: "link", path: to });
      await disk.link(from, to);
    },
    async truncate(path, length) {
      before({ name: "truncate", path });
      await disk.truncate(path, length);
    },
  };
}

/** An error as a system call gives it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made up by a test`), { code, errno: -1, syscall: "test" });
}

/** A Disk whose calls fail while `isFailing` says so. */
export function failingDisk(disk: Disk, isFailing: (call: DiskCall) => string | undefined): Disk {
  return watchedDisk(disk, (call) => {
    const code = isFailing(call);
    if (code !== undefined) throw systemError(code);
  });
}

/** A Disk that waits for nothing to be on stable storage: what a test models itself need not also be done. */
export function hastyDisk(disk: Disk): Disk {
  return {
    ...disk,
    async createFile(path) {
      return { ...(await disk.createFile(path)), sync: () => Promise.resolve() };
    },
    async appendFile(path) {
      return { ...(await disk.appendFile(path)), sync: () => Promise.resolve() };
    },
    syncFolder: () => Promise.resolve(),
  };
}
