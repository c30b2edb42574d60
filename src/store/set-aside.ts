/** Moves what is damaged out of the way, into `damaged/`: nothing that bak can't read is ever deleted by it. */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errnoOf } from "../errors.js";
import type { Disk } from "./disk.js";
import type { Layout } from "./layout.js";

/** A path in `damaged/` for a file, under its own name, behind a prefix, where no other has it. */
export function asidePath(layout: Layout, path: string, prefix = ""): string {
  const own = join(layout.damaged, prefix + basename(path));
  for (let number = 1; ; number += 1) {
    const aside = number === 1 ? own : `${own}.${number}`;
    if (!existsSync(aside)) return aside;
  }
}

/** Moves a file there, if it is there; both names are on stable storage afterwards. `damaged/` has been made. */
export async function moveAside(disk: Disk, from: string, to: string): Promise<void> {
  if (!existsSync(from)) return;
  await disk.rename(from, to);
  await disk.syncFolder(dirname(to));
  await disk.syncFolder(dirname(from));
}

/** What file systems answer that have no second names for files. */
const cannotLink = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"];

/** Gives a file its name in `damaged/` beside its own, which another file is about to take; where that can't be, moves it. */
export async function keepAside(disk: Disk, from: string, to: string): Promise<void> {
  try {
    await disk.link(from, to);
    await disk.syncFolder(dirname(to));
  } catch (error) {
    if (!cannotLink.includes(errnoOf(error) ?? "")) throw error;
    await moveAside(disk, from, to);
  }
}
