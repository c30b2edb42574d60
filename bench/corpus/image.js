/** One large file like the image of a disk: runs of text, of programs, of what compresses no more, of zeros, of copies. */
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { setImmediate as breathe } from "node:timers/promises";
import { Random, randomBytes } from "./random.js";
import { makeTopic, sourceText } from "./source-text.js";

const shortestRunBytes = 64 << 10;
const longestRunBytes = 4 << 20;
const copyStepBytes = 4 << 20;
const overwriteBytes = 4096;
const longestInsertionBytes = 5000;

/**
 * Makes the image.
 * @param {string} path
 * @param {number} length in bytes
 */
export async function makeImage(path, length) {
  const random = new Random(3);
  const file = openSync(path, "wx");
  try {
    const program = makeProgram(random);
    /** @type {Buffer} */
    let earlier = Buffer.alloc(shortestRunBytes, "bak");
    for (let at = 0; at < length;) {
      await breathe();
      const runBytes = Math.round(shortestRunBytes * (longestRunBytes / shortestRunBytes) ** random.real());
      const run = makeRun(random, { length: Math.min(runBytes, length - at), program, earlier });
      if (random.real() < 0.1) earlier = run;
      writeSync(file, run);
      at += run.length;
    }
  } finally {
    closeSync(file);
  }
}

/**
 * @param {Random} random
 * @param {{ length: number, program: Uint32Array, earlier: Buffer }} options
 * @returns {Buffer} of that length, or less
 */
function makeRun(random, { length, program, earlier }) {
  const kind = random.real();
  if (kind < 0.33) return Buffer.from(sourceText(random, makeTopic(random), length), "latin1");
  if (kind < 0.67) return programBytes(random, length, program);
  if (kind < 0.86) return randomBytes(random.next(), length);
  if (kind < 0.93) return Buffer.alloc(length);
  return earlier.subarray(0, length);
}

/** @param {Random} random the instructions that the programs of an image are made of */
function makeProgram(random) {
  return Uint32Array.from({ length: 4096 }, () => random.next());
}

/**
 * Like machine code: words that are used again and again, with operands of their own now and then.
 * @param {Random} random
 * @param {number} length
 * @param {Uint32Array} program
 */
function programBytes(random, length, program) {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let index = 0; index < words.length; index += 1) {
    const draw = random.next();
    const share = (draw & 0xffff) / 0x10000;
    const word = /** @type {number} */ (program[Math.floor(share ** 4 * program.length)]);
    words[index] = draw >>> 28 === 0 ? word ^ ((draw >>> 16) & 0xff) : word;
  }
  return Buffer.from(words.buffer, 0, length);
}

/**
 * Writes a copy of a file with small edits at places spread over it: overwritten bytes, and inserted ones.
 * @param {string} from
 * @param {string} to
 * @param {{ overwrites: number, insertions: number }} edits
 */
export async function makeEditedImage(from, to, { overwrites, insertions }) {
  const random = new Random(5);
  const source = openSync(from, "r");
  const target = openSync(to, "wx");
  try {
    const { size } = fstatSync(source);
    const edits = Array.from({ length: overwrites + insertions }, (_, index) => ({
      at: random.below(Math.max(1, size - overwriteBytes)),
      isInsertion: index >= overwrites,
    })).toSorted((a, b) => a.at - b.at);
    let at = 0;
    for (const edit of edits) {
      await breathe();
      if (edit.at < at) continue; // within the edit before
      copyRange(source, target, { from: at, to: edit.at });
      const length = edit.isInsertion ? 1 + random.below(longestInsertionBytes) : overwriteBytes;
      writeSync(target, randomBytes(random.next(), length));
      at = edit.isInsertion ? edit.at : edit.at + length;
    }
    copyRange(source, target, { from: at, to: size });
  } finally {
    closeSync(source);
    closeSync(target);
  }
}

/**
 * @param {number} source
 * @param {number} target
 * @param {{ from: number, to: number }} range
 */
function copyRange(source, target, { from, to }) {
  const buffer = Buffer.allocUnsafe(copyStepBytes);
  for (let at = from; at < to;) {
    const length = readSync(source, buffer, 0, Math.min(buffer.length, to - at), at);
    if (length === 0) throw new Error("a file that became shorter");
    writeSync(target, buffer, 0, length);
    at += length;
  }
}
