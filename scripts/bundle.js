/**
 * Gathers what `npm run build` has compiled, and the packages that it uses, into a few files in dist/bundle, which is what
 * bak runs: to find and load some two hundred modules one by one took more than half of the time of a short command.
 *
 * What only some commands need stays in files of its own. All lie in one folder, so that a thread is found beside whatever
 * file its starter has come to; for oclif, which finds a command by its path, there is a folder of files that name them.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const bundle = join(dist, "bundle");
/** Packages that find files of their own beside themselves, and what others try for and do without. */
const external = [
  "@napi-rs/blake-hash",
  "blake3-wasm",
  "bufferutil",
  "koffi",
  "msgpackr-extract",
  "ts-node",
  "typescript",
  "utf-8-validate",
];

/** @param {string} folder */
const modulesIn = (folder) =>
  readdirSync(join(dist, folder), { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".js"));
/** @param {string} path of a command's module */
const bundledName = (path) => `command-${path.replaceAll(/[/\\]/g, "-").replace(/\.js$/, "")}`;

const commands = modulesIn("commands");
const threads = ["client", "store"].flatMap((room) =>
  modulesIn(room)
    .filter((path) => /-(thread|worker)\.js$/.test(path))
    .map((path) => [path.replace(/\.js$/, ""), join(dist, room, path)]),
);

rmSync(bundle, { recursive: true, force: true });
await build({
  entryPoints: Object.fromEntries([
    ["oclif", join(dist, "cli/oclif.js")],
    ["command-not-found", join(dist, "cli/command-not-found.js")],
    ["help", join(dist, "cli/help.js")],
    ...threads,
    ...commands.map((path) => [bundledName(path), join(dist, "commands", path)]),
  ]),
  outdir: bundle,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  chunkNames: "[name]-[hash]",
  external,
  // packages that are not modules ask for Node's own with `require`
  banner: { js: 'import { createRequire as bundled } from "node:module"; const require = bundled(import.meta.url);' },
  sourcemap: "linked",
  sourcesContent: false,
  logLevel: "warning",
});

for (const path of commands) {
  const file = join(bundle, "commands", path);
  mkdirSync(dirname(file), { recursive: true });
  const up = "../".repeat(path.split(/[/\\]/).length);
  writeFileSync(file, `export { default } from "${up}${bundledName(path)}.js";\n`);
}
