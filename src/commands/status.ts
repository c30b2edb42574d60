import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { identityOf, isSameFolder } from "../cli/folder-identity.js";
import { formatBytes, formatCounted, formatTime, shortId } from "../cli/format.js";
import { pushIndexFile } from "../cli/index-file.js";
import { leaveOutFlags, leaveOutOf } from "../cli/leave-out-flags.js";
import { formatChanges, PushTalk } from "../cli/push-talk.js";
import type { Connector } from "../cli/connector.js";
import { StoreCommand } from "../cli/store-command.js";
import { readHistory, type LoggedCommit } from "../client/history.js";
import { formatReason } from "../client/leave-out.js";
import { push } from "../client/push.js";
import { noProgress } from "../client/push-options.js";
import { findSourceFolder } from "../client/source-stat.js";
import { exitCodes } from "../errors.js";
import { displayName } from "../objects/byte-string.js";
import type { CommitCounts } from "../objects/commit.js";
import type { Entry } from "../objects/entry.js";
import type { ProjectId } from "../objects/project-id.js";

interface Changed {
  change: "added" | "changed" | "removed";
  path: string;
  kind: Entry["kind"];
}

interface RuledOut {
  path: string;
  /** Whether the folder itself is kept, and nothing of what is in it. */
  isContent: boolean;
  rule: string;
}

interface FolderStatus {
  project: string;
  server: string;
  folder: string;
  isUpToDate: boolean;
  /** The latest commit, and when the store received it; null if there is none yet. */
  commit: string | null;
  received: string | null;
  counts: CommitCounts;
  /** How many names rules leave out; a folder counts as one. */
  leftOut: number;
  /** With --verbose, which these are. */
  leftOutNames: RuledOut[];
  changes: Changed[];
  unreadable: { path: string; why: string }[];
}

export default class Status extends StoreCommand {
  static override summary = "Say what has changed in a folder since its last commit.";
  static override description =
    "Lists what 'bak push' would add (+), take as changed (~) and remove (-), and sends nothing. Of a folder that is new or gone, only its own name is listed.";
  static override examples = [
    { description: "What has changed in the folder you stand in", command: "<%= config.bin %> <%= command.id %>" },
    {
      description: "Each file, and what is left out by which rule",
      command: "<%= config.bin %> <%= command.id %> ~/photos --all -v",
    },
  ];
  static override args = {
    folder: Args.string({
      description: "the folder that is backed up; by default that of 'bak init', or where you stand",
    }),
  };
  static override flags = {
    all: Flags.boolean({ char: "a", summary: "List what is in folders that are new or gone, too." }),
    verbose: Flags.boolean({ char: "v", summary: "List what is left out (!), and by which rule." }),
    ...leaveOutFlags,
  };

  async run(): Promise<FolderStatus> {
    const { args, flags } = await this.parse(Status);
    const leaveOut = leaveOutOf(flags);
    const named = this.folderOf(args.folder);
    const address = this.addressOf(flags, named);
    const server = this.nameOf(address);
    const project = this.projectOf(flags, named, { isWhole: true });
    const folder = findSourceFolder(named);
    const connector = await this.open(address, { mayCreate: false, mayBeVacant: true });
    const progress = noProgress();
    const changes: Changed[] = [];
    const leftOutNames: RuledOut[] = [];
    let talk: PushTalk | undefined;
    try {
      const last = await this.#lastCommit(connector, project);
      this.log(`project '${project}', store '${server}'`);
      if (connector.isNew) this.complain(`no store in '${server}' yet: a push makes it`);
      this.log(last === undefined ? "no commit yet" : describeCommit(last));
      talk = new PushTalk(this, {
        folder,
        progress,
        leaveOut,
        listing: flags.all ? "everything" : "folders",
        isVerbose: flags.verbose,
        onListed: (event) => {
          if (!this.jsonEnabled()) return;
          const path = displayName(event.path);
          if (event.type !== "ruledOut") changes.push({ change: event.type, path, kind: event.entry.kind });
          else leftOutNames.push({ path, isContent: event.isContent, rule: formatReason(event.reason) });
        },
      });
      const { unreadable } = talk;
      const cache = identityOf(this.config.cacheDir);
      const result = await push({
        connect: (hello) => connector.connect({ project, agent: this.agent, ...hello }),
        folder,
        indexFile: pushIndexFile(this.config.cacheDir, server, project),
        message: "",
        tags: [],
        isFull: false,
        isEmptyAllowed: false,
        isDryRun: true,
        threads: 0,
        version: this.config.version,
        isLeftOut: ({ stat }) => isSameFolder(stat, cache),
        leaveOut,
        onEvent: (event) => talk?.hear(event),
        progress,
        signal: this.signal,
      });
      talk.stop();
      this.log(result.isUpToDate ? "everything up to date" : formatChanges(result));
      const { isUpToDate, counts, ruledOut: leftOut } = result;
      if (counts.unreadable > 0) {
        this.complain(`${formatCounted(counts.unreadable, "path")} could not be read`);
        process.exitCode = exitCodes.partly;
      }
      const commit = last === undefined ? null : last.commit;
      const received = last === undefined ? null : new Date(last.receivedMs).toISOString();
      const where = { project, server, folder: displayName(folder) };
      return { ...where, isUpToDate, commit, received, counts, leftOut, leftOutNames, changes, unreadable };
    } finally {
      talk?.stop();
      await connector.close();
    }
  }

  async #lastCommit(connector: Connector, project: ProjectId): Promise<LoggedCommit | undefined> {
    const remote = await connector.connect({ project, agent: this.agent, wantTrees: false });
    try {
      if (remote.head === undefined) return undefined;
      for await (const commit of readHistory(remote, { limit: 1 })) return commit;
      return undefined;
    } finally {
      await remote.close();
    }
  }
}

function describeCommit({ commit, receivedMs, content }: LoggedCommit): string {
  const { files, bytes } = content.counts;
  const size = `${formatCounted(files, "file")}, ${formatBytes(bytes)}`;
  return `last commit ${shortId(commit)}, ${formatTime(receivedMs)}: ${size}`;
}
