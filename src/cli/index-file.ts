/** Where the client's index of a project is kept: one file for each store and project, in bak's cache folder. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ProjectId } from "../objects/project-id.js";

/** The store goes by its address here, since its id is not known before the first hello. */
export function pushIndexFile(cacheDir: string, server: string, project: ProjectId): string {
  const name = createHash("sha256").update(server).digest("hex").slice(0, 16);
  return join(cacheDir, "index", name, project);
}
