/** A process that owns a store until it is killed: `node store-owner.ts FOLDER flock|file`; it prints a line once it does. */
import { nodeDisk } from "../../src/store/disk.js";
import { Layout } from "../../src/store/layout.js";
import { lockByOwnerFile } from "../../src/store/owner-file.js";
import { openStore } from "../../src/store/open-store.js";

const [folder = "", how = ""] = process.argv.slice(2);
try {
  if (how === "file") await lockByOwnerFile(nodeDisk, new Layout(folder));
  else await openStore(folder, { create: true });
  console.log("owner");
} catch (error) {
  console.log((error as { code?: string }).code ?? String(error));
}
setInterval(() => undefined, 1 << 30);
