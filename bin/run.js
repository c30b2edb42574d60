#!/usr/bin/env node
/** Starts bak: finds the command in dist/ and runs it. An error is printed as a message; its stack only if DEBUG asks. */
import { existsSync } from "node:fs";
import { keepCompiled } from "./compile-cache.js";

keepCompiled();
const load = () => Promise.all([import("@oclif/core/execute"), import("@oclif/core/settings")]);
const oclif = await load().catch((error) => {
  if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
  return undefined;
});

if (oclif === undefined || !existsSync(new URL("../dist/commands", import.meta.url))) {
  console.error("bak: not built yet: run 'npm ci' in the folder of package.json first");
  process.exitCode = 1;
} else {
  const [{ execute }, { settings }] = oclif;
  // NODE_ENV=test or development would make oclif look for src/ and a TypeScript loader.
  settings.enableAutoTranspile = false;
  // oclif asks the system for the user's shell, which throws for a user without a name, as in a container.
  if (process.platform !== "win32") process.env["SHELL"] ??= "/bin/sh";
  settings.debug = Boolean(process.env["DEBUG"]);
  await execute({ dir: import.meta.url });
}
