/** oclif.manifest.json, which the build writes, says what the commands say. */
import { readFileSync } from "node:fs";
import t from "tap";
import { commandsFile, makeCommands } from "../../scripts/write-commands.js";
import { makeManifest, manifestFile } from "../../scripts/write-manifest.js";

t.test("the manifest is that of the commands as they are built", async (t) => {
  const written = readFileSync(manifestFile, "utf8");
  t.strictSame(JSON.parse(written), JSON.parse(await makeManifest()), "after a change of a command: npm run build");
  const { files } = JSON.parse(readFileSync("package.json", "utf8")) as { files: string[] };
  t.ok(files.includes("oclif.manifest.json"), "and it is published");
});

t.test("docs/commands.md is that of the commands as they are built", async (t) => {
  t.equal(readFileSync(commandsFile, "utf8"), await makeCommands(), "after a change of a command: npm run commands");
});
