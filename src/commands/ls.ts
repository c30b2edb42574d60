import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { formatMode, formatSeconds, formatTime } from "../cli/format.js";
import { commitArgument, parseCommitPath, StoreCommand } from "../cli/store-command.js";
import { findCommit, readCommit } from "../client/history.js";
import { listEntries, type ListedEntry } from "../client/listing.js";
import { displayName } from "../objects/byte-string.js";
import { fileHashOf, type Entry } from "../objects/entry.js";

interface Listed {
  path: string;
  kind: Entry["kind"];
  mode: string;
  uid: number;
  gid: number;
  mtime: string;
  size?: number;
  hash?: string;
  target?: string;
}

export default class Ls extends StoreCommand {
  static override summary = "List what a commit holds.";
  static override description =
    "Each line: mode, size, mtime, the BLAKE3 of a file's content as b3sum prints it, and the path. With --b3sum, files alone, in the form that 'b3sum --check' reads.";
  static override examples = [
    { description: "What the latest commit has at its root", command: "<%= config.bin %> <%= command.id %>" },
    {
      description: "Everything in a folder three commits ago",
      command: "<%= config.bin %> <%= command.id %> head~3 photos/2024 -r",
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
    recursive: Flags.boolean({ char: "r", summary: "List what is in its folders, too." }),
    b3sum: Flags.boolean({ summary: "Write lines for 'b3sum --check'." }),
  };

  async run(): Promise<Listed[]> {
    const { args, flags } = await this.parse(Ls);
    return this.withRemote(flags, async (remote) => {
      const commit = await readCommit(remote, await findCommit(remote, args.commit));
      const listed: Listed[] = [];
      const options = { path: parseCommitPath(args.path ?? ""), isRecursive: flags.recursive };
      for await (const entry of listEntries(remote, commit, options)) {
        if (flags.b3sum) this.#logSum(entry);
        else this.log(formatEntry(entry));
        if (this.jsonEnabled()) listed.push(asData(entry));
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

function formatEntry({ path, entry }: ListedEntry): string {
  const size = entry.kind === "file" ? String(entry.size) : "-";
  const hash = entry.kind === "file" ? fileHashOf(entry.content) : "-".padEnd(64);
  const name = displayName(path) + (entry.kind === "dir" ? "/" : "");
  const target = entry.kind === "symlink" ? ` -> ${displayName(entry.target)}` : "";
  const fields = [
    formatMode(entry.kind, entry.mode),
    size.padStart(12),
    formatTime(entry.mtimeSeconds * 1000),
    hash,
    name + target,
  ];
  return fields.join("  ");
}

function asData({ path, entry }: ListedEntry): Listed {
  const { kind, mode, uid, gid, mtimeSeconds, mtimeNanoseconds } = entry;
  return {
    path: displayName(path),
    kind,
    mode: mode.toString(8).padStart(4, "0"),
    uid,
    gid,
    mtime: formatSeconds(mtimeSeconds, mtimeNanoseconds),
    ...(entry.kind === "file" ? { size: entry.size, hash: fileHashOf(entry.content) } : {}),
    ...(entry.kind === "symlink" ? { target: displayName(entry.target) } : {}),
  };
}
