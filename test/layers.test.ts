/** Proves that the layer check refuses what it should: it is run on a small tree full of imports, most of them forbidden. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { projectFolder } from "./helpers/project.js";

const root = fileURLToPath(projectFolder);
const depcruise = join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");

const rooms = ["objects", "platform", "threads", "store", "protocol", "client", "server", "cli", "commands"];

/** Written out here a second time, and not read from the configuration, so that a slip there shows. */
const allowedRooms = new Set([
  "store > objects",
  "store > platform",
  "store > threads",
  "threads > objects",
  "protocol > objects",
  "client > protocol",
  "client > objects",
  "client > platform",
  "client > threads",
  "server > protocol",
  "server > store",
  "server > objects",
  "cli > client",
  "cli > server",
  "cli > protocol",
  "cli > store",
  "cli > objects",
  "cli > platform",
  "commands > cli",
  "commands > client",
  "commands > server",
  "commands > threads",
  "commands > objects",
  ...rooms.map((room) => `${room} > errors`),
]);

const outside = [
  "blake3-wasm",
  "@napi-rs/blake-hash",
  "tar-stream",
  "nanoid",
  "koffi",
  "ws",
  "msgpackr",
  "@oclif/core",
  "fast-check",
  "semver",
  "node:fs",
  "node:net",
  "node:http",
  "node:https",
  "node:buffer",
  "node:zlib",
];

const anyRoom = new Set(["node:fs", "node:net", "node:buffer", "node:zlib"]);
const allowedOutside = new Set([
  ...rooms.filter((room) => room !== "objects").flatMap((room) => [...anyRoom].map((name) => `${room} > ${name}`)),
  "objects > node:buffer",
  "objects > node:zlib",
  "objects > blake3-wasm",
  "objects > @napi-rs/blake-hash",
  "objects > tar-stream",
  "store > nanoid",
  "client > nanoid",
  "platform > koffi",
  "protocol > ws",
  "protocol > msgpackr",
  "cli > @oclif/core",
  "commands > @oclif/core",
  "server > node:http",
  "server > node:https",
]);

const slug = (name: string): string => name.replaceAll(/[^a-z0-9]+/g, "-");

interface Violation {
  from: string;
  rule: { name: string };
}

/** Lays a tree of files, from their paths to their contents, beside the project's packages and compiler settings. */
function plant(t: Test, files: Record<string, string>): string {
  return t.testdir({
    "package.json": readFileSync(join(root, "package.json"), "utf8"),
    "tsconfig.json": readFileSync(join(root, "tsconfig.json"), "utf8"),
    node_modules: t.fixture("symlink", join(root, "node_modules")),
    ...nested(files),
  });
}

/** Runs the check in a folder, with the project's own rules. */
function run(folder: string, outputType: "err" | "json"): { status: number | null; output: string } {
  const config = join(root, ".dependency-cruiser.cjs");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [depcruise, "src", "--config", config, "--output-type", outputType],
    { cwd: folder, encoding: "utf8", maxBuffer: 1 << 28 },
  );
  return { status, output: stdout || stderr };
}

function violationsIn(folder: string): Violation[] {
  const report = JSON.parse(run(folder, "json").output) as { summary: { violations: Violation[] } };
  return report.summary.violations;
}

type Tree = { [name: string]: Tree | string };

function nested(files: Record<string, string>): Tree {
  const tree: Tree = {};
  for (const [path, content] of Object.entries(files)) {
    const names = path.split("/");
    const last = names.pop() ?? "";
    let at = tree;
    for (const name of names) at = (at[name] ??= {}) as Tree;
    at[last] = content;
  }
  return tree;
}

const leaves = {
  "src/errors.ts": "export const thing = 1;\n",
  ...Object.fromEntries(
    rooms.map((room) => [`src/${room}/thing.ts`, 'import "../errors.js";\nexport const thing = 1;\n']),
  ),
};

/** One file for each pair of rooms, and one for each pair of a room and a package. */
function everyImport(): Map<string, { path: string; code: string }> {
  const imports = new Map<string, { path: string; code: string }>();
  for (const from of rooms) {
    for (const to of [...rooms, "errors"].filter((name) => name !== from)) {
      const target = to === "errors" ? "../errors.js" : `../${to}/thing.js`;
      imports.set(`${from} > ${to}`, { path: `src/${from}/to-${to}.ts`, code: `import "${target}";\n` });
    }
    for (const to of outside) {
      imports.set(`${from} > ${to}`, { path: `src/${from}/to-${slug(to)}.ts`, code: `import "${to}";\n` });
    }
  }
  return imports;
}

t.test("what the design allows passes", (t) => {
  const allowed = [...everyImport()].filter(([pair]) => allowedRooms.has(pair) || allowedOutside.has(pair));
  const files = Object.fromEntries(allowed.map(([, { path, code }]) => [path, code]));
  const folder = plant(t, { ...leaves, ...files });
  t.strictSame(violationsIn(folder), []);
  t.equal(run(folder, "err").status, 0);
  t.end();
});

t.test("every other import between rooms, and of packages, is refused", (t) => {
  const imports = everyImport();
  const files = Object.fromEntries([...imports.values()].map(({ path, code }) => [path, code]));
  const folder = plant(t, { ...leaves, ...files });
  const refused = new Set(violationsIn(folder).map(({ from }) => from));
  for (const [pair, { path }] of imports) {
    t.equal(refused.has(path), !allowedRooms.has(pair) && !allowedOutside.has(pair), pair);
  }
  t.end();
});

t.test("a type-only import of another room is an import, of what listens is not", (t) => {
  const folder = plant(t, {
    "src/protocol/accept.ts": 'import type { Server } from "node:http";\nexport type Accept = Server;\n',
    "src/store/thing.ts": "export type Thing = 1;\n",
    "src/client/peek.ts": 'import type { Thing } from "../store/thing.js";\nexport type Peek = Thing;\n',
  });
  t.strictSame(
    violationsIn(folder).map(({ from, rule }) => `${from} ${rule.name}`),
    ["src/client/peek.ts doors-of-client"],
  );
  t.end();
});

t.test("cycles, orphans, strays and test code are refused", (t) => {
  const folder = plant(t, {
    ...leaves,
    "src/store/one.ts": 'import "./two.js";\nexport const one = 1;\n',
    "src/store/two.ts": 'import "./one.js";\nexport const two = 2;\n',
    "src/store/alone.ts": "export const alone = 1;\n",
    "src/utils/stray.ts": 'import "../errors.js";\n',
    "src/server/cheat.ts": 'import "../../test/helpers/cheat.js";\n',
    "src/server/lost.ts": 'import "./nowhere.js";\n',
    "test/helpers/cheat.ts": "export const cheat = 1;\n",
  });
  const found = new Set(violationsIn(folder).map(({ from, rule }) => `${from} ${rule.name}`));
  t.strictSame(
    [...found].toSorted(),
    [
      "src/server/cheat.ts src-stays-in-src",
      "src/server/lost.ts no-unresolvable",
      "src/store/alone.ts no-orphan",
      "src/store/one.ts no-cycle",
      "src/utils/stray.ts no-file-outside-a-room",
    ].toSorted(),
  );
  t.end();
});

t.test("one forbidden import fails the command, and is named", (t) => {
  const folder = plant(t, { ...leaves, "src/client/peek.ts": 'import "../store/thing.js";\n' });
  const { status, output } = run(folder, "err");
  t.not(status, 0);
  t.match(output, "doors-of-client: src/client/peek.ts → src/store/thing.ts");
  t.end();
});
