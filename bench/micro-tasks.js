/** What the micro-benchmarks do, each with data of its own that are the same in every run. */
import { loadChunker, loadMessages, loadMetadata, loadPacking, loadStore } from "./built.js";
import { Random, randomBytes } from "./corpus/random.js";
import { makeTopic, sourceText } from "./corpus/source-text.js";
import { makeStore, objectBytes } from "./make-store.js";

/** @typedef {import("./micro.js").Task} Task */

const kib = 1 << 10;
const mib = 1 << 20;
const memberObjects = 32;
const memberObjectBytes = 16 * kib;
const treeEntries = 1000;
const lookupIds = 4096;
const indexObjects = 1 << 14;
const indexMemberObjects = 64;

/** Files of source code, one after the other. */
function makeSource() {
  const random = new Random(1);
  const topic = makeTopic(random);
  const files = Array.from({ length: memberObjects }, () => sourceText(random, topic, memberObjectBytes));
  return Buffer.from(files.join(""), "latin1");
}

/**
 * Chunker, hashes, trees.
 * @returns {Promise<Task[]>}
 */
export async function objectTasks() {
  const { firstChunkEnd } = await loadChunker();
  const { blake3Names, loadBlake3 } = await loadPacking();
  const { decodeTree, encodeTree } = await loadMetadata();
  const file = randomBytes(1, 16 * mib);
  const tree = await makeTree();
  const treeBytes = encodeTree(tree);
  return [
    {
      part: "chunker",
      work: "cut 16 MiB",
      amount: { bytes: file.length },
      run: () => {
        for (let at = 0; at < file.length;) at += firstChunkEnd(file.subarray(at)) ?? file.length - at;
      },
    },
    ...blake3Names
      .flatMap((name) => {
        const hasher = tryLoad(() => loadBlake3(name));
        return [64, 16 * kib, mib].map((length) => {
          const bytes = file.subarray(0, length);
          const run = () => hasher?.hash(bytes);
          return {
            part: `BLAKE3, ${name}`,
            work: `hash ${lengthOf(length)}`,
            amount: { bytes: length },
            run,
            isThere: hasher !== undefined,
          };
        });
      })
      .filter(({ isThere }) => isThere),
    {
      part: "tree",
      work: `encode ${treeEntries} entries`,
      amount: { items: treeEntries },
      run: () => encodeTree(tree),
    },
    {
      part: "tree",
      work: `decode ${treeEntries} entries`,
      amount: { items: treeEntries },
      run: () => decodeTree(treeBytes),
    },
  ];
}

/**
 * What may not be installed.
 * @template T
 * @param {() => T} load
 * @returns {T | undefined}
 */
function tryLoad(load) {
  try {
    return load();
  } catch {
    return undefined;
  }
}

/** @param {number} length */
function lengthOf(length) {
  if (length >= mib) return `${length / mib} MiB`;
  return length >= kib ? `${length / kib} KiB` : `${length} B`;
}

async function makeTree() {
  const { byteStringFromText } = await loadMetadata();
  const { objectIdOf } = await loadPacking();
  const attributes = { mode: 0o644, uid: 1000, gid: 1000 };
  const entries = Array.from({ length: treeEntries }, (_, index) => ({
    ...attributes,
    name: byteStringFromText(`file-${String(index).padStart(5, "0")}.txt`),
    kind: /** @type {const} */ ("file"),
    mtimeSeconds: 1_704_067_200 + index,
    mtimeNanoseconds: (index * 7919) % 1_000_000_000,
    size: index * 17,
    content: { blob: objectIdOf(objectBytes(index)) },
  }));
  return { level: /** @type {const} */ (0), entries };
}

/**
 * Members of each codec, and indexes of packs.
 * @returns {Promise<Task[]>}
 */
export async function packTasks() {
  const { codecs, decodeMemberTar, encodeMemberTar, objectIdOf, packMember, unpackMember } = await loadPacking();
  const source = makeSource();
  const blobs = Array.from({ length: memberObjects }, (_, index) => {
    const bytes = source.subarray(index * memberObjectBytes, (index + 1) * memberObjectBytes);
    return { kind: /** @type {const} */ ("blob"), id: objectIdOf(bytes), bytes };
  });
  const tar = await encodeMemberTar(blobs);
  const amount = { bytes: tar.length };
  const what = `${lengthOf(source.length)} in ${memberObjects} objects`;
  return [
    { part: "member", work: `gather ${what}`, amount, run: () => encodeMemberTar(blobs) },
    { part: "member", work: `look through ${what}`, amount, run: () => decodeMemberTar(tar) },
    ...codecs.flatMap((codec) => {
      const packed = tryLoad(() => packMember(tar, codec));
      if (packed === undefined) return []; // a codec that this Node lacks
      const ratio = (tar.length / packed.length).toFixed(2);
      return [
        { part: `codec ${codec}`, work: `pack text, ${ratio} to 1`, amount, run: () => packMember(tar, codec) },
        { part: `codec ${codec}`, work: "unpack it", amount, run: () => unpackMember(packed) },
      ];
    }),
    await indexTask(),
  ];
}

/** @returns {Promise<Task>} */
async function indexTask() {
  const { decodeMemberTar, encodeMemberTar, objectIdOf, PackIndexBuilder } = await loadPacking();
  /** @type {import("../src/objects/member-tar.js").MemberObject[][]} */
  const members = [];
  for (let number = 0; number < indexObjects; number += indexMemberObjects) {
    const blobs = Array.from({ length: indexMemberObjects }, (_, offset) => {
      const bytes = objectBytes(number + offset);
      return { kind: /** @type {const} */ ("blob"), id: objectIdOf(bytes), bytes };
    });
    members.push(decodeMemberTar(await encodeMemberTar(blobs)));
  }
  const pack = objectIdOf(Buffer.from("pack"));
  return {
    part: "pack index",
    work: `make one of ${indexObjects.toLocaleString("en-US")} objects`,
    amount: { items: indexObjects },
    run: () => {
      const index = new PackIndexBuilder();
      for (const objects of members) index.addMember(1000, 100_000, objects);
      return index.finish(pack);
    },
  };
}

/**
 * Messages.
 * @returns {Promise<Task[]>}
 */
export async function messageTasks() {
  const { decodeMessage, encodeMessage } = await loadMessages();
  const has = /** @type {const} */ ({ type: "has", request: 1 });
  const messages = [
    { what: `${lookupIds} ids`, message: { ...has, ids: randomBytes(2, lookupIds * 32) } },
    {
      what: "a member of 128 KiB",
      message: { type: /** @type {const} */ ("packMember"), request: 3, member: randomBytes(3, 128 * kib) },
    },
  ];
  return messages.flatMap(({ what, message }) => {
    const frame = encodeMessage(message);
    return [
      { part: "message", work: `encode ${what}`, amount: { items: 1 }, run: () => encodeMessage(message) },
      { part: "message", work: `decode ${what}`, amount: { items: 1 }, run: () => decodeMessage(frame) },
    ];
  });
}

/**
 * Whether a store has objects, asked for thousands at a time; `close` ends with it.
 * @param {string} folder which is not there yet
 * @param {number} objects
 * @returns {Promise<{ tasks: Task[], close: () => Promise<void> }>}
 */
export async function lookupTasks(folder, objects) {
  const { openStore } = await loadStore();
  const { blake3 } = await loadPacking();
  await makeStore(folder, objects);
  const store = await openStore(folder, { create: false });
  const random = new Random(9);
  const amount = { items: lookupIds };
  // as many different ones as memory should hold, so that not all of them lie in the processor's cache
  const hits = Array.from({ length: 16 }, () =>
    Buffer.concat(Array.from({ length: lookupIds }, () => blake3().hash(objectBytes(random.below(objects))))),
  );
  const misses = Array.from({ length: 16 }, (_, index) => randomBytes(100 + index, lookupIds * 32));
  /** @param {readonly Buffer[]} batches */
  const inTurn = (batches) => {
    let turn = 0;
    return () => store.hasMany(/** @type {Buffer} */ (batches[(turn += 1) % batches.length]));
  };
  const where = `ids in ${objects.toLocaleString("en-US")} objects`;
  return {
    tasks: [
      { part: "store index", work: `find ${lookupIds} ${where}`, amount, run: inTurn(hits) },
      { part: "store index", work: `miss ${lookupIds} ${where}`, amount, run: inTurn(misses) },
    ],
    close: () => store.close(),
  };
}
