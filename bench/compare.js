/** The comparison: bak, restic and borg do the same work, in turn, in one run. */
import { statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { BenchError } from "./bench-error.js";
import { namesIn, readCommandLine } from "./command-line.js";
import { compareTable } from "./compare-table.js";
import { corpusNames, makeCorpus, recipes } from "./corpus/corpora.js";
import { writeBlock } from "./document.js";
import { describeMachine, describeRuns } from "./environment.js";
import { measureFolder, warmFolder } from "./folder.js";
import { describeMethod } from "./measured-run.js";
import { runRounds } from "./rounds.js";
import { formatTable } from "./table.js";
import { answer, say } from "./talk.js";
import { bakTool } from "./tools/bak.js";
import { borgTool } from "./tools/borg.js";
import { resticTool } from "./tools/restic.js";
import { formatBytes, formatCount } from "./units.js";

export const compareHelp = `npm run bench [-- OPTIONS]      bak and its peers do the same work, in turn

  --corpus NAMES    of text, million, image, flat, or 'all' (default text); the bench makes them
  --folder DIR      a folder of yours instead
  --scale N         makes the corpora N times as large (default 1: 1.3 GB, a million files, 2 GB, 200,000 files)
  --peers NAMES     of restic, borg, or 'none' (default both, where they are on the PATH)
  --compression C   what bak push is told to compress with
  --runs N          rounds, of which the medians are shown (default 3)
  --json FILE       writes every figure of every round
  --write           puts the tables into docs/performance.md
  --work DIR        where all of it is done (default: the folder for temporary files)

The other parts are link, crowd, growth and micro: npm run bench -- link --help`;

const options = /** @type {const} */ ({
  corpus: { type: "string" },
  folder: { type: "string" },
  peers: { type: "string", default: "restic,borg" },
  compression: { type: "string" },
});

const peerTools = { restic: resticTool, borg: borgTool };
const peerNames = /** @type {readonly ("restic" | "borg")[]} */ (["restic", "borg"]);

/** So much of its source's size may each tool's store take. */
const storeShare = 0.8;

/**
 * What tools are compared on.
 * @typedef {object} Ground
 * @property {string} name
 * @property {string} about
 * @property {number} bytes how much room it takes on the disk, roughly
 * @property {() => Promise<import("./corpus/corpora.js").Corpus>} make
 * @property {boolean} isOurs whether the bench made it, and deletes it
 */

/**
 * @param {readonly string[]} args
 * @param {import("./main.js").OpenWorkplace} openWorkplace
 */
export async function compare(args, openWorkplace) {
  const { shared, own } = readCommandLine(args, options, { runs: 3 });
  if (shared.help) return answer(compareHelp);
  if (own.folder !== undefined && (own.corpus !== undefined || shared.write)) {
    throw new BenchError("--folder goes with neither --corpus nor --write", { exitCode: 2 });
  }
  const corpora = namesIn("corpus", own.corpus === "all" ? corpusNames.join() : (own.corpus ?? "text"), corpusNames);
  const tools = [bakTool({ compression: own.compression }), ...findPeers(own.peers ?? "none")];
  const setting = `${tools.map(({ version }) => version).join("; ")}. ${describeMachine()}; ${describeMethod()}.`;
  const place = openWorkplace(shared.work);
  const grounds =
    own.folder === undefined
      ? corpora.map((name) => groundOf(name, place, shared.scale))
      : [await yourGround(own.folder)];
  const results = [];
  for (const ground of grounds) {
    place.assertRoom(ground.bytes * ((ground.isOurs ? 2 : 1) + storeShare * tools.length));
    const { size, measured } = await measureGround(ground, place, { tools, runs: shared.runs });
    const table = formatTable(
      compareTable(
        measured,
        tools.map((tool) => tool.name),
      ),
    );
    const text = `${describeSize(size)}: ${ground.about}. ${describeRuns(shared.runs)}. ${setting}\n\n${table}`;
    answer(`${ground.name}: ${text}\n`);
    if (shared.write) writeBlock(ground.name, text);
    results.push({ name: ground.name, ...size, measured });
  }
  if (shared.json !== undefined) writeFileSync(shared.json, `${JSON.stringify({ setting, results }, undefined, 2)}\n`);
}

/** @param {string} text */
function findPeers(text) {
  if (text === "none") return [];
  return namesIn("peers", text, peerNames).flatMap((name) => {
    const tool = peerTools[name]();
    if (tool === undefined) say(`${name} is not on the PATH: left out`);
    return tool ?? [];
  });
}

/**
 * @param {import("./corpus/corpora.js").CorpusName} name
 * @param {import("./workplace.js").Workplace} place
 * @param {number} scale
 * @returns {Ground}
 */
function groundOf(name, place, scale) {
  const { about, diskBytes } = recipes[name];
  return {
    name,
    about,
    bytes: diskBytes(scale),
    make: () => makeCorpus(name, place.makeFolder("corpus"), scale),
    isOurs: true,
  };
}

/**
 * @param {string} path
 * @returns {Promise<Ground>}
 */
async function yourGround(path) {
  const folder = resolve(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw new BenchError(`no folder '${path}'`);
  const { bytes } = await measureFolder(folder);
  const corpus = { name: basename(folder), folder, edit: undefined, reset: () => undefined };
  return { name: basename(folder), about: "a folder of yours", bytes, make: async () => corpus, isOurs: false };
}

/**
 * @param {Ground} ground
 * @param {import("./workplace.js").Workplace} place
 * @param {{ tools: readonly import("./tools/tool.js").Tool[], runs: number }} how
 */
async function measureGround(ground, place, { tools, runs }) {
  say(`${ground.name}: ${ground.about}`);
  const corpus = await ground.make();
  const size = await warmFolder(corpus.folder);
  const measured = await runRounds(place, corpus, { tools, runs });
  if (ground.isOurs) await rm(dirname(corpus.folder), { recursive: true });
  return { size, measured };
}

/** @param {import("./folder.js").FolderSize} size */
function describeSize({ files, bytes }) {
  return `${formatCount(files)} ${files === 1 ? "file" : "files"}, ${formatBytes(bytes)}`;
}
