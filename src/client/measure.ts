/** How much a folder holds, counted on a thread of its own while a push is under way, so that its end can be foreseen. */
import { readdirSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { joinPath, type ByteString } from "../objects/byte-string.js";
import { fsPath } from "./source-path.js";
import { statSource } from "./source-stat.js";

/** Names that are no folders, and the sum of the files' sizes in bytes. */
export interface FolderSize {
  readonly files: number;
  readonly bytes: number;
}

/** Counts in the background; `onMeasured` is called once, unless the returned function ends it before. */
export function measureInBackground(folder: ByteString, onMeasured: (size: FolderSize) => void): () => void {
  const worker = new Worker(new URL("./measure-worker.js", import.meta.url), { workerData: { folder } });
  worker.once("message", onMeasured);
  worker.once("error", () => undefined); // then the end is not foreseen
  worker.unref();
  return () => void worker.terminate();
}

/** Counts now. What cannot be read is not counted. */
export function measureFolder(folder: ByteString): FolderSize {
  let files = 0;
  let bytes = 0;
  const folders = [folder];
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    try {
      for (const name of readdirSync(fsPath(at), { encoding: "latin1" })) {
        const path = joinPath(at, name as ByteString);
        const stat = statSource(path);
        if (stat.kind === "dir") folders.push(path);
        else files += 1;
        if (stat.kind === "file") bytes += stat.size;
      }
    } catch {
      // the push itself tells what it could not read
    }
  }
  return { files, bytes };
}
