/** Rounds of the same work by every tool, in turn: push, push again, push what was edited, restore. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { assertSameFolder, sumOfSizes } from "./folder.js";
import { say } from "./talk.js";
import { formatFigure } from "./units.js";

/** @typedef {"first push" | "unchanged" | "edited" | "restore"} Step */

/**
 * What one step of one tool in one round has taken.
 * @typedef {object} Measured
 * @property {string} tool
 * @property {Step} step
 * @property {number} round from 1
 * @property {number} wallS
 * @property {number | undefined} cpuS of the client
 * @property {number | undefined} peakBytes of the client
 * @property {number | undefined} serverCpuS
 * @property {number | undefined} serverPeakBytes
 * @property {number} grewBytes what the store grew by
 */

/**
 * Does the work as often as asked. Every round has empty stores, homes and caches, and what is restored is compared with
 * what was pushed; rejects with a BenchError where a step fails, or restores something else.
 * @param {import("./workplace.js").Workplace} place
 * @param {import("./corpus/corpora.js").Corpus} corpus
 * @param {{ tools: readonly import("./tools/tool.js").Tool[], runs: number }} options
 * @returns {Promise<Measured[]>}
 */
export async function runRounds(place, corpus, { tools, runs }) {
  /** @type {Measured[]} */
  const all = [];
  for (let round = 1; round <= runs; round += 1) {
    corpus.reset();
    // whoever comes second finds a machine that is warmer, or busier: let it be another each time
    const order = round % 2 === 1 ? tools : tools.toReversed();
    const folder = place.makeFolder(`round-${round}`);
    /** @type {Entrant[]} */
    const entrants = [];
    for (const tool of order) entrants.push(await enter(place, tool, folder));
    /** @param {Step} step */
    const measure = async (step) => {
      for (const entrant of entrants) {
        const measured = { ...(await measureStep(entrant, step, corpus.folder)), round };
        say(`${corpus.name}, round ${round} of ${runs}: ${measured.tool} ${step} ${formatFigure(measured.wallS, "s")}`);
        all.push(measured);
      }
    };
    await measure("first push");
    await measure("unchanged");
    if (corpus.edit !== undefined) {
      corpus.edit();
      await measure("edited");
    }
    await measure("restore");
    for (const { session } of entrants) await session.stop();
    await rm(folder, { recursive: true });
  }
  corpus.reset();
  return all;
}

/** @typedef {{ name: string, folder: string, session: import("./tools/tool.js").Session }} Entrant */

/**
 * @param {import("./workplace.js").Workplace} place
 * @param {import("./tools/tool.js").Tool} tool
 * @param {string} parent
 * @returns {Promise<Entrant>}
 */
async function enter(place, tool, parent) {
  const folder = join(parent, tool.name);
  mkdirSync(folder);
  return { name: tool.name, folder, session: await tool.start(place, folder) };
}

/**
 * @param {Entrant} entrant
 * @param {Step} step
 * @param {string} source
 * @returns {Promise<Omit<Measured, "round">>}
 */
async function measureStep({ name, folder, session }, step, source) {
  const { server, store } = session;
  const storeBytes = sumOfSizes(store);
  execFileSync("sync"); // what others have written is not to be paid for by this one
  const serverCpuS = server?.cpuS;
  server?.resetPeak();
  const used = await (step === "restore" ? restoreAndCompare({ name, folder, session, source }) : session.push(source));
  const grewBytes = sumOfSizes(store) - storeBytes;
  return {
    tool: name,
    step,
    wallS: used.wallS,
    cpuS: used.cpuS,
    peakBytes: used.peakBytes,
    serverCpuS: serverCpuS === undefined ? undefined : (server?.cpuS ?? Number.NaN) - serverCpuS,
    serverPeakBytes: server?.peakBytes,
    grewBytes,
  };
}

/**
 * @param {{ name: string, folder: string, session: import("./tools/tool.js").Session, source: string }} options
 */
async function restoreAndCompare({ name, folder, session, source }) {
  const target = join(folder, "restored");
  mkdirSync(target);
  const used = await session.restore(target);
  await assertSameFolder(source, target, name);
  await rm(target, { recursive: true });
  return used;
}
