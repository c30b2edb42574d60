/** The folders that the bench makes to be backed up: always the same ones, with no network. */
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { makeEditedImage, makeImage } from "./image.js";
import { makeText } from "./text.js";
import { makeFlat, makeTiny } from "./tiny.js";

/** @typedef {"text" | "million" | "image" | "flat"} CorpusName */

/** A folder that is there, and what a round can do with it. */
/**
 * @typedef {object} Corpus
 * @property {string} name
 * @property {string} folder
 * @property {(() => void) | undefined} edit changes what is in the folder; undefined where nothing is prepared for that
 * @property {() => void} reset makes the folder what it was before `edit`
 */

/** @typedef {(folder: string, scale: number) => Promise<Pick<Corpus, "edit" | "reset">>} Make */

/**
 * How a corpus is made.
 * @typedef {object} Recipe
 * @property {string} about what it is, in a few words
 * @property {(scale: number) => number} diskBytes how much room it takes, roughly
 * @property {Make} make `folder` is there and empty
 */

const blockBytes = 4096;
const imageBytes = 2e9;
const unchanging = { edit: undefined, reset: () => undefined };

/** @type {Readonly<Record<CorpusName, Recipe>>} */
export const recipes = {
  text: {
    about: "text like the source code of a kernel",
    diskBytes: (scale) => 1.5e9 * scale,
    make: async (folder, scale) => {
      await makeText(folder, Math.ceil(78_000 * scale));
      return unchanging;
    },
  },
  million: {
    about: "small files of 20 bytes to 800",
    diskBytes: (scale) => 1e6 * scale * blockBytes,
    make: async (folder, scale) => {
      await makeTiny(folder, Math.ceil(1e6 * scale));
      return unchanging;
    },
  },
  flat: {
    about: "tiny files in a single folder",
    diskBytes: (scale) => 200_000 * scale * blockBytes,
    make: async (folder, scale) => {
      await makeFlat(folder, Math.ceil(200_000 * scale));
      return unchanging;
    },
  },
  image: {
    about: "one file like the image of a disk; edited: 4 KiB overwritten at 200 places, and insertions at 20",
    diskBytes: (scale) => imageBytes * scale * 2,
    make: (folder, scale) => makeEditable(folder, imageBytes * scale),
  },
};

/** @type {readonly CorpusName[]} */
export const corpusNames = ["text", "million", "image", "flat"];

/**
 * Both states of the image lie ready, and change places: so every tool in every round sees the same edit.
 * @param {string} folder
 * @param {number} bytes
 * @returns {Promise<Pick<Corpus, "edit" | "reset">>}
 */
async function makeEditable(folder, bytes) {
  const beside = `${folder}.states`;
  mkdirSync(beside);
  const image = join(folder, "disk.img");
  const [original, edited] = [join(beside, "original"), join(beside, "edited")];
  await makeImage(image, bytes);
  await makeEditedImage(image, edited, { overwrites: 200, insertions: 20 });
  let isEdited = false;
  return {
    edit: () => {
      renameSync(image, original);
      renameSync(edited, image);
      isEdited = true;
    },
    reset: () => {
      if (!isEdited) return;
      renameSync(image, edited);
      renameSync(original, image);
      isEdited = false;
    },
  };
}

/**
 * Makes a corpus in a folder of its own.
 * @param {CorpusName} name
 * @param {string} parent
 * @param {number} scale 1: as large as it is meant to be
 * @returns {Promise<Corpus>}
 */
export async function makeCorpus(name, parent, scale) {
  const folder = join(parent, name);
  mkdirSync(folder);
  return { name, folder, ...(await recipes[name].make(folder, scale)) };
}
