/**
 * What a disk may hold after a power cut, by what POSIX promises and no more (Pillai et al., "All File Systems Are Not
 * Created Equal", OSDI 2014; Mohan et al., "Finding Crash-Consistency Bugs with Bounded Black-Box Crash Testing", OSDI
 * 2018). A file's bytes, and a folder's names, are certain as they were when the last sync of that file or folder that has
 * ended began. Of what came later anything may be there: of each name what it was or what it became, whatever other names
 * became, so that a file that was moved may have both names, or none; of bytes any sectors, and zeros in place of the others,
 * up to any length.
 */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Step } from "./recorded-disk.js";

const sectorBytes = 512;

interface FileNode {
  certain: Buffer;
  current: Buffer;
  /** What the syncs that are under way began with, the first first. */
  readonly syncing: Buffer[];
}

interface FolderNode {
  certain: Map<string, Node>;
  current: Map<string, Node>;
  readonly syncing: Map<string, Node>[];
}

type Node = FileNode | FolderNode;

/** What a cut leaves of what is not certain. */
export interface Cut {
  /** Asked once for each name that is not certain: whether it is as it became. */
  readonly keepsName: () => boolean;
  /** Given what is certain of a file and what was written; gives what is there. */
  readonly bytesLeft: (certain: Buffer, current: Buffer) => Buffer;
}

/** What a cut leaves: files by their paths, and folders with undefined, parents first. */
export type Remains = ReadonlyMap<string, Buffer | undefined>;

/** The state of a disk while a recording is gone through. */
export class DiskImage {
  readonly #root = newFolder();
  readonly #files = new Map<number, FileNode>();

  /** Does one step. */
  apply(step: Step): void {
    switch (step.op) {
      case "makeFolder":
        return void this.#names(step.path).set(basename(step.path), newFolder());
      case "open":
        return this.#open(step.path, step.file);
      case "remove":
        return void this.#names(step.path).delete(basename(step.path));
      case "rename":
        this.#names(step.to).set(basename(step.to), this.#node(step.path));
        return void this.#names(step.path).delete(basename(step.path));
      case "link":
        return void this.#names(step.to).set(basename(step.to), this.#node(step.path));
      case "write":
      case "replace":
        return this.#write(this.#files.get(step.file) as FileNode, step);
      case "truncate":
        return this.#truncate(this.#node(step.path) as FileNode, step.length);
      case "syncBegins":
        return begin(this.#files.get(step.file) as FileNode);
      case "syncEnds":
        return end(this.#files.get(step.file) as FileNode);
      case "truncateEnds":
      case "folderSyncEnds":
        return end(this.#node(step.path));
      case "folderSyncBegins":
        return begin(this.#node(step.path));
      case "mark":
        return;
    }
  }

  /** What is there if the power goes now. */
  cut(cut: Cut): Remains {
    const remains = new Map<string, Buffer | undefined>();
    collect(this.#root, "", cut, remains);
    return remains;
  }

  #open(path: string, file: number): void {
    const present = this.#names(path).get(basename(path)) as FileNode | undefined;
    const node = present ?? { certain: Buffer.alloc(0), current: Buffer.alloc(0), syncing: [] };
    this.#names(path).set(basename(path), node);
    this.#files.set(file, node);
  }

  #write(node: FileNode, { op, bytes }: { op: "write" | "replace"; bytes: Buffer }): void {
    node.current = op === "write" ? Buffer.concat([node.current, bytes]) : bytes;
  }

  /** Ends in a sync of the same file. */
  #truncate(node: FileNode, length: number): void {
    node.current = node.current.subarray(0, length);
    begin(node);
  }

  #names(path: string): Map<string, Node> {
    return (this.#node(dirname(path)) as FolderNode).current;
  }

  #node(path: string): Node {
    let node: Node = this.#root;
    for (const name of path.split("/")) {
      if (name !== "" && name !== ".") node = (node as FolderNode).current.get(name) as Node;
    }
    return node;
  }
}

/** Lays out what a cut leaves in a new folder. */
export function layOut(remains: Remains, target: string): void {
  mkdirSync(target, { recursive: true });
  for (const [path, bytes] of remains) {
    if (bytes === undefined) mkdirSync(join(target, path));
    else writeFileSync(join(target, path), bytes);
  }
}

/** A text that two states have in common only if they are the same. */
export function fingerprint(remains: Remains): string {
  const hash = createHash("sha256");
  for (const [path, bytes] of [...remains].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${JSON.stringify(path)} ${bytes === undefined ? "folder" : hashOf(bytes)}\n`);
  }
  return hash.digest("hex");
}

/** Hashes of what files hold: most of it is the same in very many states. */
const hashes = new WeakMap<Buffer, string>();

function hashOf(bytes: Buffer): string {
  const known = hashes.get(bytes);
  if (known !== undefined) return known;
  const hash = createHash("sha256").update(bytes).digest("hex");
  hashes.set(bytes, hash);
  return hash;
}

const nothing = (certain: Buffer): Buffer => certain;
const everything = (_: Buffer, current: Buffer): Buffer => current;

/** A length that was reached, with zeros where nothing was written yet. */
function lengthAlone(certain: Buffer, current: Buffer): Buffer {
  const left = Buffer.alloc(current.length);
  certain.copy(left);
  return left;
}

/** Any length up to the one that was reached, and any of the sectors that are new in it. */
function sectors(random: () => number): Cut["bytesLeft"] {
  return (certain, current) => {
    if (current.length < certain.length) return random() % 2 === 0 ? certain : current;
    const room = current.length - certain.length;
    const isWhole = random() % 4 === 0;
    const left = Buffer.alloc(certain.length + (isWhole ? room : random() % (room + 1)));
    current.copy(left);
    if (random() % 2 === 0) return left; // torn at its end alone
    for (let at = certain.length; at < left.length; at += sectorBytes - (at % sectorBytes)) {
      if (random() % 2 === 0) left.fill(0, at, Math.min(at - (at % sectorBytes) + sectorBytes, left.length));
    }
    return left;
  };
}

/** The cuts that leave least, most, and the names without the bytes. */
export const plainCuts: readonly Cut[] = [
  { keepsName: () => false, bytesLeft: nothing },
  { keepsName: () => true, bytesLeft: everything },
  { keepsName: () => true, bytesLeft: nothing },
  { keepsName: () => true, bytesLeft: lengthAlone },
];

/** A cut that leaves some of it, the same for the same numbers. */
export function randomCut(random: () => number): Cut {
  return { keepsName: () => (random() >>> 4) % 2 === 0, bytesLeft: sectors(() => random() >>> 4) };
}

function newFolder(): FolderNode {
  return { certain: new Map(), current: new Map(), syncing: [] };
}

function begin(node: Node): void {
  if (node.current instanceof Map) (node as FolderNode).syncing.push(new Map(node.current));
  else (node as FileNode).syncing.push(node.current);
}

/** Of several syncs at a time the first is taken to end first: then the least is certain. */
function end(node: Node): void {
  const synced = node.syncing.shift();
  if (synced === undefined) throw new Error("a sync ended that never began");
  (node as { certain: unknown }).certain = synced;
}

function collect(folder: FolderNode, path: string, cut: Cut, remains: Map<string, Buffer | undefined>): void {
  for (const name of new Set([...folder.certain.keys(), ...folder.current.keys()])) {
    const [before, after] = [folder.certain.get(name), folder.current.get(name)];
    const node = before === after || !cut.keepsName() ? before : after;
    if (node === undefined) continue;
    const at = path === "" ? name : `${path}/${name}`;
    if (node.current instanceof Map) {
      remains.set(at, undefined);
      collect(node as FolderNode, at, cut, remains);
    } else {
      const { certain, current } = node as FileNode;
      remains.set(at, certain === current ? certain : cut.bytesLeft(certain, current));
    }
  }
}
