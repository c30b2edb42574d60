/** Where things lie in a store's folder. */
import { join } from "node:path";
import { nanoid } from "nanoid";
import { isObjectId, type ObjectId } from "../objects/object-id.js";
import { packCodecs, type PackCodec } from "../objects/pack-format.js";
import type { ProjectId } from "../objects/project-id.js";
import type { LockPlace } from "./store-lock.js";

const packSuffixes: Readonly<Record<PackCodec, string>> = { gzip: ".tar.gz", zstd: ".tar.zst" };
const indexSuffix = ".idx";

/** The paths of one store. */
export class Layout {
  readonly folder: string;
  readonly config: string;
  readonly lock: string;
  readonly incoming: string;
  readonly packs: string;
  readonly projects: string;
  /** What takes up space, to be deleted where there is no other. */
  readonly ballast: string;
  /** What was damaged and has been set aside, and which heads lack something since. */
  readonly damaged: string;
  readonly incompleteHeads: string;
  /** When each pack was last read as a whole. */
  readonly verified: string;
  /** Who may speak with the store, when each did last, and what is locked while that is changed. */
  readonly tokens: string;
  readonly tokenUses: string;
  readonly tokensLock: LockPlace;
  /** The packs whose files are named otherwise than most. */
  readonly #zstdPacks = new Set<ObjectId>();

  constructor(folder: string) {
    this.folder = folder;
    this.config = join(folder, "config.json");
    this.lock = join(folder, "lock");
    this.incoming = join(folder, "incoming");
    this.packs = join(folder, "packs");
    this.projects = join(folder, "projects");
    this.ballast = join(folder, "ballast");
    this.damaged = join(folder, "damaged");
    this.incompleteHeads = join(this.damaged, "heads");
    this.verified = join(folder, "verified");
    this.tokens = join(folder, "tokens.json");
    this.tokenUses = join(folder, "token-uses.json");
    const lock = join(folder, "tokens.lock");
    const temporary = (): string => this.temporary();
    this.tokensLock = { folder, lock, ownerFile: (number) => `${lock}.${number}`, temporary };
  }

  /** A file that stands for the lock where the system can't lock one. */
  ownerFile(number: number): string {
    return `${this.lock}.${number}`;
  }

  /** The folder of the packs whose ids begin with the same two digits. */
  packFolder(pack: ObjectId): string {
    return join(this.packs, pack.slice(0, 2));
  }

  /** Says what the members of a pack are, which its file's name depends on. A pack of which nothing is said is of gzip. */
  setCodec(pack: ObjectId, codec: PackCodec): void {
    if (codec === "zstd") this.#zstdPacks.add(pack);
    else this.#zstdPacks.delete(pack);
  }

  /** What the members of a pack are. */
  codec(pack: ObjectId): PackCodec {
    return this.#zstdPacks.has(pack) ? "zstd" : "gzip";
  }

  pack(pack: ObjectId): string {
    return join(this.packFolder(pack), pack + packSuffixes[this.codec(pack)]);
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

  /** The commits that were taken out of a project's log, and may be brought back. */
  forgotten(project: ProjectId): string {
    return join(this.projectFolder(project), "forgotten");
  }

  /** A path in incoming/ that has never been used. */
  temporary(): string {
    return join(this.incoming, nanoid());
  }
}

/** Whether a name may be there in a folder before a store is made of it; a file system of its own has `lost+found`. */
export function isPreparationName(name: string): boolean {
  return /^(ballast|lock|lock\.\d+|incoming|packs|projects|lost\+found)$/.test(name);
}

/** A file in one of the folders of packs: a pack, or the index of one. */
export type PackFile =
  | { readonly pack: ObjectId; readonly isIndex: false; readonly codec: PackCodec }
  | { readonly pack: ObjectId; readonly isIndex: true };

/** What a file in one of the folders of packs is, by its name; undefined for a name that bak does not give. */
export function parsePackFileName(name: string): PackFile | undefined {
  const dot = name.indexOf(".");
  const pack = name.slice(0, dot);
  if (dot < 0 || !isObjectId(pack)) return undefined;
  const suffix = name.slice(dot);
  if (suffix === indexSuffix) return { pack, isIndex: true };
  const codec = packCodecs.find((each) => packSuffixes[each] === suffix);
  return codec && { pack, isIndex: false, codec };
}
