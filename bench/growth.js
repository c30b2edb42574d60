/** How cost grows: with the number of files, with their bytes, and with the objects that a store holds. */
import { writeFileSync } from "node:fs";
import { BenchError } from "./bench-error.js";
import { namesIn, readCommandLine } from "./command-line.js";
import { writeBlock } from "./document.js";
import { describeMachine, describeRuns } from "./environment.js";
import { growWithBytes, growWithFiles } from "./growth-data.js";
import { growWithObjects } from "./growth-objects.js";
import { describeMethod } from "./measured-run.js";
import { formatTable } from "./table.js";
import { answer } from "./talk.js";
import { bakVersion } from "./tools/bak.js";

const rows = /** @type {const} */ ({
  "files-10k": { kind: "files", amount: 10_000 },
  "files-100k": { kind: "files", amount: 100_000 },
  "files-1m": { kind: "files", amount: 1_000_000 },
  "bytes-1g": { kind: "bytes", amount: 1e9 },
  "bytes-4g": { kind: "bytes", amount: 4e9 },
  "bytes-16g": { kind: "bytes", amount: 16e9 },
  "objects-1m": { kind: "objects", amount: 1_000_000 },
  "objects-10m": { kind: "objects", amount: 10_000_000 },
});

/** @typedef {keyof typeof rows} RowName */

const rowNames = /** @type {RowName[]} */ (Object.keys(rows));

const growthHelp = `npm run bench -- growth [OPTIONS]      how cost grows

  --only ROWS   of ${rowNames.slice(0, 3).join(", ")},
                ${rowNames.slice(3, 6).join(", ")}, ${rowNames.slice(6).join(", ")} (default: all)
  --scale N     makes each N times as large (default 1)
  --runs N      rounds, of which the medians are shown (default 1)
  --json FILE   writes every figure
  --write       puts the tables into docs/performance.md; it takes all rows of a table
  --work DIR    where all of it is done (default: the folder for temporary files; 16 GB of data take 45 GB)`;

/**
 * What a table is measured with.
 * @typedef {object} Growing
 * @property {import("./workplace.js").Workplace} place
 * @property {readonly number[]} amounts of files, bytes or objects: one or more rows each
 * @property {number} runs
 */

/** @typedef {{ table: import("./table.js").Table, measured: unknown }} Grown */

/** @type {Readonly<Record<"files" | "bytes" | "objects", (growing: Growing) => Promise<Grown>>>} */
const kinds = { files: growWithFiles, bytes: growWithBytes, objects: growWithObjects };

/**
 * @param {readonly string[]} args
 * @param {import("./main.js").OpenWorkplace} openWorkplace
 */
export async function growth(args, openWorkplace) {
  const { shared, own } = readCommandLine(args, { only: { type: "string" } }, { runs: 1 });
  if (shared.help) return answer(growthHelp);
  const chosen = namesIn("only", own.only ?? rowNames.join(), rowNames);
  if (shared.write) assertWholeTables(chosen);
  const place = openWorkplace(shared.work);
  const how = `bak ${bakVersion()} on Node ${process.versions.node}; ${describeMachine()}; ${describeMethod()}`;
  /** @type {Record<string, unknown>} */
  const results = {};
  for (const [kind, grow] of Object.entries(kinds)) {
    const amounts = chosen.filter((name) => rows[name].kind === kind).map((name) => rows[name].amount * shared.scale);
    if (amounts.length === 0) continue;
    const { table, measured } = await grow({ place, amounts, runs: shared.runs });
    const text = `${describeRuns(shared.runs)}. ${how}.\n\n${formatTable(table)}`;
    answer(`${kind}: ${text}\n`);
    if (shared.write) writeBlock(`growth-${kind}`, text);
    results[kind] = measured;
  }
  if (shared.json !== undefined) writeFileSync(shared.json, `${JSON.stringify({ how, results }, undefined, 2)}\n`);
}

/** @param {readonly RowName[]} chosen */
function assertWholeTables(chosen) {
  const isChosen = (/** @type {RowName} */ name) => chosen.includes(name);
  for (const kind of Object.keys(kinds)) {
    const names = rowNames.filter((name) => rows[name].kind === kind);
    if (!names.some(isChosen) || names.every(isChosen)) continue;
    throw new BenchError(`--write takes all rows of '${kind}'`, { hint: `--only ${names.join()}`, exitCode: 2 });
  }
}
