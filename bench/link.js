/** What a slow link costs: a first push against the time that its bytes need, an unchanged one against itself without the link. */
import { mkdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { BenchError } from "./bench-error.js";
import { positive, readCommandLine } from "./command-line.js";
import { makeCorpus, recipes } from "./corpus/corpora.js";
import { writeBlock } from "./document.js";
import { describeMachine, describeRuns } from "./environment.js";
import { assertSameFolder, warmFolder } from "./folder.js";
import { runMeasured } from "./measured-run.js";
import { openSlowLink } from "./slow-link.js";
import { formatTable } from "./table.js";
import { answer, say } from "./talk.js";
import { bakCommand, bakVersion, serveBak } from "./tools/bak.js";
import { formatBytes, formatCount, formatFigure, median } from "./units.js";
import { freshEnvironment } from "./workplace.js";

const linkHelp = `npm run bench -- link [OPTIONS]      bak over a slow link, beside bak without it

  --rtt MS          round trip (default 50)
  --mbit N          rate in each direction, in Mbit/s (default 100)
  --folder DIR      what is pushed (default: the corpus 'text', which the bench makes)
  --scale N         makes the corpus N times as large (default 1: 1.3 GB)
  --compression C   what bak push is told to compress with
  --runs N          rounds, of which the medians are shown (default 3)
  --json FILE       writes every figure of every round
  --write           puts the table into docs/performance.md
  --work DIR        where all of it is done (default: the folder for temporary files)`;

const options = /** @type {const} */ ({
  rtt: { type: "string", default: "50" },
  mbit: { type: "string", default: "100" },
  folder: { type: "string" },
  compression: { type: "string" },
});

/** An unchanged push takes less than the noise of a single one. */
const unchangedPushes = 5;

/**
 * What one round gave; times in seconds.
 * @typedef {object} Round
 * @property {number} firstLocalS
 * @property {number} firstS
 * @property {number} firstBytes sent by the client, as they passed the link
 * @property {number} unchangedLocalS
 * @property {number} unchangedS
 * @property {number} unchangedBytes both ways
 * @property {number} restoreLocalS
 * @property {number} restoreS
 * @property {number} restoreBytes received by the client
 */

/** @typedef {{ roundTripMs: number, bytesPerSecond: number, extra: readonly string[] }} Setting */

/**
 * @param {readonly string[]} args
 * @param {import("./main.js").OpenWorkplace} openWorkplace
 */
export async function link(args, openWorkplace) {
  const { shared, own } = readCommandLine(args, options, { runs: 3 });
  if (shared.help) return answer(linkHelp);
  const megabits = positive("mbit", own.mbit ?? "");
  const setting = {
    roundTripMs: positive("rtt", own.rtt ?? ""),
    bytesPerSecond: (megabits * 1e6) / 8,
    extra: own.compression === undefined ? [] : ["--compression", own.compression],
  };
  if (own.folder !== undefined && shared.write) throw new BenchError("--folder does not go with --write");
  const place = openWorkplace(shared.work);
  if (own.folder === undefined) place.assertRoom(recipes.text.diskBytes(shared.scale) * 3.5);
  const folder =
    own.folder === undefined ? (await makeCorpus("text", place.folder, shared.scale)).folder : resolve(own.folder);
  const { files, bytes } = await warmFolder(folder);
  /** @type {Round[]} */
  const rounds = [];
  while (rounds.length < shared.runs) {
    say(`link: round ${rounds.length + 1} of ${shared.runs}`);
    rounds.push(await runRound(place, folder, setting));
  }
  const what = `${formatCount(files)} files, ${formatBytes(bytes)}, over ${megabits} Mbit/s with a round trip of ${setting.roundTripMs} ms`;
  const how = `${describeRuns(shared.runs)}. bak ${bakVersion()} on Node ${process.versions.node}; ${describeMachine()}`;
  const text = `${what}. ${how}.\n\n${formatTable(linkTable(rounds, setting))}`;
  answer(text);
  if (shared.write) writeBlock("link", text);
  if (shared.json !== undefined) writeFileSync(shared.json, `${JSON.stringify({ what, how, rounds }, undefined, 2)}\n`);
}

/**
 * @param {import("./workplace.js").Workplace} place
 * @param {string} folder
 * @param {Setting} setting
 * @returns {Promise<Round>}
 */
async function runRound(place, folder, setting) {
  const local = await startClient(place, folder, setting);
  const remote = await startClient(place, folder, setting);
  const slow = await openSlowLink(remote.port, setting);
  const url = `ws://127.0.0.1:${slow.port}`;
  /** @param {() => Promise<number>} act */
  const carried = async (act) => {
    const before = slow.carried();
    const seconds = await act();
    const after = slow.carried();
    return { seconds, upBytes: after.upBytes - before.upBytes, downBytes: after.downBytes - before.downBytes };
  };
  const firstLocalS = await local.push(local.url);
  const first = await carried(() => remote.push(url));
  const unchangedLocal = [];
  const unchanged = [];
  while (unchanged.length < unchangedPushes) {
    unchangedLocal.push(await local.push(local.url));
    unchanged.push(await carried(() => remote.push(url)));
  }
  const restoreLocalS = await local.restore(local.url);
  const restored = await carried(() => remote.restore(url));
  await slow.close();
  for (const { stop } of [local, remote]) await stop();
  return {
    firstLocalS,
    firstS: first.seconds,
    firstBytes: first.upBytes,
    unchangedLocalS: median(unchangedLocal),
    unchangedS: median(unchanged.map(({ seconds }) => seconds)),
    unchangedBytes: median(unchanged.map(({ upBytes, downBytes }) => upBytes + downBytes)),
    restoreLocalS,
    restoreS: restored.seconds,
    restoreBytes: restored.downBytes,
  };
}

/**
 * A client with a server and a store of its own.
 * @param {import("./workplace.js").Workplace} place
 * @param {string} source
 * @param {Setting} setting
 */
async function startClient(place, source, { extra }) {
  const home = place.makeFolder("home");
  const store = join(home, "store");
  mkdirSync(store);
  const env = freshEnvironment(home);
  const { server, url, port } = await serveBak(place, store, env);
  /** @param {readonly [string, ...string[]]} args */
  const run = async (...args) => (await runMeasured(place, bakCommand(...args), { name: `bak ${args[0]}`, env })).wallS;
  /** @param {string} at */
  const restore = async (at) => {
    const target = place.makeFolder("restored");
    const seconds = await run("restore", "--server", at, "--project", "bench", "--to", target);
    await assertSameFolder(source, target, "bak");
    await rm(target, { recursive: true });
    return seconds;
  };
  return {
    url,
    port,
    push: (/** @type {string} */ at) => run("push", source, "--server", at, "--project", "bench", ...extra),
    restore,
    stop: async () => {
      await server.stop();
      await rm(home, { recursive: true });
    },
  };
}

/**
 * @param {readonly Round[]} rounds
 * @param {Setting} setting
 * @returns {import("./table.js").Table}
 */
function linkTable(rounds, { bytesPerSecond, roundTripMs }) {
  /** @param {keyof Round} key */
  const of = (key) => median(rounds.map((round) => round[key]));
  /**
   * @param {string} step
   * @param {{ local: number, slow: number, bytes: number }} figures
   */
  const row = (step, { local, slow, bytes }) => {
    const leastS = bytes / bytesPerSecond;
    const isLong = leastS > roundTripMs / 1000; // what is shorter is bound by round trips, not by the rate
    return [
      step,
      formatFigure(local, "s"),
      formatFigure(slow, "s"),
      formatBytes(bytes),
      formatFigure(leastS, "s"),
      isLong ? formatFigure(slow / leastS, "ratio") : "",
      isLong ? "" : ((slow - local) / (roundTripMs / 1000)).toFixed(1),
    ];
  };
  return {
    head: ["step", "without", "over the link", "bytes", "these at full rate", "link / full rate", "round trips more"],
    rows: [
      row("first push", { local: of("firstLocalS"), slow: of("firstS"), bytes: of("firstBytes") }),
      row("unchanged", { local: of("unchangedLocalS"), slow: of("unchangedS"), bytes: of("unchangedBytes") }),
      row("restore", { local: of("restoreLocalS"), slow: of("restoreS"), bytes: of("restoreBytes") }),
    ],
    textColumns: 1,
  };
}
