/**
 * Text that is like source code to whatever compresses it: a vocabulary that a folder's files share in part, names that a
 * file uses again and again, lines of a few dozen forms, the same notice on top of most files.
 */
import { Random } from "./random.js";

const syllables = "bcdfghklmnprstvz"
  .split("")
  .flatMap((consonant) => "aeiou".split("").map((vowel) => consonant + vowel));
const endings = ["", "", "n", "r", "t", "x", "s", "k", "ll", "st", "ng"];
const types = [
  "int",
  "u32",
  "u8",
  "bool",
  "void *",
  "unsigned long",
  "size_t",
  "char *",
  "u64",
  "s32",
  "__le32",
  "u16",
];
const locals = [
  "ret",
  "i",
  "dev",
  "priv",
  "len",
  "buf",
  "err",
  "flags",
  "val",
  "data",
  "reg",
  "idx",
  "ctx",
  "p",
  "size",
  "mask",
];
const failures = ["INVAL", "NOMEM", "BUSY", "IO", "NODEV", "TIMEDOUT", "PERM", "NOENT"];
const little =
  "the of to is a and in for this be if not it by that on are we with as from or can will which when has".split(" ");

/** Words of the whole corpus, the same in each. */
const vocabulary = makeVocabulary(6000);

/** @param {number} count */
function makeVocabulary(count) {
  const random = new Random(20);
  return Array.from({ length: count }, () => {
    const parts = Array.from({ length: 1 + random.below(3) }, () => random.pick(syllables));
    return parts.join("") + random.pick(endings);
  });
}

const notices = makeNotices(12);

/** @param {number} count */
function makeNotices(count) {
  const random = new Random(21);
  return Array.from({ length: count }, () => {
    const lines = Array.from({ length: 4 + random.below(14) }, () => ` * ${sentence(random, vocabulary)}\n`);
    return `/* SPDX-License-Identifier: GPL-2.0 */\n/*\n${lines.join("")} */\n\n`;
  });
}

/**
 * What the files of one folder have in common.
 * @typedef {object} Topic
 * @property {string} prefix of most names
 * @property {readonly string[]} words
 */

/**
 * @param {Random} random
 * @returns {Topic}
 */
export function makeTopic(random) {
  const words = Array.from({ length: 260 }, () => random.favour(vocabulary));
  return { prefix: random.pick(vocabulary).slice(0, 6), words };
}

/**
 * One file of source code.
 * @param {Random} random
 * @param {Topic} topic
 * @param {number} length in bytes; all of the text is ASCII
 * @returns {string}
 */
export function sourceText(random, topic, length) {
  const file = makeFile(random, topic, length);
  // what is very long in a source tree are tables and lists of registers
  const write = length > 150_000 && random.real() < 0.8 ? tableLine : codeLine;
  let text = random.real() < 0.9 ? random.favour(notices) : "";
  while (text.length < length) text += repeatOf(random, file) ?? remember(file, write(random, file));
  return length === 0 ? "" : `${text.slice(0, length - 1)}\n`;
}

/**
 * @typedef {object} File
 * @property {Topic} topic
 * @property {string[]} names
 * @property {string[]} constants
 * @property {string[]} members
 * @property {number} register the last one of a table
 * @property {string} block to which the lines of a table belong
 * @property {string[]} recent the lines written last
 */

/**
 * @param {Random} random
 * @param {Topic} topic
 * @param {number} length
 * @returns {File}
 */
function makeFile(random, topic, length) {
  const count = Math.min(20 + Math.floor(length / 220), 1500);
  const name = () => `${topic.prefix}_${random.favour(topic.words)}_${random.pick(topic.words)}`;
  return {
    topic,
    names: Array.from({ length: count }, name),
    constants: Array.from({ length: count }, () => name().toUpperCase()),
    members: Array.from({ length: count }, () => `${random.favour(topic.words)}_${random.pick(vocabulary)}`),
    register: random.below(4096),
    block: "",
    recent: [],
  };
}

/**
 * Two lines as they stood a little before, as code that was copied does.
 * @param {Random} random
 * @param {File} file
 */
function repeatOf(random, { recent }) {
  if (recent.length < 8 || random.real() > 0.15) return undefined;
  const at = random.below(recent.length - 1);
  return `${recent[at]}${recent[at + 1]}`;
}

/**
 * @param {File} file
 * @param {string} line
 */
function remember({ recent }, line) {
  recent.push(line);
  if (recent.length > 60) recent.splice(0, 20);
  return line;
}

/**
 * @param {Random} random
 * @param {readonly string[]} words
 */
function sentence(random, words) {
  let text = "";
  const count = 5 + random.below(9);
  for (let index = 0; index < count; index += 1) {
    text += `${random.real() < 0.5 ? random.favour(little) : random.favour(words)} `;
  }
  return `${text.slice(0, -1)}.`;
}

/** @type {readonly ((random: Random, file: File) => string)[]} */
const statements = [
  (r, f) => `${r.pick(locals)} = ${r.favour(f.names)}(${r.pick(locals)}, ${r.favour(f.constants)});`,
  (r, f) => `${r.pick(locals)}->${r.favour(f.members)} = ${number(r)};`,
  (r, f) => `${r.favour(f.names)}(${r.pick(locals)}->${r.favour(f.members)}, &${r.pick(locals)});`,
  (r, f) => `if (${r.pick(locals)}->${r.favour(f.members)} & ${r.favour(f.constants)})`,
  (r) => `if (${r.pick(locals)} < 0)`,
  (r) => `return -E${r.favour(failures)};`,
  (r, f) => `${r.pick(types)} ${r.pick(locals)} = ${r.pick(locals)}->${r.favour(f.members)};`,
  (r, f) => `dev_err(dev, "${sentence(r, f.topic.words).slice(0, 44)} %d\\n", ${r.pick(locals)});`,
  (r, f) => `for (i = 0; i < ${r.favour(f.constants)}; i++)`,
  (r, f) => `/* ${sentence(r, f.topic.words)} */`,
  (r, f) => `writel(${r.favour(f.constants)} | ${number(r)}, ${r.pick(locals)}->base + ${r.favour(f.constants)});`,
  (r, f) => `case ${r.favour(f.constants)}:`,
  () => "break;",
  () => "return ret;",
  () => "goto out;",
];

/** @param {Random} random */
function number(random) {
  const value = random.real();
  return value < 0.6 ? String(random.below(32)) : `0x${random.below(0x10000).toString(16)}`;
}

/**
 * @param {Random} random
 * @param {File} file
 */
function codeLine(random, file) {
  const what = random.real();
  if (what < 0.72) return `${"\t".repeat(1 + random.below(3))}${random.favour(statements)(random, file)}\n`;
  if (what < 0.8) return `\t${random.pick(types)} ${random.favour(file.members)};\n`;
  if (what < 0.86) return ` * ${sentence(random, file.topic.words)}\n`;
  if (what < 0.9) return `#define ${random.pick(file.constants)}\t${number(random)}\n`;
  if (what < 0.94) return `\nstatic int ${random.pick(file.names)}(struct ${random.favour(file.names)} *priv)\n{\n`;
  if (what < 0.98) return "}\n\n";
  return `#include <linux/${random.pick(vocabulary)}.h>\n`;
}

/**
 * @param {Random} random
 * @param {File} file
 */
function tableLine(random, file) {
  if (file.block === "" || random.real() < 0.08) file.block = random.pick(file.constants);
  file.register += random.below(3);
  const name = `${file.block}__${random.favour(file.members).toUpperCase()}`;
  return `#define ${name.padEnd(72)}0x${file.register.toString(16).padStart(8, "0")}\n`;
}
