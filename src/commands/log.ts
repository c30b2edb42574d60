import * as Flags from "@oclif/core/flags";
import { formatBytes, formatCounted, formatTime, shortId } from "../cli/format.js";
import { LossTalk } from "../cli/loss-talk.js";
import { StoreCommand } from "../cli/store-command.js";
import { readHistory, type LoggedCommit } from "../client/history.js";
import type { Remote } from "../client/remote.js";
import { displayName } from "../objects/byte-string.js";
import type { CommitCounts } from "../objects/commit.js";
import { oneLine } from "../objects/one-line.js";

interface LoggedLine {
  commit: string;
  parent: string | null;
  received: string;
  started: string;
  ended: string;
  host: string;
  user: string;
  path: string;
  message: string;
  tags: readonly string[];
  excludes: readonly string[];
  counts: CommitCounts;
  version: string;
}

/** What `--forgotten` lists. */
interface ForgottenLine {
  commit: string;
  received: string;
  forgotten: string;
  until: string;
}

export default class Log extends StoreCommand {
  static override summary = "List a project's commits, newest first.";
  static override description =
    "Each line: id, when the store received it, from which machine, what was added (+), changed (~) and removed (-), how much it holds, its tags and message. A commit that the store has lost is named, and bak exits with 3.";
  static override examples = [
    { description: "The history of the folder you stand in", command: "<%= config.bin %> <%= command.id %>" },
    {
      description: "The last three commits of a project on a server",
      command: "<%= config.bin %> <%= command.id %> -s ws://nas -p laptop-photos --limit 3",
    },
    {
      description: "What was forgotten and could be brought back",
      command: "<%= config.bin %> <%= command.id %> --forgotten",
    },
  ];
  static override flags = {
    limit: Flags.integer({ char: "n", helpValue: "N", summary: "List no more than so many.", min: 1 }),
    forgotten: Flags.boolean({ summary: "List what 'bak forget --undo' could bring back, and until when." }),
  };

  async run(): Promise<LoggedLine[] | ForgottenLine[]> {
    const { flags } = await this.parse(Log);
    return this.withRemote<LoggedLine[] | ForgottenLine[]>(flags, async (remote) => {
      if (flags.forgotten) return this.#listForgotten(remote, flags.limit);
      const lines: LoggedLine[] = [];
      const lost = new LossTalk((text) => this.complain(text));
      const limit = flags.limit === undefined ? {} : { limit: flags.limit };
      for await (const commit of readHistory(remote, {
        ...limit,
        onLost: (line) => lost.tell(undefined, line.commit),
      })) {
        this.log(formatLine(commit));
        if (this.jsonEnabled()) lines.push(asData(commit));
      }
      return lines;
    });
  }

  async #listForgotten(remote: Remote, limit = Infinity): Promise<ForgottenLine[]> {
    const lines: ForgottenLine[] = [];
    for await (const { commit, receivedMs, forgottenMs, untilMs } of remote.forgotten()) {
      if (lines.length >= limit) break;
      const [received, forgotten, until] = [receivedMs, forgottenMs, untilMs].map(formatTime);
      this.log(`${shortId(commit)}  ${received}  forgotten ${forgotten}, can be brought back until ${until}`);
      lines.push({
        commit,
        received: new Date(receivedMs).toISOString(),
        forgotten: new Date(forgottenMs).toISOString(),
        until: new Date(untilMs).toISOString(),
      });
    }
    return lines;
  }
}

function formatLine({ commit, receivedMs, content }: LoggedCommit): string {
  const { counts, tags, message, host } = content;
  const changes = `+${counts.added} ~${counts.changed} -${counts.removed}`;
  const unreadable = counts.unreadable > 0 ? [`${counts.unreadable} unreadable`] : [];
  const words = [...unreadable, ...tags.map((tag) => `[${tag}]`), message].map(oneLine).filter((word) => word !== "");
  const fields = [
    shortId(commit),
    formatTime(receivedMs),
    oneLine(host).padEnd(10),
    changes.padEnd(16),
    `${formatCounted(counts.files, "file")}, ${formatBytes(counts.bytes)}`.padEnd(22),
    words.join(" "),
  ];
  return fields.join("  ").trimEnd();
}

function asData({ commit, receivedMs, content }: LoggedCommit): LoggedLine {
  const { parent, host, user, path, message, tags, excludes, counts, version, startedMs, endedMs } = content;
  return {
    commit,
    parent: parent ?? null,
    received: new Date(receivedMs).toISOString(),
    started: new Date(startedMs).toISOString(),
    ended: new Date(endedMs).toISOString(),
    host,
    user,
    path: displayName(path),
    message,
    tags,
    excludes: excludes.map(displayName),
    counts,
    version,
  };
}
