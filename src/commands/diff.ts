import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { parseCommitAndPath, type CommitPath } from "../cli/commit-path.js";
import { formatBytes, formatCount } from "../cli/format.js";
import { LossTalk, type Loss } from "../cli/loss-talk.js";
import { withOutput } from "../cli/output.js";
import { StoreCommand } from "../cli/store-command.js";
import { diffTrees, type DiffSide, type TreeChange } from "../client/diff-trees.js";
import { findCommit, readCommit } from "../client/history.js";
import type { Remote } from "../client/remote.js";
import { TreeCache } from "../client/tree-cache.js";
import { TreeSource } from "../client/tree-source.js";
import { BakError } from "../errors.js";
import { displayName, joinPath, splitPath, type ByteString } from "../objects/byte-string.js";
import type { Entry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";

interface Difference {
  from: string;
  to: string;
  added: number;
  removed: number;
  changed: number;
  /** What is in the second commit and not in the first, and the other way round: sizes of files. */
  addedBytes: number;
  removedBytes: number;
  lost: readonly Loss[];
}

const marks = { added: "+", removed: "-", changed: "M", kind: "T", metadata: "U" } as const;

export default class Diff extends StoreCommand {
  static override summary = "Say what differs between two commits.";
  static override description =
    "A line for each name: + added, - removed, M with other content, T of another kind, and with --metadata U with another mode, owner, time or attribute. With one commit, what has changed from it to the latest; with none, what the latest has changed. COMMIT:FOLDER compares folders. Only what differs is fetched. A folder of which the store has lost something is named, what is certain of it is listed, and bak exits with 3. With --json, a line of JSON for each, and one with the sums.";
  static override examples = [
    { description: "What the last push changed", command: "<%= config.bin %> <%= command.id %>" },
    {
      description: "What has changed since November",
      command: "<%= config.bin %> <%= command.id %> @2026-11-01",
    },
    {
      description: "One folder, between two commits",
      command: "<%= config.bin %> <%= command.id %> head~7:photos head:photos",
    },
  ];
  static override args = {
    from: Args.string({
      description: "a commit, or COMMIT:FOLDER",
      default: "head~1",
      noCacheDefault: true,
      ignoreStdin: true,
    }),
    to: Args.string({ description: "another", default: "head", noCacheDefault: true, ignoreStdin: true }),
  };
  static override flags = {
    metadata: Flags.boolean({ summary: "List what has another mode, owner, time or attribute, too." }),
  };

  async run(): Promise<Difference> {
    const { args, flags } = await this.parse(Diff);
    const [from, to] = [parseCommitAndPath(args.from, "commit"), parseCommitAndPath(args.to, "commit")];
    const { signal } = this;
    return this.withRemote(flags, async (remote) => {
      const [before, after] = [await findFolder(remote, from), await findFolder(remote, to)];
      const sums = { added: 0, removed: 0, changed: 0, addedBytes: 0, removedBytes: 0 };
      const lost = new LossTalk((text) => this.complain(text));
      const trees = new TreeCache(remote, { isLossPassedOver: true });
      const onLost = (path: ByteString, side: DiffSide): void => {
        if (side === "after") lost.tell(path, after.commit);
        else lost.tell(movedPath(path, to.path, from.path), before.commit);
      };
      const options = { path: to.path, onLost, isLossUnknown: true };
      await withOutput({ signal }, async (sink) => {
        for await (const change of diffTrees(trees, before.tree, after.tree, options)) {
          signal.throwIfAborted();
          if (change.type === "metadata" && !flags.metadata) continue;
          count(sums, change);
          const line = this.jsonEnabled() ? JSON.stringify(asData(change)) : formatChange(change);
          await sink.write(Buffer.from(`${line}\n`));
        }
      });
      this.log(formatSums(sums));
      return { from: before.commit, to: after.commit, ...sums, lost: lost.losses };
    });
  }

  /** One line, as those before it. */
  protected override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json)}\n`);
  }
}

async function findFolder(
  remote: Remote,
  { commit: name, path }: CommitPath,
): Promise<{ commit: ObjectId; tree: ObjectId }> {
  const commit = await findCommit(remote, name);
  const content = await readCommit(remote, commit);
  const last = (await new TreeSource(remote).fetchPath(content, path)).at(-1);
  if (last === undefined) return { commit, tree: content.tree };
  if (last.kind === "dir") return { commit, tree: last.tree };
  throw new BakError("NO_PATH", `'${displayName(path)}' is no folder`, { hint: "'bak cat' writes files" });
}

/** What a path in one folder is called in another. */
function movedPath(path: ByteString, folder: ByteString, other: ByteString): ByteString {
  return splitPath(path).slice(splitPath(folder).length).reduce(joinPath, other);
}

type Sums = Omit<Difference, "from" | "to" | "lost">;

function count(sums: Sums, change: TreeChange): void {
  if (change.type === "metadata") return;
  sums[change.type === "kind" ? "changed" : change.type] += 1;
  if (change.type !== "added") sums.removedBytes += sizeOf(change.before);
  if (change.type !== "removed") sums.addedBytes += sizeOf(change.after);
}

function sizeOf(entry: Entry): number {
  return entry.kind === "file" ? entry.size : 0;
}

function formatChange(change: TreeChange): string {
  const { kind } = change.type === "removed" ? change.before : change.after;
  return `${marks[change.type]} ${displayName(change.path)}${kind === "dir" ? "/" : ""}`;
}

function formatSums({ added, removed, changed, addedBytes, removedBytes }: Sums): string {
  const names = `${formatCount(added)} added, ${formatCount(changed)} changed, ${formatCount(removed)} removed`;
  return `${names}; ${formatBytes(addedBytes)} more, ${formatBytes(removedBytes)} less`;
}

function asData(change: TreeChange): unknown {
  const before = change.type === "added" ? undefined : change.before;
  const after = change.type === "removed" ? undefined : change.after;
  const kind = (after ?? before)?.kind;
  return {
    change: marks[change.type],
    path: displayName(change.path),
    kind,
    ...(before?.kind === "file" ? { sizeBefore: before.size } : {}),
    ...(after?.kind === "file" ? { size: after.size } : {}),
  };
}
