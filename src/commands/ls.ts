import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { parseCommitPath } from "../cli/commit-path.js";
import { formatMode, formatSeconds, formatTime } from "../cli/format.js";
import { commitArgument, StoreCommand } from "../cli/store-command.js";
import { findCommit, readCommit } from "../client/history.js";
import { listEntries, type ListedEntry } from "../client/listing.js";
import { displayName, type ByteString } from "../objects/byte-string.js";
import type { Commit, OwnerName } from "../objects/commit.js";
import { fileHashOf, type Entry } from "../objects/entry.js";

interface Listed {
  path: string;
  kind: Entry["kind"];
  mode: string;
  uid: number;
  gid: number;
  /** Where the commit knows it. */
  user?: string;
  group?: string;
  mtime: string;
  size?: number;
  hash?: string;
  target?: string;
}

export default class Ls extends StoreCommand {
  static override summary = "List what a commit holds.";
  static override description =
    "Each line: mode, size, mtime, the BLAKE3 of a file's content as b3sum prints it, and the path. With --long, as 'ls -l': owner and group in place of the hash, by name where the commit knows it. With --b3sum, files alone, in the form that 'b3sum --check' reads.";
  static override examples = [
    { description: "What the latest commit has at its root", command: "<%= config.bin %> <%= command.id %>" },
    {
      description: "Everything in a folder three commits ago",
      command: "<%= config.bin %> <%= command.id %> head~3 photos/2024 -r",
    },
    {
      description: "With owners, as ls -l",
      command: "<%= config.bin %> <%= command.id %> -l head photos",
    },
    {
      description: "Check a folder against the latest commit",
      command: "<%= config.bin %> <%= command.id %> -r --b3sum | b3sum --check --quiet",
    },
  ];
  static override args = {
    commit: commitArgument,
    path: Args.string({ description: "a path in it; its root if there is none", ignoreStdin: true }),
  };
  static override flags = {
    long: Flags.boolean({ char: "l", summary: "Write lines as 'ls -l' does." }),
    recursive: Flags.boolean({ char: "r", charAliases: ["R"], summary: "List what is in its folders, too." }),
    b3sum: Flags.boolean({ summary: "Write lines for 'b3sum --check'.", exclusive: ["long"] }),
  };

  async run(): Promise<Listed[]> {
    const { args, flags } = await this.parse(Ls);
    return this.withRemote(flags, async (remote) => {
      const commit = await readCommit(remote, await findCommit(remote, args.commit));
      const names = ownerNames(commit);
      const listed: Listed[] = [];
      const options = { path: parseCommitPath(args.path ?? ""), isRecursive: flags.recursive };
      for await (const entry of listEntries(remote, commit, options)) {
        if (flags.b3sum) this.#logSum(entry);
        else this.log(flags.long ? formatLong(entry, names) : formatEntry(entry));
        if (this.jsonEnabled()) listed.push(asData(entry, names));
      }
      return listed;
    });
  }

  /** As b3sum writes them, in bytes; names with a backslash or a line break are escaped, and the line begins with a backslash. */
  #logSum({ path, entry }: ListedEntry): void {
    if (entry.kind !== "file" || this.jsonEnabled()) return;
    const escaped = path.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
    const line = `${escaped === path ? "" : "\\"}${fileHashOf(entry.content)}  ${escaped}\n`;
    process.stdout.write(Buffer.from(line, "latin1"));
  }
}

/** The names of a commit's users and groups, as a person reads them. */
interface OwnerNames {
  readonly users: ReadonlyMap<number, string>;
  readonly groups: ReadonlyMap<number, string>;
}

function ownerNames({ users, groups }: Commit): OwnerNames {
  return { users: byId(users), groups: byId(groups) };
}

function byId(owners: readonly OwnerName[]): ReadonlyMap<number, string> {
  return new Map(owners.map(({ id, name }) => [id, displayName(name)]));
}

function formatEntry({ path, entry }: ListedEntry): string {
  const size = entry.kind === "file" ? String(entry.size) : "-";
  const hash = entry.kind === "file" ? fileHashOf(entry.content) : "-".padEnd(64);
  const fields = [
    formatMode(entry.kind, entry.mode),
    size.padStart(12),
    formatTime(entry.mtimeSeconds * 1000),
    hash,
    formatName(path, entry),
  ];
  return fields.join("  ");
}

/** As `ls -l`: of a device, its numbers stand in place of the size. */
function formatLong({ path, entry }: ListedEntry, { users, groups }: OwnerNames): string {
  const isDevice = entry.kind === "char" || entry.kind === "block";
  const size = entry.kind === "file" ? entry.size : entry.kind === "symlink" ? entry.target.length : 0;
  const fields = [
    formatMode(entry.kind, entry.mode),
    (users.get(entry.uid) ?? String(entry.uid)).padEnd(8),
    (groups.get(entry.gid) ?? String(entry.gid)).padEnd(8),
    (isDevice ? `${entry.major}, ${entry.minor}` : String(size)).padStart(12),
    formatTime(entry.mtimeSeconds * 1000),
    formatName(path, entry),
  ];
  return fields.join(" ");
}

function formatName(path: ByteString, entry: Entry): string {
  const target = entry.kind === "symlink" ? ` -> ${displayName(entry.target)}` : "";
  return displayName(path) + (entry.kind === "dir" ? "/" : "") + target;
}

function asData({ path, entry }: ListedEntry, { users, groups }: OwnerNames): Listed {
  const { kind, mode, uid, gid, mtimeSeconds, mtimeNanoseconds } = entry;
  const [user, group] = [users.get(uid), groups.get(gid)];
  return {
    path: displayName(path),
    kind,
    mode: mode.toString(8).padStart(4, "0"),
    uid,
    gid,
    ...(user === undefined ? {} : { user }),
    ...(group === undefined ? {} : { group }),
    mtime: formatSeconds(mtimeSeconds, mtimeNanoseconds),
    ...(entry.kind === "file" ? { size: entry.size, hash: fileHashOf(entry.content) } : {}),
    ...(entry.kind === "symlink" ? { target: displayName(entry.target) } : {}),
  };
}
