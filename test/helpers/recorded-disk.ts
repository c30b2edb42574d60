/**
 * A Disk that does what it is told, and writes down what changes a store and in which order: what a power cut may leave
 * at any of these moments is worked out from that (see disk-image.ts). Paths are kept relative to a folder that is there
 * before the store.
 */
import type { Disk, DiskFile } from "../../src/store/disk.js";

/** One step of a recording. Files go by numbers, since a name may be given to another. */
export type Step =
  | { readonly op: "makeFolder" | "remove"; readonly path: string }
  /** Makes the file if there is none of that name. */
  | { readonly op: "open"; readonly path: string; readonly file: number }
  | { readonly op: "rename" | "link"; readonly path: string; readonly to: string }
  | { readonly op: "write" | "replace"; readonly file: number; readonly bytes: Buffer }
  | { readonly op: "truncate"; readonly path: string; readonly length: number }
  /** What was there when a sync began is on stable storage when it ends. */
  | { readonly op: "syncBegins" | "syncEnds"; readonly file: number }
  | { readonly op: "truncateEnds" | "folderSyncBegins" | "folderSyncEnds"; readonly path: string }
  /** Something that was acknowledged at this point; whoever recorded it knows what. */
  | { readonly op: "mark"; readonly mark: number };

/** What was done through a Disk. */
export interface Recording {
  readonly disk: Disk;
  readonly steps: Step[];
}

/** Records what is done through a disk to what lies in a folder. */
export function recordDisk(root: string, real: Disk): Recording {
  const steps: Step[] = [];
  const relative = (path: string): string => path.slice(root.length + 1);
  let files = 0;
  const open = (path: string): number => {
    files += 1;
    steps.push({ op: "open", path: relative(path), file: files });
    return files;
  };
  const record = (file: number, opened: DiskFile): DiskFile => ({
    async write(bytes) {
      steps.push({ op: "write", file, bytes: Buffer.from(bytes) });
      await opened.write(bytes);
    },
    async sync() {
      steps.push({ op: "syncBegins", file });
      await opened.sync();
      steps.push({ op: "syncEnds", file });
    },
    close: () => opened.close(),
  });
  const disk: Disk = {
    async makeFolder(path) {
      await real.makeFolder(path); // one that is there already is no step
      steps.push({ op: "makeFolder", path: relative(path) });
    },
    async createFile(path) {
      const file = open(path);
      return record(file, await real.createFile(path));
    },
    async appendFile(path) {
      const file = open(path);
      return record(file, await real.appendFile(path));
    },
    async openLock(path) {
      const file = open(path);
      const opened = await real.openLock(path);
      return {
        descriptor: opened.descriptor,
        async replace(text) {
          steps.push({ op: "replace", file, bytes: Buffer.from(text) });
          await opened.replace(text);
        },
        close: () => opened.close(),
      };
    },
    async rename(from, to) {
      steps.push({ op: "rename", path: relative(from), to: relative(to) });
      await real.rename(from, to);
    },
    async link(from, to) {
      await real.link(from, to);
      steps.push({ op: "link", path: relative(from), to: relative(to) });
    },
    async remove(path) {
      await real.remove(path);
      steps.push({ op: "remove", path: relative(path) });
    },
    async truncate(path, length) {
      steps.push({ op: "truncate", path: relative(path), length });
      await real.truncate(path, length);
      steps.push({ op: "truncateEnds", path: relative(path) });
    },
    async syncFolder(path) {
      steps.push({ op: "folderSyncBegins", path: relative(path) });
      await real.syncFolder(path);
      steps.push({ op: "folderSyncEnds", path: relative(path) });
    },
  };
  return { disk, steps };
}
