import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { identityOf, isSameFolder } from "../cli/folder-identity.js";
import { formatBytes, formatCounted, formatDuration, shortId } from "../cli/format.js";
import { leaveOutFlags, leaveOutOf } from "../cli/leave-out-flags.js";
import { codecs } from "../objects/member-codec.js";
import { formatChanges, formatMoved, PushTalk } from "../cli/push-talk.js";
import { openStreamSource, parseStreamName, type StreamFlags } from "../cli/stream-source.js";
import { describeStreamEvent, showStreamProgress } from "../cli/stream-talk.js";
import { StoreCommand } from "../cli/store-command.js";
import { pushIndexFile } from "../cli/index-file.js";
import { findSourceFolder } from "../client/source-stat.js";
import { push } from "../client/push.js";
import { assertTags } from "../client/tag.js";
import { pushStream, streamPath } from "../client/push-stream.js";
import { noProgress, type PushResult } from "../client/push-options.js";
import { BakError, exitCodes } from "../errors.js";
import { bytesOf, displayName } from "../objects/byte-string.js";
import { usefulThreads } from "../threads/thread-pool.js";
import { maxMessageBytes, type CommitCounts } from "../objects/commit.js";

interface Pushed {
  project: string;
  server: string;
  folder: string;
  isUpToDate: boolean;
  commit: string | null;
  parent: string | null;
  counts: CommitCounts;
  /** How many names rules have left out; a folder counts as one. */
  leftOut: number;
  filesRead: number;
  bytesRead: number;
  sent: PushResult["upload"];
  unreadable: { path: string; why: string }[];
  /** What files did while they were read; `vanished` is what was there a moment before. */
  moved: PushTalk["moved"];
  unreadAttributes: { path: string; why: string }[];
  durationMs: number;
}

/** What only a folder has a use for. */
const streamExcludes = ["full", "dry-run", "verbose", ...Object.keys(leaveOutFlags)];

export default class Push extends StoreCommand {
  static override summary = "Keep a folder as it is now, as a project's next commit.";
  static override description =
    "Compares the folder with the project's latest commit, by path, size and mtime, and sends what was added or changed. If nothing was, no commit is made. What files '.bakignore' name, which are written as '.gitignore' is, is left out. Files that cannot be read are named and left out; bak then exits with 3.";
  static override examples = [
    {
      description: "Back up a folder on this machine, with no server at all",
      command: "<%= config.bin %> <%= command.id %> ~/photos",
    },
    {
      description: "Back it up to a server",
      command: "<%= config.bin %> <%= command.id %> ~/photos --server ws://nas:7420",
    },
    {
      description: "Leave out what can be made again",
      command: "<%= config.bin %> <%= command.id %> ~/src --exclude node_modules/ --exclude '*.o' --exclude-caches",
    },
    {
      description: "Keep a dump of a database, unless it fails",
      command: "<%= config.bin %> <%= command.id %> --stdin-from-command --name dump.sql -- pg_dump db",
    },
    {
      description: "Say what it is",
      command: "<%= config.bin %> <%= command.id %> ~/photos --message 'before the move' --tag keep",
    },
  ];
  static override strict = false; // a command may come in place of the folder
  static override usage = [
    "<%= command.id %> [FOLDER] [OPTION...]",
    "<%= command.id %> --stdin --name NAME [OPTION...]",
    "<%= command.id %> --stdin-from-command --name NAME [OPTION...] -- COMMAND [ARGUMENT...]",
  ];
  static override args = {
    folder: Args.string({
      description: "the folder to back up; by default that of 'bak init', or where you stand",
      ignoreStdin: true,
    }),
  };
  static override flags = {
    message: Flags.string({ char: "m", summary: "What to remember of this commit.", default: "", helpValue: "TEXT" }),
    tag: Flags.string({
      char: "t",
      helpValue: "TAG",
      summary: "A tag for the commit; may be given several times.",
      multiple: true,
      multipleNonGreedy: true,
    }),
    full: Flags.boolean({
      summary: "Read every file, whatever its size and times say, and send what the store has lost.",
    }),
    "dry-run": Flags.boolean({
      char: "n",
      summary:
        "List what has been added (+), changed (~) and removed (-); send nothing. With -v, list what is left out.",
    }),
    compression: Flags.string({
      summary: "What to compress with; if not given, what the store asks for.",
      description:
        "zstd needs Node 22.15 or later, and makes a store that earlier versions of bak do not open. `none` stores.",
      options: codecs,
    }),
    "allow-empty": Flags.boolean({ summary: "Make a commit even if nothing has changed." }),
    verbose: Flags.boolean({
      char: "v",
      summary: "List what is added (+), changed (~), removed (-) and left out (!), and by which rule.",
    }),
    ...leaveOutFlags,
    stdin: Flags.boolean({
      summary: "Keep what comes from stdin, as a commit with one file.",
      description:
        "Its project is named after this machine and the file, unless --project says otherwise. Whether what writes into the pipe has failed cannot be seen from here: --stdin-from-command sees it.",
      helpGroup: "STREAM",
      exclusive: streamExcludes,
    }),
    "stdin-from-command": Flags.boolean({
      summary: "The same with what a command writes, which comes after '--'; if it fails, no commit is made.",
      helpGroup: "STREAM",
      exclusive: [...streamExcludes, "stdin"],
    }),
    name: Flags.string({ summary: "The name of that file.", helpValue: "NAME", helpGroup: "STREAM" }),
  };

  async run(): Promise<Pushed> {
    const { args, flags, raw } = await this.parse(Push);
    assertDescribable(flags.message, flags.tag ?? []);
    const isStream = flags.stdin || flags["stdin-from-command"];
    const words = raw.flatMap(({ type, input }) => (type === "arg" ? [input] : []));
    if (isStream) return this.#pushStream(flags, words);
    if (flags.name !== undefined) throw new BakError("USAGE", "--name is for --stdin and --stdin-from-command");
    if (words[1] !== undefined) throw new BakError("USAGE", `unexpected argument: ${words[1]}`);
    const leaveOut = leaveOutOf(flags);
    const startedMs = Date.now();
    const named = this.folderOf(args.folder);
    const address = this.addressOf(flags, named);
    const project = this.projectOf(flags, named, { isWhole: true });
    const folder = findSourceFolder(named);
    if (address.type === "folder" && isSameFolder(identityOf(bytesOf(folder)), identityOf(address.folder))) {
      throw new BakError("USAGE", `'${named}' cannot be both the folder and the store`);
    }
    const isDryRun = flags["dry-run"];
    const connector = await this.open(address, { mayCreate: !isDryRun, mayBeVacant: isDryRun });
    const progress = noProgress();
    const talk = new PushTalk(this, {
      folder,
      progress,
      leaveOut,
      listing: flags["dry-run"] || flags.verbose ? "everything" : "nothing",
      isVerbose: flags.verbose,
    });
    try {
      const place = this.nameOf(address);
      if (connector.isNew)
        talk.say(isDryRun ? `no store in '${place}' yet: a push makes it` : `made a new store in '${place}'`);
      const cache = identityOf(this.config.cacheDir);
      const result = await push({
        connect: (hello) => connector.connect({ project, agent: this.agent, ...hello }),
        folder,
        indexFile: pushIndexFile(this.config.cacheDir, this.nameOf(address), project),
        message: flags.message,
        tags: flags.tag ?? [],
        isFull: flags.full,
        isEmptyAllowed: flags["allow-empty"],
        compression: codecs.find((codec) => codec === flags.compression),
        isDryRun: flags["dry-run"],
        threads: usefulThreads(),
        version: this.config.version,
        isLeftOut: ({ stat }) => isSameFolder(stat, cache),
        leaveOut,
        onEvent: (event) => talk.hear(event),
        progress,
        signal: this.signal,
      });
      talk.stop();
      const durationMs = Date.now() - startedMs;
      for (const line of describe(result, { project, isDryRun: flags["dry-run"], durationMs })) this.log(line);
      const moved = formatMoved(result);
      if (moved !== undefined) this.complain(moved);
      if (result.counts.unreadable > 0) {
        this.complain(`${formatCounted(result.counts.unreadable, "path")} could not be read`);
        process.exitCode = exitCodes.partly;
      }
      if (result.unreadAttributes > 0) {
        this.complain(`${formatCounted(result.unreadAttributes, "path")} kept without extended attributes`);
        process.exitCode = exitCodes.partly;
      }
      const { isUpToDate, counts, ruledOut, filesRead, bytesRead, upload: sent } = result;
      return {
        project,
        server: this.nameOf(address),
        folder: displayName(folder),
        isUpToDate,
        commit: result.commit ?? null,
        parent: result.parent ?? null,
        counts,
        leftOut: ruledOut,
        filesRead,
        bytesRead,
        sent,
        unreadable: talk.unreadable,
        moved: talk.moved,
        unreadAttributes: talk.unreadAttributes,
        durationMs,
      };
    } finally {
      talk.stop();
      await connector.close();
    }
  }

  /** Pushes stdin, or what the command writes. */
  async #pushStream(flags: StreamFlags, argv: readonly string[]): Promise<Pushed> {
    const startedMs = Date.now();
    const name = parseStreamName(flags.name);
    const source = openStreamSource(flags["stdin-from-command"] ? argv : undefined, this.signal);
    if (flags.stdin && argv[0] !== undefined)
      throw new BakError("USAGE", `'${argv[0]}' and stdin cannot both be what is pushed`);
    const address = this.addressOf(flags);
    const project = this.projectOf(flags, `/${flags.name}`, { isWhole: true });
    const connector = await this.open(address, { mayCreate: true });
    const progress = { bytesRead: 0, bytesSent: 0 };
    const line = showStreamProgress(progress);
    try {
      if (connector.isNew) this.complain(`made a new store in '${this.nameOf(address)}'`);
      const { upload, ...result } = await pushStream({
        connect: () => connector.connect({ project, agent: this.agent, wantTrees: false }),
        stream: source.open(),
        confirm: () => source.ended(),
        name,
        mode: 0o666 & ~process.umask(), // as of a file that a shell had made of it
        message: flags.message,
        tags: flags.tag ?? [],
        isEmptyAllowed: flags["allow-empty"],
        compression: codecs.find((codec) => codec === flags.compression),
        threads: usefulThreads(),
        version: this.config.version,
        onEvent: (event) => line.around(() => this.complain(describeStreamEvent(event))),
        progress,
        signal: this.signal,
      });
      line.stop();
      const durationMs = Date.now() - startedMs;
      const { bytesRead } = progress;
      const pushed = { ...result, upload, ruledOut: 0 };
      for (const each of describe(pushed, { project, isDryRun: false, durationMs })) this.log(each);
      const rest = {
        folder: displayName(streamPath),
        filesRead: 1,
        bytesRead,
        sent: upload,
        leftOut: 0,
        unreadable: [],
        moved: [],
        unreadAttributes: [],
        durationMs,
      };
      return { project, server: this.nameOf(address), ...result, parent: result.parent ?? null, ...rest };
    } finally {
      line.stop();
      source.giveUp();
      await connector.close();
    }
  }
}

type Described = Pick<PushResult, "counts" | "upload" | "isUpToDate" | "commit" | "ruledOut">;

function describe(result: Described, options: { project: string; isDryRun: boolean; durationMs: number }): string[] {
  const { counts, upload } = result;
  const changes = formatChanges(result);
  if (options.isDryRun) return [result.isUpToDate ? "everything up to date" : `would push: ${changes}`];
  if (result.isUpToDate) {
    const lost = upload.packs > 0 ? `; sent ${formatBytes(upload.packedBytes)} that the store had lost` : "";
    return [`everything up to date${lost}`];
  }
  return [
    `${shortId(result.commit ?? "")} is the head of '${options.project}': ${formatCounted(counts.files, "file")}, ${formatBytes(counts.bytes)}`,
    `${changes}; sent ${formatBytes(upload.packedBytes)} in ${formatDuration(options.durationMs)}`,
  ];
}

/** What a commit could not hold is refused before anything is read or sent. */
function assertDescribable(message: string, tags: readonly string[]): void {
  if (Buffer.byteLength(message) > maxMessageBytes) {
    throw new BakError("USAGE", `the message is longer than ${formatBytes(maxMessageBytes)}`);
  }
  assertTags(tags);
}
