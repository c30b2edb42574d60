#!/usr/bin/env node
/** Starts bak: finds the command in dist/ and runs it. An error is printed as a message; its stack only if DEBUG asks. */
import { existsSync } from "node:fs";
import { keepCompiled } from "./compile-cache.js";

keepCompiled();
const bundle = new URL("../dist/bundle/oclif.js", import.meta.url);

if (!existsSync(bundle)) {
  console.error("bak: not built yet: run 'npm ci' in the folder of package.json first");
  process.exitCode = 1;
} else {
  if (process.env["DEBUG"]) process.setSourceMapsEnabled(true); // a stack then names what is in src/
  const { execute, settings, tendStandardStreams } = await import(bundle.href);
  tendStandardStreams();
  // NODE_ENV=test or development would make oclif look for src/ and a TypeScript loader.
  settings.enableAutoTranspile = false;
  // oclif asks the system for the user's shell, which throws for a user without a name, as in a container.
  if (process.platform !== "win32") process.env["SHELL"] ??= "/bin/sh";
  settings.debug = Boolean(process.env["DEBUG"]);
  await execute({ dir: import.meta.url });
}
