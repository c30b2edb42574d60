/** What a server costs as its store holds more objects: the time until it serves, and its memory, idle and at work. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { BenchError } from "./bench-error.js";
import { sumOfSizes, assertSameContents } from "./folder.js";
import { makeStore, sampleOf, sampleProject } from "./make-store.js";
import { runMeasured } from "./measured-run.js";
import { say } from "./talk.js";
import { bakCommand, serveBak } from "./tools/bak.js";
import { formatBytes, formatCount, formatFigure, median } from "./units.js";
import { freshEnvironment } from "./workplace.js";

/** Roughly what an object takes in a pack and its index. */
const diskBytesPerObject = 130;
/** So many files that the store does not have are pushed beside those that it has. */
const newFiles = 1000;
/** Starts are short: a median of three at least. */
const fewestStarts = 3;

/**
 * What a server was seen to take.
 * @typedef {object} Served
 * @property {number} readyS from its start until it listens
 * @property {number | undefined} openBytes memory in use then
 * @property {number | undefined} openPeakBytes the most until then
 * @property {number | undefined} workPeakBytes the most during a push and a restore
 */

/**
 * @param {import("./growth.js").Growing} growing
 * @returns {Promise<import("./growth.js").Grown>}
 */
export async function growWithObjects({ place, amounts, runs }) {
  const measured = [];
  for (const amount of amounts.map(Math.ceil)) {
    place.assertRoom(amount * diskBytesPerObject);
    say(`growth: making a store of ${formatCount(amount)} objects`);
    const begin = performance.now();
    const home = place.makeFolder("store");
    const store = join(home, "store");
    const { packs } = await makeStore(store, amount);
    execFileSync("sync");
    say(`growth: made in ${formatFigure((performance.now() - begin) / 1000, "s")}`);
    const storeBytes = sumOfSizes(store);
    /** @type {Served[]} */
    const served = [];
    while (served.length < Math.max(runs, fewestStarts)) served.push(await serveOnce(place, store, amount));
    await rm(home, { recursive: true });
    measured.push({ amount, packs, storeBytes, served });
  }
  return { table: { head: [...columns], rows: measured.map(rowOf), textColumns: 0 }, measured };
}

/**
 * @param {import("./workplace.js").Workplace} place
 * @param {string} store
 * @param {number} objects
 * @returns {Promise<Served>}
 */
async function serveOnce(place, store, objects) {
  const home = place.makeFolder("home");
  const env = freshEnvironment(home);
  const { server, url, readyS } = await serveBak(place, store, env);
  const [openBytes, openPeakBytes] = [server.residentBytes, server.peakBytes];
  server.resetPeak();
  await assertUsable({ place, home, env, url, objects });
  const workPeakBytes = server.peakBytes;
  await server.stop();
  await rm(home, { recursive: true });
  say(`growth: ${formatCount(objects)} objects served after ${formatFigure(readyS, "s")}`);
  return { readyS, openBytes, openPeakBytes, workPeakBytes };
}

/**
 * Throws unless the store gives the sample back as it is, and knows which objects it has.
 * @param {{ place: import("./workplace.js").Workplace, home: string, env: NodeJS.ProcessEnv, url: string, objects: number }} options
 */
async function assertUsable({ place, home, env, url, objects }) {
  /** @param {readonly [string, ...string[]]} args */
  const bak = async (...args) =>
    (await runMeasured(place, bakCommand(...args, "--server", url), { name: `bak ${args[0]}`, env })).output;
  const sample = sampleOf(objects);
  const restored = join(home, "restored");
  await bak("restore", "--project", sampleProject, "--to", restored);
  assertSameContents(restored, sample);

  const folder = join(home, "push");
  mkdirSync(folder);
  const marks = `${process.pid} ${performance.now()}`; // the store has kept what the start before has pushed
  for (const { name, content } of sample) writeFileSync(join(folder, name), content);
  for (let index = 0; index < newFiles; index += 1) writeFileSync(join(folder, `new-${index}`), `${marks} ${index}`);
  const output = await bak("push", folder, "--project", "probe", "--json");
  const { sent } = /** @type {{ sent: { objects: { blob: number } } }} */ (
    JSON.parse(output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1))
  );
  if (sent.objects.blob === newFiles) return;
  throw new BenchError(`a store of ${objects} objects was sent ${sent.objects.blob} blobs, not ${newFiles}`);
}

const columns = ["objects", "packs", "on disk", "starts in", "memory then", "peak until then", "peak at work"];

/** @param {number | undefined} bytes */
const memory = (bytes) => (bytes === undefined ? "" : formatBytes(bytes));

/**
 * @param {{ amount: number, packs: number, storeBytes: number, served: readonly Served[] }} measured
 * @returns {string[]}
 */
function rowOf({ amount, packs, storeBytes, served }) {
  /** @param {keyof Served} key */
  const of = (key) => {
    const values = served.map((one) => one[key]).filter((value) => value !== undefined);
    return values.length === 0 ? undefined : median(values);
  };
  return [
    formatCount(amount),
    formatCount(packs),
    formatBytes(storeBytes),
    formatFigure(of("readyS") ?? Number.NaN, "s"),
    memory(of("openBytes")),
    memory(of("openPeakBytes")),
    memory(of("workPeakBytes")),
  ];
}
