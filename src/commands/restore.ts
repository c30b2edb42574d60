import { resolve } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { formatBytes, formatCounted, formatDuration, shortId } from "../cli/format.js";
import { describeShortfall, shortfallData } from "../cli/restore-talk.js";
import { showProgress } from "../cli/progress.js";
import { commitArgument, parseCommitPath, StoreCommand } from "../cli/store-command.js";
import type { Reconnecting } from "../client/reconnects.js";
import type { RestoreEvent, RestoreProgress, RestoreResult } from "../client/restore.js";
import { restoreCommit } from "../client/restore-commit.js";
import { isLoss } from "../client/shortfalls.js";
import { exitCodes, unreachable } from "../errors.js";
import { byteStringFromText, displayName } from "../objects/byte-string.js";

interface Restored extends Omit<RestoreResult, "shortfalls"> {
  commit: string;
  target: string;
  failures: { path: string; why: string }[];
  shortfalls: ReturnType<typeof shortfallData>[];
  durationMs: number;
}

export default class Restore extends StoreCommand {
  static override summary = "Get a commit back, or some of its paths.";
  static override description =
    "Files that are right already are left alone; what is replaced is named; nothing is deleted that the commit does not know. Paths keep their place: photos/2024 comes to DIR/photos/2024. Owners are set as root, by name. What could not be made or set is told; bak then exits with 3.";
  static override strict = false;
  static override usage = ["<%= command.id %> [COMMIT] [PATH...] --to DIR [-s URL|FOLDER] [-p ID] [--json]"];
  static override examples = [
    {
      description: "The latest commit, into a new folder",
      command: "<%= config.bin %> <%= command.id %> --to ~/photos-back",
    },
    {
      description: "One folder as it was before November",
      command: "<%= config.bin %> <%= command.id %> @2026-11-01 photos/2024 --to ~/old",
    },
  ];
  static override args = {
    commit: commitArgument,
    path: Args.string({ description: "paths in it; all of it if there are none", ignoreStdin: true }),
  };
  static override flags = {
    "numeric-owner": Flags.boolean({
      summary: "As root, set the owners' numbers that the commit has, not those that their names have here.",
    }),
    to: Flags.string({ summary: "The folder to restore into.", helpValue: "DIR", required: true }),
  };

  async run(): Promise<Restored> {
    const { args, argv, flags } = await this.parse(Restore);
    const startedMs = Date.now();
    const paths = (argv as string[]).slice(1).map(parseCommitPath);
    const target = resolve(flags.to);
    const project = this.projectOf(flags, ".");
    const connector = await this.open(this.addressOf(flags), { mayCreate: false });
    const progress: RestoreProgress = { files: 0, bytes: 0, filesFetched: 0 };
    const isWhole = paths.length === 0 || paths.includes(parseCommitPath(""));
    let totals: { totalFiles: number; totalBytes: number } | undefined;
    const line = showProgress(() => ({
      ...progress,
      totalFiles: isWhole ? totals?.totalFiles : undefined,
      totalBytes: isWhole ? totals?.totalBytes : undefined,
    }));
    const failures: Restored["failures"] = [];
    const hear = (event: RestoreEvent | Reconnecting): void => {
      if (event.type === "failed") failures.push({ path: displayName(event.path), why: event.why });
      if (event.type === "reconnecting") failures.length = 0; // they are tried again
      line.around(() => this.complain(describeEvent(event)));
    };
    try {
      const { commit, ...result } = await restoreCommit({
        connect: () => connector.connect({ project, agent: this.agent, wantTrees: false }),
        commit: args.commit,
        onCommit: ({ counts }) => (totals = { totalFiles: counts.files, totalBytes: counts.bytes }),
        target: byteStringFromText(target),
        paths: isWhole ? [] : paths,
        isNumericOwner: flags["numeric-owner"],
        onEvent: hear,
        progress,
        signal: this.signal,
      });
      line.stop();
      const durationMs = Date.now() - startedMs;
      this.#report(result, { id: commit, target, durationMs });
      return { commit, target, ...result, failures, shortfalls: result.shortfalls.map(shortfallData), durationMs };
    } finally {
      line.stop();
      await connector.close();
    }
  }

  #report(result: RestoreResult, { id, target, durationMs }: { id: string; target: string; durationMs: number }): void {
    const left = result.left > 0 ? `, ${formatCounted(result.left, "file")} right already` : "";
    const what = `${formatCounted(result.files, "file")}, ${formatBytes(result.bytes)}`;
    this.log(`restored ${shortId(id)} to '${target}': ${what}${left}, in ${formatDuration(durationMs)}`);
    for (const shortfall of result.shortfalls) {
      this.complain(describeShortfall(shortfall));
      if (isLoss(shortfall)) process.exitCode = exitCodes.partly;
    }
    if (result.skipped > 0) {
      this.complain(`${formatCounted(result.skipped, "special file")} left out`);
      process.exitCode = exitCodes.partly;
    }
    if (result.failed > 0) {
      this.complain(`${formatCounted(result.failed, "path")} could not be restored`);
      process.exitCode = exitCodes.partly;
    }
  }
}

function describeEvent(event: RestoreEvent | Reconnecting): string {
  if (event.type === "reconnecting") return `${event.error.message}; trying again in ${formatDuration(event.waitMs)}`;
  const path = displayName(event.path);
  switch (event.type) {
    case "replaced":
      return `replaced '${path}'`;
    case "skipped":
      return `left out '${path}': ${event.why}`;
    case "failed":
      return `cannot restore '${path}': ${event.why}`;
    default:
      return unreachable(event);
  }
}
