/**
 * Compiles the tests, with what they test, to build/, where tap runs them. Tap can run TypeScript as it is, with a loader that compiles in
 * each process and each of its threads: that was a third of the time of all tests.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

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

/** Compiles, and exits with tsc's exit code where that fails. It does not check types. */
export function compileTests() {
  leaveOutPlugins();
  run([join(root, "node_modules/typescript/bin/tsc"), "-p", "test/tsconfig.build.json"]);
  for (const path of linked) {
    const link = join(root, "build", path);
    mkdirSync(dirname(link), { recursive: true });
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(root, path)), link);
  }
}

/**
 * Where a test stands when it has been compiled.
 * @param {string} path from the project's folder
 */
export const compiled = (path) => join("build", path.replace(/\.ts$/, ".js"));
