/** Very many very small files. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as breathe } from "node:timers/promises";
import { Random } from "./random.js";

const filesPerFolder = 500;
const foldersPerFolder = 50;

/**
 * Makes that many small text files in an empty folder, 500 to a folder.
 * @param {string} root
 * @param {number} count
 */
export async function makeTiny(root, count) {
  const random = new Random(7);
  for (let index = 0; index < count; index += 1) {
    const folder = folderOf(root, Math.floor(index / filesPerFolder));
    if (index % filesPerFolder === 0) {
      await breathe();
      mkdirSync(folder, { recursive: true });
    }
    const content = `${random.next()}${random.next()} `.repeat(2 + random.below(37));
    writeFileSync(join(folder, `note-${String(index % filesPerFolder).padStart(4, "0")}.txt`), content);
  }
}

/**
 * @param {string} root
 * @param {number} number
 */
function folderOf(root, number) {
  const outer = String(Math.floor(number / foldersPerFolder)).padStart(3, "0");
  return join(root, `d${outer}`, `s${String(number % foldersPerFolder).padStart(2, "0")}`);
}

/**
 * Makes that many tiny files in an empty folder, all of them in it.
 * @param {string} root
 * @param {number} count
 */
export async function makeFlat(root, count) {
  for (let index = 0; index < count; index += 1) {
    if (index % 1000 === 0) await breathe();
    writeFileSync(join(root, String(index).padStart(6, "0")), `${index}\n`);
  }
}
