/**
 * A disk that loses power. It does what it is told in a real folder, and knows beside that what would be left if the power
 * failed: for a file's bytes and for a folder's names, what was there at the last fsync of that file or folder is certain;
 * what came later may have reached the disk or not. A test has a cut leave nothing, all, or some of that.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Disk, DiskFile } from "../../src/store/disk.js";
import { watchedDisk, systemError } from "./store-disks.js";

interface FileNode {
  certain: Buffer;
  current: Buffer;
}

interface FolderNode {
  certain: Map<string, Node>;
  current: Map<string, Node>;
}

type Node = FileNode | FolderNode;

/** What the cut leaves of bytes and of names that were not synced: asked once for each file, and for each name. */
export interface Cut {
  keepsBytes: () => boolean;
  keepsName: () => boolean;
}

function newFolder(): FolderNode {
  return { certain: new Map(), current: new Map() };
}

/** A folder that exists before the store does, and a Disk for what is in it. */
export class PowerCutDisk {
  readonly #root: string;
  readonly #tree = newFolder();
  readonly #cutAt: number;
  /** How many calls have been made, those that failed included. */
  calls = 0;
  /** Calls from number `cutAt` on fail: the power is off. */
  readonly disk: Disk;

  constructor(root: string, real: Disk, cutAt = Number.POSITIVE_INFINITY) {
    this.#root = root;
    this.#cutAt = cutAt;
    this.disk = watchedDisk(this.#model(real), () => {
      this.calls += 1;
      if (this.calls > this.#cutAt) throw systemError("EIO");
    });
  }

  /** Lays out, in another folder, what a cut leaves. */
  leave(target: string, cut: Cut): void {
    layOut(this.#tree, target, cut);
  }

  #model(real: Disk): Disk {
    const file = (path: string): FileNode => this.#node(path) as FileNode;
    const names = (path: string): Map<string, Node> => (this.#node(dirname(path)) as FolderNode).current;
    const watched = (path: string, opened: DiskFile): DiskFile => {
      const node = file(path);
      return {
        async write(bytes) {
          await opened.write(bytes);
          node.current = Buffer.concat([node.current, bytes]);
        },
        async sync() {
          await opened.sync();
          node.certain = node.current;
        },
        close: () => opened.close(),
      };
    };
    const addFile = (path: string): void => {
      if (!names(path).has(basename(path))) {
        names(path).set(basename(path), { certain: Buffer.alloc(0), current: Buffer.alloc(0) });
      }
    };
    return {
      async makeFolder(path) {
        await real.makeFolder(path);
        names(path).set(basename(path), newFolder());
      },
      async createFile(path) {
        const opened = await real.createFile(path);
        addFile(path);
        return watched(path, opened);
      },
      async appendFile(path) {
        const opened = await real.appendFile(path);
        addFile(path);
        return watched(path, opened);
      },
      async openLock(path) {
        const opened = await real.openLock(path);
        addFile(path);
        return opened;
      },
      async rename(from, to) {
        await real.rename(from, to);
        names(to).set(basename(to), file(from));
        names(from).delete(basename(from));
      },
      async link(from, to) {
        await real.link(from, to);
        names(to).set(basename(to), file(from));
      },
      async remove(path) {
        await real.remove(path);
        names(path).delete(basename(path));
      },
      async truncate(path, length) {
        await real.truncate(path, length);
        const node = file(path);
        node.current = node.current.subarray(0, length);
        node.certain = node.current;
      },
      syncFolder: async (path) => {
        await real.syncFolder(path);
        const folder = this.#node(path) as FolderNode;
        folder.certain = new Map(folder.current);
      },
    };
  }

  #node(path: string): Node {
    let node: Node = this.#tree;
    for (const name of path.slice(this.#root.length).split("/").filter(Boolean)) {
      node = (node as FolderNode).current.get(name) as Node;
    }
    return node;
  }
}

function layOut(folder: FolderNode, path: string, cut: Cut): void {
  mkdirSync(path, { recursive: true });
  for (const name of new Set([...folder.certain.keys(), ...folder.current.keys()])) {
    const [before, after] = [folder.certain.get(name), folder.current.get(name)];
    const node = before === after || !cut.keepsName() ? before : after;
    if (node === undefined) continue;
    if (node.current instanceof Map) layOut(node as FolderNode, join(path, name), cut);
    else writeFileSync(join(path, name), bytesLeft(node as FileNode, cut));
  }
}

/** Of bytes that were not synced any number may be there. */
function bytesLeft({ certain, current }: FileNode, cut: Cut): Buffer {
  if (certain === current || !cut.keepsBytes()) return certain;
  return cut.keepsBytes() ? current : current.subarray(0, Math.ceil((certain.length + current.length) / 2));
}
