/**
 * Adds to package-lock.json the optional packages of other platforms that the registry in reach did not have when it was
 * written: npm leaves those out, and `npm ci` then refuses the whole file. Run it after every `npm install`.
 *
 * An entry added here has no integrity, which only the platform that it is for could tell.
 */
import { readFileSync, writeFileSync } from "node:fs";

/** @typedef {{ version?: string, dev?: boolean, optionalDependencies?: Record<string, string>, [key: string]: unknown }} Entry */

const path = new URL("../package-lock.json", import.meta.url);
const systems = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const processors = ["arm64", "arm", "ia32", "loong64", "ppc64", "riscv64", "s390x", "wasm32", "x64"];

/**
 * What a name like `@oxlint/binding-linux-arm64-musl` says of its platform.
 * @param {string} name
 */
function platformOf(name) {
  const words = name.split(/[-/]/);
  const os = systems.find((system) => words.includes(system));
  const cpu = processors.find((processor) => words.includes(processor));
  if (os === undefined || cpu === undefined) throw new Error(`can't tell the platform of '${name}'`);
  if (os !== "linux") return { os: [os], cpu: [cpu] };
  return { os: [os], cpu: [cpu], libc: [name.includes("musl") ? "musl" : "glibc"] };
}

/** @type {{ packages: Record<string, Entry> }} */
const lock = JSON.parse(readFileSync(path, "utf8"));

for (const [parentPath, parent] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(parent.optionalDependencies ?? {})) {
    const known = [`node_modules/${name}`, `${parentPath}/node_modules/${name}`].some(
      (place) => place in lock.packages,
    );
    if (known) continue;
    console.log(`adding ${name} ${range}`);
    lock.packages[`node_modules/${name}`] = {
      version: range.replace(/^[\^~]/, ""),
      ...platformOf(name),
      ...(parent.dev ? { dev: true } : {}),
      optional: true,
    };
  }
}

const sorted = Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, "en"));
lock.packages = Object.fromEntries(sorted);
writeFileSync(path, `${JSON.stringify(lock, undefined, 2)}\n`);
