/** What it costs an honest push that others are in the way: connections that say nothing, garbage, or half of a message. */
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { BenchError } from "./bench-error.js";
import { positive, readCommandLine } from "./command-line.js";
import { makeCorpus, recipes } from "./corpus/corpora.js";
import { writeBlock } from "./document.js";
import { describeMachine, describeRuns } from "./environment.js";
import { warmFolder } from "./folder.js";
import { runMeasured } from "./measured-run.js";
import { formatTable } from "./table.js";
import { answer, say } from "./talk.js";
import { bakCommand, bakVersion, serveBak } from "./tools/bak.js";
import { formatBytes, formatCount, formatFigure, median } from "./units.js";
import { freshEnvironment } from "./workplace.js";

const crowdHelp = `npm run bench -- crowd [OPTIONS]      a first push to a server that others keep busy, beside one to a server at rest

  --connections N   how many others there are (default 200)
  --again MS        so long after it was sent away each comes back (default 1000)
  --folder DIR      what is pushed (default: the corpus 'text', which the bench makes)
  --scale N         makes the corpus N times as large (default 0.25: 330 MB)
  --runs N          rounds, of which the medians are shown (default 3)
  --json FILE       writes every figure of every round
  --write           puts the table into docs/performance.md
  --work DIR        where all of it is done (default: the folder for temporary files)`;

const options = /** @type {const} */ ({
  connections: { type: "string", default: "200" },
  again: { type: "string", default: "1000" },
  folder: { type: "string" },
});

/** @typedef {import("./crowd-thread.js").Kind} Kind */

/** Who is in the way, by the name of the row. */
const companies = /** @type {const} */ ({
  nobody: [],
  "nothing said": ["nothing"],
  garbage: ["garbage"],
  "half of a message": ["half"],
  "all three": ["nothing", "garbage", "half"],
});

/** @typedef {keyof typeof companies} Company */
/** @typedef {{ wallS: number, serverCpuS: number, serverPeakBytes: number }} Push */

/**
 * @param {readonly string[]} args
 * @param {import("./main.js").OpenWorkplace} openWorkplace
 */
export async function crowd(args, openWorkplace) {
  const { shared, own } = readCommandLine(["--scale", "0.25", ...args], options, { runs: 3 });
  if (shared.help) return answer(crowdHelp);
  const setting = {
    connections: positive("connections", own.connections ?? "", true),
    againMs: positive("again", own.again ?? ""),
  };
  if (own.folder !== undefined && shared.write) throw new BenchError("--folder does not go with --write");
  const place = openWorkplace(shared.work);
  if (own.folder === undefined) place.assertRoom(recipes.text.diskBytes(shared.scale) * 2);
  const folder =
    own.folder === undefined ? (await makeCorpus("text", place.folder, shared.scale)).folder : resolve(own.folder);
  const { files, bytes } = await warmFolder(folder);
  /** @type {Record<Company, Push>[]} */
  const rounds = [];
  while (rounds.length < shared.runs) {
    say(`crowd: round ${rounds.length + 1} of ${shared.runs}`);
    /** @type {[string, Push][]} */
    const pushes = [];
    for (const [name, kinds] of Object.entries(companies)) {
      pushes.push([name, await pushAmong(place, folder, { ...setting, kinds })]);
    }
    rounds.push(/** @type {Record<Company, Push>} */ (Object.fromEntries(pushes)));
  }
  const what = `First push of ${formatCount(files)} files, ${formatBytes(bytes)}, among ${formatCount(setting.connections)} connections, each of which comes back ${formatFigure(setting.againMs, "ms")} after it was sent away`;
  const how = `${describeRuns(shared.runs)}. bak ${bakVersion()} on Node ${process.versions.node}; ${describeMachine()}`;
  const text = `${what}. ${how}.\n\n${formatTable(crowdTable(rounds))}`;
  answer(text);
  if (shared.write) writeBlock("crowd", text);
  if (shared.json !== undefined) writeFileSync(shared.json, `${JSON.stringify({ what, how, rounds }, undefined, 2)}\n`);
}

/**
 * @param {import("./workplace.js").Workplace} place
 * @param {string} source
 * @param {{ connections: number, againMs: number, kinds: readonly Kind[] }} setting
 * @returns {Promise<Push>}
 */
async function pushAmong(place, source, { kinds, ...setting }) {
  const home = place.makeFolder("home");
  const store = join(home, "store");
  mkdirSync(store);
  const env = freshEnvironment(home);
  const { server, url, port } = await serveBak(place, store, env);
  /** @type {Worker | undefined} */
  let others;
  if (kinds.length > 0) {
    others = new Worker(new URL("./crowd-thread.js", import.meta.url), { workerData: { port, kinds, ...setting } });
    await once(others, "message");
  }
  const before = server.cpuS ?? 0;
  server.resetPeak();
  const command = bakCommand("push", source, "--server", url, "--project", "bench");
  const { wallS } = await runMeasured(place, command, { name: "bak push", env });
  const push = { wallS, serverCpuS: (server.cpuS ?? 0) - before, serverPeakBytes: server.peakBytes ?? 0 };
  await others?.terminate();
  await server.stop();
  await rm(home, { recursive: true });
  return push;
}

/**
 * @param {readonly Record<Company, Push>[]} rounds
 * @returns {import("./table.js").Table}
 */
function crowdTable(rounds) {
  /**
   * @param {Company} company
   * @param {keyof Push} key
   */
  const of = (company, key) => median(rounds.map((round) => round[company][key]));
  const names = /** @type {Company[]} */ (Object.keys(companies));
  return {
    head: ["who else is there", "push", "speed", "server's CPU", "server's peak memory"],
    rows: names.map((name) => [
      name,
      formatFigure(of(name, "wallS"), "s"),
      formatFigure(of("nobody", "wallS") / of(name, "wallS"), "ratio"),
      formatFigure(of(name, "serverCpuS"), "s"),
      formatBytes(of(name, "serverPeakBytes")),
    ]),
    textColumns: 1,
  };
}
