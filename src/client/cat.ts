/** The contents of single files, one after the other. */
import { BakError } from "../errors.js";
import { displayName, type ByteString } from "../objects/byte-string.js";
import type { Commit } from "../objects/commit.js";
import type { Entry, FileEntry } from "../objects/entry.js";
import type { ByteSink } from "./byte-sink.js";
import { readContents, type ReadContentsOptions, type Turn } from "./read-contents.js";
import type { ObjectSource } from "./steady-remote.js";
import { TreeSource } from "./tree-source.js";

/** A file of a commit. */
export interface FoundFile {
  readonly path: ByteString;
  readonly entry: FileEntry;
}

/** The file at a path of a commit. Rejects with NO_PATH where there is nothing, or something else. */
export async function findFile(remote: ObjectSource, commit: Commit, path: ByteString): Promise<FoundFile> {
  const last = (await new TreeSource(remote).fetchPath(commit, path)).at(-1);
  if (last?.kind === "file") return { path, entry: last };
  const name = path === "" ? "the root of the commit" : `'${displayName(path)}'`;
  throw new BakError("NO_PATH", `${name} is no file, but ${nounOf(last?.kind ?? "dir")}`, {
    hint: last === undefined || last.kind === "dir" ? "'bak export' writes folders, as a tar" : undefined,
  });
}

/**
 * Writes the files, one after the other. Rejects with NO_OBJECT at the first bytes that are damaged or missing in the store: those before them
 * are right, and written.
 */
export async function catFiles(
  remote: ObjectSource,
  files: readonly FoundFile[],
  { sink, ...options }: ReadContentsOptions & { readonly sink: ByteSink },
): Promise<void> {
  let current: FoundFile | undefined;
  for await (const event of readContents(remote, turnsOf(files), options)) {
    if (event.type === "item") current = event.item;
    if (event.type === "bytes") await sink.write(event.bytes);
    else if (event.type === "lost" || event.isLost) {
      const name = displayName(current?.path ?? ("" as ByteString));
      throw new BakError("NO_OBJECT", `cannot read '${name}': its content is damaged or missing in the store`, {
        hint: "'bak check' says what else is; an earlier commit may have the file whole",
      });
    }
  }
}

async function* turnsOf(files: readonly FoundFile[]): AsyncGenerator<Turn<FoundFile>, void, undefined> {
  for (const file of files) yield { item: file, content: file.entry.content, size: file.entry.size };
}

const nouns: Readonly<Record<Exclude<Entry["kind"], "file">, string>> = {
  dir: "a folder",
  symlink: "a symlink",
  fifo: "a fifo",
  socket: "a socket",
  char: "a device",
  block: "a device",
};

function nounOf(kind: Entry["kind"]): string {
  return kind === "file" ? "a file" : nouns[kind];
}
