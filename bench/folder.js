/** Looking at whole folders: how large they are, and whether one is a copy of another. By means that are not bak's. */
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as breathe } from "node:timers/promises";
import { BenchError } from "./bench-error.js";

const stepBytes = 1 << 20;

/**
 * What is in a folder.
 * @typedef {object} FolderSize
 * @property {number} files everything that is not a folder
 * @property {number} bytes the sum of the regular files' sizes
 */

/**
 * Every path beneath a folder, with what lstat says of it.
 * @param {string} root
 * @returns {AsyncGenerator<{ path: string, stat: import("node:fs").BigIntStats }>}
 */
async function* walk(root) {
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    await breathe();
    for (const name of readdirSync(folder, { encoding: "buffer" })) {
      // latin1 keeps the bytes of any name, and is made bytes again by `bytesOf`
      const path = `${folder}/${name.toString("latin1")}`;
      const stat = lstatSync(bytesOf(path), { bigint: true });
      yield { path, stat };
      if (stat.isDirectory()) folders.push(path);
    }
  }
}

/** @param {string} path */
const bytesOf = (path) => Buffer.from(path, "latin1");

/** @param {string} path */
const latin1Of = (path) => Buffer.from(path).toString("latin1");

/**
 * Counts what is in a folder.
 * @param {string} folder
 * @returns {Promise<FolderSize>}
 */
export async function measureFolder(folder) {
  const size = { files: 0, bytes: 0 };
  for await (const { stat } of walk(latin1Of(folder))) {
    if (!stat.isDirectory()) size.files += 1;
    if (stat.isFile()) size.bytes += Number(stat.size);
  }
  return size;
}

/**
 * Counts what is in a folder, and reads all of it, so that whoever is measured first does not pay for the disk.
 * @param {string} folder
 * @returns {Promise<FolderSize>}
 */
export async function warmFolder(folder) {
  const size = { files: 0, bytes: 0 };
  const buffer = Buffer.allocUnsafe(stepBytes);
  for await (const { path, stat } of walk(latin1Of(folder))) {
    if (!stat.isDirectory()) size.files += 1;
    if (!stat.isFile()) continue;
    const file = openSync(bytesOf(path), "r");
    for (let read = 1; read > 0; size.bytes += read) read = readSync(file, buffer, 0, buffer.length, null);
    closeSync(file);
  }
  return size;
}

/**
 * Throws a BenchError that names the first difference unless both folders hold the same: names, kinds, permissions,
 * modification times, link targets and contents of all that is in them.
 * @param {string} source
 * @param {string} copy
 * @param {string} tool that made the copy, for the message
 */
export async function assertSameFolder(source, copy, tool) {
  const [from, to] = [latin1Of(source), latin1Of(copy)];
  let expected = 0;
  const buffers = [Buffer.allocUnsafe(stepBytes), Buffer.allocUnsafe(stepBytes)];
  for await (const { path, stat } of walk(from)) {
    expected += 1;
    const other = to + path.slice(from.length);
    const why = differenceOf({ path, stat, other, buffers });
    if (why !== undefined) {
      throw new BenchError(`'${bytesOf(path).toString()}' was not restored by ${tool} as it is: ${why}`);
    }
  }
  let found = 0;
  for await (const { path } of walk(to)) found += path === "" ? 0 : 1;
  if (found !== expected)
    throw new BenchError(`'${source}' was restored by ${tool} with ${found} paths, not ${expected}`);
}

/**
 * @param {{ path: string, stat: import("node:fs").BigIntStats, other: string, buffers: readonly Buffer[] }} pair
 * @returns {string | undefined}
 */
function differenceOf({ path, stat, other, buffers }) {
  const copy = lstatSync(bytesOf(other), { bigint: true, throwIfNoEntry: false });
  if (copy === undefined) return "it is missing";
  if ((copy.mode & 0o170000n) !== (stat.mode & 0o170000n)) return "it is of another kind";
  if (stat.isFile() && copy.size !== stat.size) return "it has another size";
  if (copy.mode !== stat.mode) return "it has another mode";
  if (stat.isSymbolicLink()) {
    return readlinkSync(bytesOf(path), "buffer").equals(readlinkSync(bytesOf(other), "buffer"))
      ? undefined
      : "it has another target";
  }
  if (copy.mtimeNs !== stat.mtimeNs) return "it has another modification time";
  if (!stat.isFile()) return undefined;
  return isSameContent(path, other, buffers) ? undefined : "it has another content";
}

/**
 * @param {string} path
 * @param {string} other
 * @param {readonly Buffer[]} buffers
 */
function isSameContent(path, other, [left = Buffer.alloc(0), right = Buffer.alloc(0)]) {
  const files = [openSync(bytesOf(path), "r"), openSync(bytesOf(other), "r")];
  try {
    const [a = -1, b = -1] = files;
    for (;;) {
      const read = readSync(a, left, 0, left.length, null);
      if (readSync(b, right, 0, right.length, null) !== read) return false;
      if (read === 0) return true;
      if (left.compare(right, 0, read, 0, read) !== 0) return false;
    }
  } finally {
    for (const file of files) closeSync(file);
  }
}

/**
 * Throws a BenchError unless a folder holds exactly these files.
 * @param {string} folder
 * @param {readonly { name: string, content: Buffer }[]} files in the order of their names
 */
export function assertSameContents(folder, files) {
  const names = readdirSync(folder).toSorted();
  const isSame =
    names.length === files.length &&
    files.every(
      ({ name, content }, index) => names[index] === name && readFileSync(join(folder, name)).equals(content),
    );
  if (!isSame) throw new BenchError(`'${folder}' does not hold the ${files.length} files that it should`);
}

/**
 * The sum of the sizes of all files in a folder that tools may be changing.
 * @param {string} folder
 * @returns {number}
 */
export function sumOfSizes(folder) {
  let total = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) total += lstatSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return total;
}
