/**
 * Compiles the tests, with what they test, to build/, where tap runs them. Tap can run TypeScript as it is, with a loader that compiles in
 * each process and each of its threads: that was a third of the time of all tests.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const tapRunner = join(root, "node_modules/tap/dist/esm/run.mjs");

/** What tests reach by a path from their own, and nobody compiles. */
const linked = ["bench", "bin", "dist", "docs", "package.json", "scripts", "test/fixtures"];

/**
 * Tap is made of plugins, and comes with one for TypeScript built in. Takes out what package.json says that we do without, unless that
 * has been done: a run would do it, too, but only for the next.
 */
function leaveOutPlugins() {
  const { tap } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const built = readFileSync(join(root, "node_modules/@tapjs/test/test-built/dist/esm/index.js"), "utf8");
  const left = tap.plugin.filter(
    (/** @type {string} */ name) => name.startsWith("!") && built.includes(`"${name.slice(1)}"`),
  );
  if (left.length > 0) run([tapRunner, "build"]);
}

/** @param {string[]} args */
function run(args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

const target = { format: /** @type {const} */ ("esm"), platform: /** @type {const} */ ("node"), target: "node20.19" };

/**
 * Makes one file of tap for the compiled tests, which find it before the package: its 249 files would be loaded by each. What lies in
 * @tapjs is left out of stacks.
 */
function gatherTap() {
  const folder = join(root, "build/node_modules/@tapjs/tap");
  buildSync({
    ...target,
    entryPoints: [fileURLToPath(import.meta.resolve("tap"))],
    outfile: join(folder, "index.js"),
    bundle: true,
    banner: { js: 'import { createRequire as bundled } from "node:module"; const require = bundled(import.meta.url);' },
    logLevel: "warning",
  });
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "exports": "./index.js" }');
  link(join(root, "build/node_modules/tap"), folder);
}

/** @type {(path: string, to: string) => void} */
function link(path, to) {
  mkdirSync(dirname(path), { recursive: true });
  if (!existsSync(path)) symlinkSync(relative(dirname(path), to), path);
}

/** Compiles; esbuild says what it can't read, and that is thrown. Types are not checked. */
export function compileTests() {
  leaveOutPlugins();
  gatherTap();
  buildSync({
    ...target,
    absWorkingDir: root,
    entryPoints: ["src", "test"].flatMap(sources),
    outdir: "build",
    outbase: ".",
    sourcemap: true,
    sourcesContent: false,
    logLevel: "warning",
  });
  for (const path of linked) link(join(root, "build", path), join(root, path));
}

/** @param {string} folder */
const sources = (folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join(folder, path));

/**
 * Where a test stands when it has been compiled.
 * @param {string} path from the project's folder
 */
export const compiled = (path) => join("build", path.replace(/\.ts$/, ".js"));
