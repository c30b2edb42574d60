/** A source tree: many files of very different sizes, in folders of folders. */
import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as breathe } from "node:timers/promises";
import { Random } from "./random.js";
import { makeTopic, sourceText } from "./source-text.js";

const filesPerFolder = 15;
/** Files' sizes have a log-normal distribution; these are those of the files of Linux 6.1, whose mean is 16.5 kB. */
const medianBytes = 4000;
const deviation = 1.65;
const largestBytes = 24e6;
/** One file in so many is the copy of another, one is a symlink, one can be executed. */
const copyOneIn = 100;
const linkOneIn = 1000;
const executableOneIn = 80;
/** 2024-01-01: files of a source tree are older than its backup. */
const firstMtimeS = 1_704_067_200;

/**
 * Makes a source tree of that many files in an empty folder.
 * @param {string} root
 * @param {number} count
 */
export async function makeText(root, count) {
  const random = new Random(1);
  const folders = makeFolders(root, Math.ceil(count / filesPerFolder), random);
  let copied = Buffer.from("int main;\n");
  for (let index = 0; index < count; index += 1) {
    if (index % 256 === 0) await breathe();
    // a file that is made by itself alone does not depend on how many there are
    const own = new Random(1000 + index);
    const { path: folder, topic } = own.pick(folders);
    const path = join(folder, `${own.pick(topic.words)}_${index}.${own.pick(["c", "c", "h", "h", "rst"])}`);
    if (own.below(linkOneIn) === 0) {
      symlinkSync(`../${own.pick(topic.words)}.h`, path);
      continue;
    }
    const length = Math.min(largestBytes, Math.floor(medianBytes * Math.exp(deviation * own.normal())));
    const isCopy = own.below(copyOneIn) === 0;
    const content = isCopy ? copied : Buffer.from(sourceText(own, topic, length), "latin1");
    writeFileSync(path, content);
    if (content.length < 1e5) copied = content;
    if (own.below(executableOneIn) === 0) chmodSync(path, 0o755);
    utimesSync(path, firstMtimeS + index, firstMtimeS + index);
  }
}

/**
 * @param {string} root
 * @param {number} count
 * @param {Random} random
 */
function makeFolders(root, count, random) {
  /** @type {{ path: string, depth: number, topic: import("./source-text.js").Topic }[]} */
  const folders = [{ path: root, depth: 0, topic: makeTopic(random) }];
  while (folders.length <= count) {
    const parent = random.pick(folders);
    if (parent.depth >= 7) continue;
    const path = join(parent.path, `${random.pick(parent.topic.words)}_${folders.length}`);
    mkdirSync(path);
    folders.push({ path, depth: parent.depth + 1, topic: makeTopic(random) });
  }
  return folders;
}
