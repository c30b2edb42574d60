/**
 * Makes a valid store with as many objects as asked, fast: packs of real members, each object a blob of one short line that
 * says its number, and one project whose commit has a sample of them as files. Every index is made by bak's own builder.
 */
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { loadMetadata, loadPacking, loadStore } from "./built.js";

/** So many objects go into a pack: as many as a client's. */
const objectsPerPack = 1 << 16;
/** So many files the sample has, if there are as many objects. */
const sampleFiles = 1000;
/** The project of the commit that names the sample. */
export const sampleProject = "sample";

/**
 * What a thread makes: the packs from number `first` to before number `end`.
 * @typedef {object} PackShare
 * @property {string} folder the store's
 * @property {number} objects in the store as a whole
 * @property {number} objectsPerPack
 * @property {number} first
 * @property {number} end
 */

/**
 * What an object of a made store holds.
 * @param {number} number
 * @returns {Buffer}
 */
export function objectBytes(number) {
  return Buffer.from(`object ${number}\n`);
}

/**
 * A file of the sample.
 * @typedef {object} SampleFile
 * @property {string} name
 * @property {Buffer} content
 */

/**
 * The sample of a store of that many objects: files spread evenly over them, in the order of their names.
 * @param {number} objects
 * @returns {SampleFile[]}
 */
export function sampleOf(objects) {
  const count = Math.min(sampleFiles, objects);
  return Array.from({ length: count }, (_, index) => {
    const number = Math.floor((index * objects) / count);
    return { name: `object-${String(number).padStart(9, "0")}`, content: objectBytes(number) };
  });
}

/**
 * Makes a store of that many blobs in a folder that is not there yet, and a commit of the sample.
 * @param {string} folder
 * @param {number} objects
 * @param {{ threads?: number }} [options]
 * @returns {Promise<{ packs: number }>}
 */
export async function makeStore(folder, objects, { threads = availableParallelism() } = {}) {
  const { openStore } = await loadStore();
  await (await openStore(folder, { create: true })).close();
  makePackFolders(folder);
  const packs = Math.ceil(objects / objectsPerPack);
  const share = Math.ceil(packs / Math.min(threads, packs));
  /** @type {Promise<void>[]} */
  const work = [];
  for (let first = 0; first < packs; first += share) {
    work.push(runThread({ folder, objects, objectsPerPack, first, end: Math.min(packs, first + share) }));
  }
  await Promise.all(work);
  await commitSample(folder, objects);
  return { packs };
}

/** @param {string} folder */
function makePackFolders(folder) {
  for (let first = 0; first < 256; first += 1) {
    mkdirSync(`${folder}/packs/${first.toString(16).padStart(2, "0")}`, { recursive: true });
  }
}

/**
 * @param {PackShare} share
 * @returns {Promise<void>}
 */
function runThread(share) {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL("./make-packs-thread.js", import.meta.url), { workerData: share, execArgv: [] });
    thread.on("error", reject);
    thread.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`thread ended with ${code}`))));
  });
}

/**
 * @param {string} folder
 * @param {number} objects
 */
async function commitSample(folder, objects) {
  const { openStore } = await loadStore();
  const { objectIdOf, encodeMemberTar, packMember, packTrailers, parseObjectId, blake3 } = await loadPacking();
  const { byteStringFromText, encodeCommit, encodeTree, parseProjectId } = await loadMetadata();
  const attributes = { mode: 0o644, uid: 0, gid: 0, mtimeSeconds: 1_704_067_200, mtimeNanoseconds: 0 };
  const files = sampleOf(objects);
  const treeBytes = encodeTree({
    level: 0,
    entries: files.map(({ name, content }) => ({
      ...attributes,
      name: byteStringFromText(name),
      kind: /** @type {const} */ ("file"),
      size: content.length,
      content: { blob: objectIdOf(content) },
    })),
  });
  const project = parseProjectId(sampleProject);
  const bytes = files.reduce((sum, { content }) => sum + content.length, 0);
  const commitBytes = encodeCommit({
    tree: objectIdOf(treeBytes),
    root: { ...attributes, mode: 0o755 },
    parent: undefined,
    project,
    host: "bench",
    user: "bench",
    path: byteStringFromText("/sample"),
    startedMs: 0,
    endedMs: 0,
    message: "",
    tags: [],
    excludes: [],
    counts: { files: files.length, dirs: 0, bytes, changed: 0, added: files.length, removed: 0, unreadable: 0 },
    users: [],
    groups: [],
    version: "0",
  });
  const commit = objectIdOf(commitBytes);
  const tar = await encodeMemberTar([
    { kind: "tree", id: objectIdOf(treeBytes), bytes: treeBytes },
    { kind: "commit", id: commit, bytes: commitBytes },
  ]);
  const member = packMember(tar, "gzip");
  const id = parseObjectId(
    blake3()
      .hash(Buffer.concat([member, packTrailers.gzip]))
      .toString("hex"),
  );
  const store = await openStore(folder, { create: false });
  try {
    const receiver = store.receivePack();
    await receiver.add(member);
    await receiver.finish(id);
    await store.appendCommit(project, commit, undefined);
  } finally {
    await store.close();
  }
}
