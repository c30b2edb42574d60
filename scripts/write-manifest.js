/**
 * Writes oclif.manifest.json: what each command's help says, so that bak loads the one command that it runs, not all of
 * them. The last step of `npm run build`, from what that has compiled.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Plugin } from "@oclif/core/config";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const manifestFile = join(root, "oclif.manifest.json");

/** What the commands in dist/ say of themselves, as oclif reads it. */
export async function makeManifest() {
  const plugin = new Plugin({
    root,
    type: "core",
    ignoreManifest: true,
    errorOnManifestCreate: true,
    respectNoCacheDefault: true,
  });
  await plugin.load();
  return `${JSON.stringify(plugin.manifest, undefined, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(manifestFile, await makeManifest());
