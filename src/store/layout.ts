/** Where things lie in a store's folder. */
import { join } from "node:path";
import { nanoid } from "nanoid";
import { isObjectId, type ObjectId } from "../objects/object-id.js";
import type { ProjectId } from "../objects/project-id.js";

const packSuffix = ".tar.gz";
const indexSuffix = ".idx";

/** The paths of one store. */
export class Layout {
  readonly folder: string;
  readonly config: string;
  readonly lock: string;
  readonly incoming: string;
  readonly packs: string;
  readonly projects: string;

  constructor(folder: string) {
    this.folder = folder;
    this.config = join(folder, "config.json");
    this.lock = join(folder, "lock");
    this.incoming = join(folder, "incoming");
    this.packs = join(folder, "packs");
    this.projects = join(folder, "projects");
  }

  /** A file that stands for the lock where the system can't lock one. */
  ownerFile(number: number): string {
    return `${this.lock}.${number}`;
  }

  /** The folder of the packs whose ids begin with the same two digits. */
  packFolder(pack: ObjectId): string {
    return join(this.packs, pack.slice(0, 2));
  }

  pack(pack: ObjectId): string {
    return join(this.packFolder(pack), pack + packSuffix);
  }

  index(pack: ObjectId): string {
    return join(this.packFolder(pack), pack + indexSuffix);
  }

  projectFolder(project: ProjectId): string {
    return join(this.projects, project);
  }

  log(project: ProjectId): string {
    return join(this.projectFolder(project), "log");
  }

  /** A path in incoming/ that has never been used. */
  temporary(): string {
    return join(this.incoming, nanoid());
  }
}

/** Whether a name may be there in a folder before a store is made of it; a file system of its own has `lost+found`. */
export function isPreparationName(name: string): boolean {
  return /^(lock|lock\.\d+|incoming|packs|projects|lost\+found)$/.test(name);
}

/** What a file in one of the folders of packs is, by its name; undefined for a name that bak does not give. */
export function parsePackFileName(name: string): { pack: ObjectId; isIndex: boolean } | undefined {
  const isIndex = name.endsWith(indexSuffix);
  if (!isIndex && !name.endsWith(packSuffix)) return undefined;
  const pack = name.slice(0, -(isIndex ? indexSuffix : packSuffix).length);
  return isObjectId(pack) ? { pack, isIndex } : undefined;
}
