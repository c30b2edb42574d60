/** How much a folder holds, counted on a thread of its own while a push is under way, so that its end can be foreseen. */
import { Worker } from "node:worker_threads";
import { joinPath, type ByteString } from "../objects/byte-string.js";
import type { FolderRules } from "./folder-rules.js";
import { leaveNothingOut, type LeaveOut } from "./leave-out.js";
import { LeavingOut } from "./leaving-out.js";
import { NameLooker } from "./name-looker.js";
import { namesIn } from "./source-root.js";
import { sourceStatOf, statSource } from "./source-stat.js";

/** Names that are no folders, and the sum of the files' sizes in bytes. */
export interface FolderSize {
  readonly files: number;
  readonly bytes: number;
}

/** What is to be counted: a folder, without what is left out of it. */
export interface Measured {
  readonly folder: ByteString;
  readonly leaveOut?: LeaveOut;
}

/** Counts in the background; `onMeasured` is called once, unless the returned function ends it before. */
export function measureInBackground(measured: Measured, onMeasured: (size: FolderSize) => void): () => void {
  const worker = new Worker(new URL("./measure-worker.js", import.meta.url), { workerData: measured });
  worker.once("message", onMeasured);
  worker.once("error", () => undefined); // then the end is not foreseen
  worker.unref();
  return () => void worker.terminate();
}

/** Counts now. What cannot be read is not counted. */
export async function measureFolder({ folder, leaveOut = leaveNothingOut }: Measured): Promise<FolderSize> {
  const size = { files: 0, bytes: 0 };
  const leaving = new LeavingOut({ leaveOut, onEvent: () => undefined, pause: () => undefined });
  const looker = new NameLooker();
  const folders: Folder[] = [{ relative: "" as ByteString, absolute: folder, rules: undefined }];
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    try {
      const entered = { ...at, stat: statSource(at.absolute) };
      if (leaving.isElsewhere(entered)) continue;
      const { names, rules } = await leaving.enter(entered, namesIn(at.absolute), at.rules);
      for (const name of names) {
        const [relative, absolute] = [joinPath(at.relative, name), joinPath(at.absolute, name)];
        const stat = sourceStatOf(looker.look(at.absolute, name));
        if (stat.kind === "dir") {
          folders.push({ relative, absolute, rules });
          continue;
        }
        const bytes = stat.kind === "file" ? stat.size : 0;
        if (leaving.isTooLarge({ relative, size: bytes })) continue;
        size.files += 1;
        size.bytes += bytes;
      }
    } catch {
      // the push itself tells what it could not read
    }
  }
  looker.close();
  return size;
}

interface Folder {
  readonly relative: ByteString;
  readonly absolute: ByteString;
  readonly rules: FolderRules | undefined;
}
