/** Export: a commit, or some of its paths, as a tar. */
import { unreachable } from "../errors.js";
import { joinPath, type ByteString } from "../objects/byte-string.js";
import type { Commit, OwnerName } from "../objects/commit.js";
import type { Attributes, Entry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import type { ByteSink } from "./byte-sink.js";
import { readContents, type Turn } from "./read-contents.js";
import type { ObjectSource } from "./steady-remote.js";
import {
  encodeTarHeader,
  tarBlockBytes,
  tarPadding,
  tarRecordBytes,
  type TarKind,
  type TarMember,
} from "./tar-header.js";
import { TreeSource } from "./tree-source.js";
import { walkEntries } from "./walk-entries.js";

export type ExportEvent =
  /** A tar has no sockets. */
  | { readonly type: "skipped"; readonly path: ByteString }
  /** A file whose content is damaged or missing in the store; it is not in the tar. */
  | { readonly type: "lost"; readonly path: ByteString }
  /** The same, found out after the beginning of the file had been written: so many bytes of it are zeros. */
  | { readonly type: "zeroed"; readonly path: ByteString; readonly sizeBytes: number };

/** How far an export is. */
export interface ExportProgress {
  files: number;
  bytes: number;
}

export interface ExportOptions {
  /** Paths within the commit; all of it if there are none. */
  readonly paths: readonly ByteString[];
  readonly onEvent: (event: ExportEvent) => void;
  readonly progress: ExportProgress;
  readonly signal?: AbortSignal | undefined;
  /** How much content is asked for at a time. */
  readonly windowBytes?: number;
}

export interface ExportResult {
  /** Names that are no folders. */
  readonly files: number;
  readonly dirs: number;
  /** Of their content. */
  readonly bytes: number;
  readonly skipped: number;
  readonly failed: number;
}

/** A member that is to come, and its entry; the folder that all are in has none. */
interface Planned {
  readonly path: ByteString;
  readonly entry: Entry | undefined;
  readonly attributes: Attributes;
}

/** The same where it is known of a further name of a file what the first one is. */
interface Member extends Planned {
  readonly target: ByteString | undefined;
}

/** Writes the tar. Rejects with NO_PATH, before anything is written, for a path that the commit lacks. */
export async function exportCommit(
  remote: ObjectSource,
  commit: { readonly id: ObjectId; readonly content: Commit },
  { sink, ...options }: ExportOptions & { readonly sink: ByteSink },
): Promise<ExportResult> {
  const trees = new TreeSource(remote);
  const found: { path: ByteString; entries: Entry[] }[] = [];
  for (const path of options.paths) found.push({ path, entries: await trees.fetchPath(commit.content, path) });
  const planned = options.paths.length === 0 ? everything(trees, commit) : beneathPaths(trees, withoutNested(found));
  const writing = new TarWriting(commit.content, { sink, ...options });
  for await (const event of readContents(remote, writing.turns(planned), options)) {
    options.signal?.throwIfAborted();
    switch (event.type) {
      case "item":
        await writing.begin(event.item, event.isLost);
        break;
      case "bytes":
        await writing.add(event.bytes);
        break;
      case "lost":
        await writing.addLost(event.sizeBytes);
        break;
      default:
        unreachable(event);
    }
  }
  return writing.finish();
}

async function* everything(
  trees: TreeSource,
  { id, content }: { id: ObjectId; content: Commit },
): AsyncGenerator<Planned, void, undefined> {
  await trees.fetchAll(id, content.tree);
  yield { path: "" as ByteString, entry: undefined, attributes: content.root };
  for await (const { path, entry } of walkEntries(trees, content.tree, "" as ByteString))
    yield { path, entry, attributes: entry };
}

/** What lies beneath some paths, and the folders on the way there, each once: it keeps its place. */
async function* beneathPaths(
  trees: TreeSource,
  found: readonly { path: ByteString; entries: readonly Entry[] }[],
): AsyncGenerator<Planned, void, undefined> {
  const told = new Set<ByteString>();
  for (const { path, entries } of found) {
    let at = "" as ByteString;
    for (const entry of entries) {
      at = joinPath(at, entry.name);
      if (told.has(at)) continue;
      told.add(at);
      yield { path: at, entry, attributes: entry };
    }
    const last = entries.at(-1);
    if (last?.kind !== "dir") continue;
    await trees.fetchAll(last.tree);
    for await (const { path: its, entry } of walkEntries(trees, last.tree, path))
      yield { path: its, entry, attributes: entry };
  }
}

/** Drops what lies beneath another of them, and repetitions. */
function withoutNested<T extends { readonly path: ByteString }>(found: readonly T[]): T[] {
  const unique = new Map(found.map((each) => [each.path, each]));
  const isNested = ({ path }: T): boolean => {
    for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1))
      if (unique.has(path.slice(0, slash) as ByteString)) return true;
    return false;
  };
  return [...unique.values()].filter((each) => !isNested(each));
}

const zeros = Buffer.alloc(1 << 16);

class TarWriting {
  readonly #options: ExportOptions & { readonly sink: ByteSink };
  readonly #users: ReadonlyMap<number, ByteString>;
  readonly #groups: ReadonlyMap<number, ByteString>;
  /** The first name of each file that has several. */
  readonly #firstNames = new Map<number, ByteString>();
  /** Those of them that are not in the tar. */
  readonly #lostGroups = new Set<number>();
  readonly #result = { files: 0, dirs: 0, bytes: 0, skipped: 0, failed: 0 };
  /** The file whose content is being written. */
  #current: { readonly path: ByteString; readonly sizeBytes: number; lostBytes: number } | undefined;
  #written = 0;

  constructor({ users, groups }: Commit, options: ExportOptions & { readonly sink: ByteSink }) {
    this.#options = options;
    this.#users = namesById(users);
    this.#groups = namesById(groups);
  }

  /** What is to be read for each member: of a file with several names, the content for the first. */
  async *turns(planned: AsyncIterable<Planned>): AsyncGenerator<Turn<Member>, void, undefined> {
    for await (const { path, entry, attributes } of planned) {
      const group = entry?.hardLinkGroup;
      const target = group === undefined ? undefined : this.#firstNames.get(group);
      if (group !== undefined && target === undefined) this.#firstNames.set(group, path);
      const item = { path, entry, attributes, target };
      if (entry?.kind === "file" && target === undefined) yield { item, content: entry.content, size: entry.size };
      else yield { item, content: undefined, size: 0 };
    }
  }

  async begin({ path, entry, attributes, target }: Member, isLost: boolean): Promise<void> {
    await this.#endContent();
    if (entry === undefined || entry.kind === "dir") {
      if (entry !== undefined) this.#result.dirs += 1;
      return this.#write(encodeTarHeader(this.#memberOf("dir", path, attributes)));
    }
    if (entry.kind === "socket") {
      this.#result.skipped += 1;
      this.#options.onEvent({ type: "skipped", path });
      return undefined;
    }
    const group = entry.hardLinkGroup;
    if (isLost || (group !== undefined && this.#lostGroups.has(group))) {
      if (group !== undefined) this.#lostGroups.add(group);
      this.#result.failed += 1;
      return this.#options.onEvent({ type: "lost", path });
    }
    this.#result.files += 1;
    this.#options.progress.files += 1;
    if (target !== undefined) return this.#write(encodeTarHeader({ ...this.#memberOf("link", path, entry), target }));
    const member = this.#memberOf(entry.kind, path, entry);
    switch (entry.kind) {
      case "file":
        this.#current = { path, sizeBytes: entry.size, lostBytes: 0 };
        return this.#write(encodeTarHeader({ ...member, sizeBytes: entry.size }));
      case "symlink":
        return this.#write(encodeTarHeader({ ...member, target: entry.target }));
      case "char":
      case "block":
        return this.#write(encodeTarHeader({ ...member, device: entry }));
      case "fifo":
        return this.#write(encodeTarHeader(member));
      default:
        return unreachable(entry.kind);
    }
  }

  async add(bytes: Uint8Array): Promise<void> {
    this.#result.bytes += bytes.length;
    this.#options.progress.bytes += bytes.length;
    await this.#write(bytes);
  }

  async addLost(sizeBytes: number): Promise<void> {
    if (this.#current !== undefined) this.#current.lostBytes += sizeBytes;
    await this.#writeZeros(sizeBytes);
  }

  async finish(): Promise<ExportResult> {
    await this.#endContent();
    const end = this.#written + 2 * tarBlockBytes;
    await this.#writeZeros(2 * tarBlockBytes + ((tarRecordBytes - (end % tarRecordBytes)) % tarRecordBytes));
    return this.#result;
  }

  async #endContent(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    if (current === undefined) return;
    if (current.lostBytes > 0) {
      this.#result.failed += 1;
      this.#options.onEvent({ type: "zeroed", path: current.path, sizeBytes: current.lostBytes });
    }
    await this.#writeZeros(tarPadding(current.sizeBytes));
  }

  #memberOf(kind: TarKind, path: ByteString, attributes: Attributes): TarMember {
    const nameOf = (names: ReadonlyMap<number, ByteString>, id: number): ByteString => names.get(id) ?? noName;
    return {
      kind,
      path,
      attributes,
      user: nameOf(this.#users, attributes.uid),
      group: nameOf(this.#groups, attributes.gid),
      sizeBytes: 0,
      target: noName,
    };
  }

  async #writeZeros(count: number): Promise<void> {
    for (let left = count; left > 0; left -= zeros.length) await this.#write(zeros.subarray(0, left));
  }

  #write(bytes: Uint8Array): Promise<void> | undefined {
    this.#written += bytes.length;
    return this.#options.sink.write(bytes);
  }
}

const noName = "" as ByteString;

function namesById(owners: readonly OwnerName[]): ReadonlyMap<number, ByteString> {
  return new Map(owners.map(({ id, name }) => [id, name]));
}
