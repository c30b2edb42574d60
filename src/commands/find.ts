import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { formatMode, formatTime, shortId } from "../cli/format.js";
import { LossTalk, type Loss } from "../cli/loss-talk.js";
import { withOutput } from "../cli/output.js";
import { StoreCommand } from "../cli/store-command.js";
import { findVersions, type FoundVersion } from "../client/find.js";
import { matchPaths } from "../client/path-pattern.js";
import { displayName } from "../objects/byte-string.js";
import { fileHashOf } from "../objects/entry.js";

export default class Find extends StoreCommand {
  static override summary = "Look for files in all commits of a project.";
  static override description =
    "Each line is a version of a file, and the first and the last commit that have it, with their times; mode, size, and path. A pattern is of a name, or, with a slash in it, of a path: * and ? stand for anything but a slash, [a-z] for one of some, ** for folders of any depth. The latest versions come first. A folder of which the store has lost something, or a commit that it has lost, is named, and bak exits with 3. With --json, a line of JSON for each.";
  static override strict = false;
  static override usage = ["<%= command.id %> PATTERN... [OPTION...]"];
  static override examples = [
    {
      description: "Every version of a file, wherever it was",
      command: "<%= config.bin %> <%= command.id %> report.odt",
    },
    {
      description: "All pictures that there ever were in a folder",
      command: "<%= config.bin %> <%= command.id %> -i 'photos/2024/**/*.jpg'",
    },
    {
      description: "And one of them back",
      command: "<%= config.bin %> cat 7439a6ceb4c5:photos/2024/sea.jpg > sea.jpg",
    },
  ];
  static override args = {
    pattern: Args.string({ description: "names or paths to look for", required: true, ignoreStdin: true }),
  };
  static override flags = {
    "ignore-case": Flags.boolean({ char: "i", summary: "Take capital letters for small ones." }),
  };

  async run(): Promise<{ versions: number; lost: readonly Loss[] }> {
    const { argv, flags } = await this.parse(Find);
    const matches = matchPaths(argv as string[], { isCaseIgnored: flags["ignore-case"] });
    const { signal } = this;
    return this.withRemote(flags, async (remote) => {
      let versions = 0;
      const lost = new LossTalk((text) => this.complain(text));
      await withOutput({ signal }, async (sink) => {
        for await (const version of findVersions(remote, matches, (path, commit) => lost.tell(path, commit))) {
          signal.throwIfAborted();
          versions += 1;
          const line = this.jsonEnabled() ? JSON.stringify(asData(version)) : formatVersion(version);
          await sink.write(Buffer.from(`${line}\n`));
        }
      });
      return { versions, lost: lost.losses };
    });
  }

  /** One line, as those before it. */
  protected override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json)}\n`);
  }
}

function formatVersion({ path, entry, first, last }: FoundVersion): string {
  const span = [first, last].map(({ commit, receivedMs }) => `${shortId(commit)} ${formatTime(receivedMs)}`);
  const size = entry.kind === "file" ? String(entry.size) : "-";
  const name = displayName(path) + (entry.kind === "dir" ? "/" : "");
  return [span.join(" .. "), formatMode(entry.kind, entry.mode), size.padStart(12), name].join("  ");
}

function asData({ path, entry, first, last, commits }: FoundVersion): unknown {
  return {
    path: displayName(path),
    kind: entry.kind,
    ...(entry.kind === "file" ? { size: entry.size, hash: fileHashOf(entry.content) } : {}),
    first: { commit: first.commit, received: new Date(first.receivedMs).toISOString() },
    last: { commit: last.commit, received: new Date(last.receivedMs).toISOString() },
    commits,
  };
}
