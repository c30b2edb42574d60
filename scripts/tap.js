/**
 * Runs some files of tests, with what else tap is to be told.
 *
 *     npm run tap -- test/objects/tree.test.ts
 *     npm run tap -- test/format/docs.test.ts --test-arg=--write
 */
import { spawnSync } from "node:child_process";
import { relative, resolve } from "node:path";
import { compiled, compileTests, root, tapRunner } from "./compiled-tests.js";

const args = process.argv.slice(2).map((arg) => (arg.endsWith(".ts") ? compiled(relative(root, resolve(arg))) : arg));
compileTests();
const { status } = spawnSync(process.execPath, [tapRunner, "run", ...args], { cwd: root, stdio: "inherit" });
process.exitCode = status ?? 1;
