/**
 * The bench: what bak costs, measured.
 *
 *     npm run bench                 bak and its peers do the same work on the same files
 *     npm run bench -- link         a push over a slow link
 *     npm run bench -- crowd        a push to a server that others keep busy
 *     npm run bench -- growth       how cost grows with files, bytes, and a store's objects
 *     npm run bench -- micro        the parts of bak, one by one
 *
 * Each takes --help. Tables go to stdout, all else to stderr; the exit code is 0 if every step was done, 2 for wrong usage.
 */
import { BenchError } from "./bench-error.js";
import { compare } from "./compare.js";
import { crowd } from "./crowd.js";
import { growth } from "./growth.js";
import { link } from "./link.js";
import { micro } from "./micro.js";
import { say } from "./talk.js";
import { Workplace } from "./workplace.js";

/** @typedef {(parent: string) => Workplace} OpenWorkplace makes the folder that a part works in */

/** @type {Readonly<Record<string, (args: readonly string[], open: OpenWorkplace) => Promise<void>>>} */
const parts = { compare, link, crowd, growth, micro };

const signals = /** @type {const} */ ({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 });

/** @param {readonly string[]} argv */
async function main(argv) {
  const { run, args } = choosePart(argv);
  /** @type {Workplace | undefined} */
  let place;
  for (const [signal, number] of Object.entries(signals)) {
    process.once(signal, () => {
      say("bench: interrupted, cleaning up");
      place?.closeNow(); // at once, so that nothing of what is under way goes on in between
      process.exit(128 + number);
    });
  }
  process.once("exit", () => place?.kill());
  try {
    await run(args, (parent) => (place = new Workplace(parent)));
  } finally {
    place?.closeNow();
  }
}

/** @param {readonly string[]} argv */
function choosePart(argv) {
  const [name = "", ...rest] = argv;
  if (name === "" || name.startsWith("-")) return { run: compare, args: argv };
  const run = parts[name];
  if (run !== undefined) return { run, args: rest };
  throw new BenchError(`no part '${name}' of the bench`, {
    hint: `there are ${Object.keys(parts).join(", ")}`,
    exitCode: 2,
  });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = 1;
  if (!(error instanceof BenchError)) throw error;
  process.exitCode = error.exitCode;
  say(`bench: ${error.message}`);
  if (error.hint !== undefined) say(`     ${error.hint}`);
}
