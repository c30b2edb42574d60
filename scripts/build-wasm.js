/** Makes a WebAssembly module in dist/ of each file in assembly/. */
import { existsSync, readdirSync } from "node:fs";

/** Named here, and not in the import: its types declare globals that differ from JavaScript's, for all of the project. */
const compiler = "assemblyscript/asc";
const options = ["--optimizeLevel", "3", "--converge", "--noAssert", "--runtime", "stub"];

/** @typedef {{ main: (args: string[], io: { stderr: NodeJS.WriteStream }) => Promise<{ error: Error | null }> }} Compiler */

const { main } = /** @type {Compiler} */ (await import(compiler));
for (const file of readdirSync("assembly").filter((name) => name.endsWith(".ts"))) {
  const outFile = `dist/${file.replace(/\.ts$/, ".wasm")}`;
  const { error } = await main([`assembly/${file}`, "--outFile", outFile, ...options], { stderr: process.stderr });
  if (error !== null || !existsSync(outFile)) process.exitCode = 1;
}
