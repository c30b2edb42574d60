/**
 * Folders that are made far from the one that they are in. ext4 gives a new folder, and what is made in it, inodes near those of
 * its parent. Where it has no journal it does not give out those of files that were deleted in the last minutes, looks at
 * all of them again for each name, and so takes a hundred times as long. A parent that is marked as the top of hierarchies (chattr +T)
 * gets its folders where there are few.
 *
 * Sources: find_inode_bit, recently_deleted and find_group_orlov in Linux' fs/ext4/ialloc.c; FS_IOC_SETFLAGS in ioctl_iflags(2).
 */
import { closeSync, constants, mkdirSync, openSync, readFileSync, readlinkSync } from "node:fs";
import { endianness } from "node:os";
import { posix } from "node:path";
import { loadLibc } from "./libc.js";

// <linux/fs.h>, where the request's direction is coded as on x86
const [getFlags, setFlags] = [0x8008_6601, 0x4008_6602];
const machines = ["x64", "arm64", "riscv64", "loong64"];
const topOfHierarchies = 0x0002_0000;

/**
 * Makes the folder `path`, of mode `mode`, in the folder `parent`, and far from it if that may be marked. Throws what mkdir(2)
 * fails with. (A parent that is marked while the process is killed stays so, which does no harm: chattr -T takes it away.)
 */
export type MakeDistantFolder = (parent: string | Buffer, path: string | Buffer, mode: number) => void;

/** How to make a folder far from its parent, on the file system with this device number; undefined where that can't be done, or wins nothing. */
export function loadDistantFolders(device: bigint): MakeDistantFolder | undefined {
  if (process.platform !== "linux" || !machines.includes(process.arch) || endianness() !== "LE") return undefined;
  if (!isWithoutJournal(device)) return undefined;
  const ioctl = loadLibc()?.func("int ioctl(int, ulong, uint8_t *)");
  if (ioctl === undefined) return undefined;
  const isDone = (descriptor: number, request: number, flags: Buffer): boolean =>
    ioctl(descriptor, request, flags) === 0;
  /** Sets the mark, or takes it away, and nothing else; whether it is now as asked, and was not before. */
  const mark = (descriptor: number, isTop: boolean): boolean => {
    const flags = Buffer.alloc(8); // of which the kernel uses four
    if (!isDone(descriptor, getFlags, flags)) return false;
    const before = flags.readUInt32LE(0);
    const after = (isTop ? before | topOfHierarchies : before & ~topOfHierarchies) >>> 0;
    flags.writeUInt32LE(after);
    return after !== before && isDone(descriptor, setFlags, flags);
  };
  return (parent, path, mode) => {
    const descriptor = openToMark(parent);
    try {
      const isMarked = descriptor !== undefined && mark(descriptor, true);
      try {
        mkdirSync(path, { mode });
      } finally {
        if (isMarked) mark(descriptor, false);
      }
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  };
}

/** Undefined for a folder that may not be read, or where none may be open any more: what is in it is made all the same. */
function openToMark(folder: string | Buffer): number | undefined {
  try {
    return openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch {
    return undefined;
  }
}

/** Whether a device has an ext4 file system without a journal, as far as can be told. */
function isWithoutJournal(device: bigint): boolean {
  // the kernel's dev_t, as stat(2) gives it
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffff_ff00n);
  try {
    const name = posix.basename(readlinkSync(`/sys/dev/block/${major}:${minor}`));
    return readFileSync(`/sys/fs/ext4/${name}/journal_task`, "latin1").trim() === "<none>";
  } catch {
    return false; // another file system, or a kernel that does not tell
  }
}
