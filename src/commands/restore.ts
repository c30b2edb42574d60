import { realpathSync } from "node:fs";
import { parse, resolve } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { parseCommitPath } from "../cli/commit-path.js";
import { identityOf, isSameFolder } from "../cli/folder-identity.js";
import { formatBytes, formatCount, formatCounted, formatDuration, shortId } from "../cli/format.js";
import { RestoreTalk } from "../cli/restore-talk.js";
import { describeShortfall, shortfallData } from "../cli/shortfall-talk.js";
import { commitArgument, StoreCommand } from "../cli/store-command.js";
import type { RestoreProgress, RestoreResult } from "../client/restore-options.js";
import { restoreCommit } from "../client/restore-commit.js";
import { withoutNested } from "../client/restore-paths.js";
import { haveOwnPlaces } from "../client/restore-places.js";
import { selectBy } from "../client/restore-selection.js";
import { isLoss } from "../client/shortfalls.js";
import { BakError, exitCodes } from "../errors.js";
import { byteStringFromText, splitPath, type ByteString } from "../objects/byte-string.js";

interface Restored extends Omit<RestoreResult, "shortfalls"> {
  commit: string;
  target: string;
  isDryRun: boolean;
  /** Only of what is replaced and deleted, since that is gone. */
  replacedPaths: string[];
  deletedPaths: string[];
  failures: { path: string; why: string }[];
  shortfalls: ReturnType<typeof shortfallData>[];
  durationMs: number;
}

export default class Restore extends StoreCommand {
  static override summary = "Get a commit back, or some of its paths.";
  static override description =
    "Files that are right already are left alone: their content is compared, and only owner, mode, mtime and extended attributes are set where these differ. Others are replaced whole, and named. What the commit does not have stays, unless --delete is given. Paths keep their place: photos/2024 comes to DIR/photos/2024, unless --strip-components is given. Owners are set as root, by name. What could not be made or set is told; bak then exits with 3.";
  static override strict = false;
  static override usage = ["<%= command.id %> [COMMIT] [PATH...] --to DIR [OPTION...]"];
  static override examples = [
    {
      description: "The latest commit, into a new folder",
      command: "<%= config.bin %> <%= command.id %> --to ~/photos-back",
    },
    {
      description: "One folder as it was before November",
      command: "<%= config.bin %> <%= command.id %> @2026-11-01 photos/2024 --to ~/old",
    },
    {
      description: "What is in that folder, without the folders above",
      command: "<%= config.bin %> <%= command.id %> head photos/2024 --strip-components 2 --to ~/2024",
    },
    {
      description: "The pictures in it, save the small ones",
      command: "<%= config.bin %> <%= command.id %> --to ~/pictures --include '*.jpg' --exclude thumbs/",
    },
    {
      description: "What it would take to make a folder again what it was, and nothing more",
      command: "<%= config.bin %> <%= command.id %> head~1 --to ~/photos --delete --dry-run",
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
    delete: Flags.boolean({
      summary: "Delete what is in DIR and not in the commit, within what is restored.",
      description:
        "This happens after all else, and not at all if something of the commit is lost. Of single paths, only what is within them is deleted. bak's own store and cache stay.",
    }),
    "strip-components": Flags.integer({
      summary: "Drop so many leading names of each path, as tar does; what has no more is passed over.",
      description:
        "Folders that come to one place become one, with the attributes of the first. Of files and all else, the first in the order of the commit has the place, and the others are named as not restored. Paths and patterns are written as the commit has them. With --delete, each PATH has to come to a place of its own.",
      helpValue: "N",
      default: 0,
      noCacheDefault: true,
      min: 0,
    }),
    include: Flags.string({
      summary: "Restore only what matches, with the folders on the way; may be given several times.",
      description: "The patterns are those of .gitignore, written from the commit's own folder on.",
      helpValue: "PATTERN",
      multiple: true,
      multipleNonGreedy: true,
    }),
    exclude: Flags.string({
      summary: "Do not restore what matches, though it is included; may be given several times.",
      description: "With --delete, what is not included, or is excluded, stays as it is.",
      helpValue: "PATTERN",
      multiple: true,
      multipleNonGreedy: true,
    }),
    "dry-run": Flags.boolean({
      char: "n",
      summary: "List what would be made (+), replaced or changed (~) and deleted (-); touch nothing.",
      default: false,
    }),
    verbose: Flags.boolean({
      char: "v",
      summary: "List what becomes of each path; with --dry-run, also what is right already (=).",
      default: false,
    }),
  };

  async run(): Promise<Restored> {
    const { args, argv, flags } = await this.parse(Restore);
    const startedMs = Date.now();
    const paths = (argv as string[]).slice(1).map(parseCommitPath);
    const isWhole = paths.length === 0 || paths.includes(parseCommitPath(""));
    const target = resolve(flags.to);
    const patterns = { include: patternsOf(flags.include), exclude: patternsOf(flags.exclude) };
    const isPart = !isWhole || patterns.include.length > 0 || patterns.exclude.length > 0;
    const stripped = flags["strip-components"];
    const asked = isWhole ? [] : withoutNested(paths);
    if (flags.delete) {
      if (!haveOwnPlaces(asked, stripped)) refuseToDelete(stripped);
      if (patterns.include.length + patterns.exclude.length === 0 && isAllOfTarget(asked, stripped))
        assertNotRoot(target);
    }
    const isDryRun = flags["dry-run"];
    const project = this.projectOf(flags, ".");
    const connector = await this.open(this.addressOf(flags), { mayCreate: false });
    const progress: RestoreProgress = { files: 0, bytes: 0, filesFetched: 0, filesMended: 0 };
    const talk = new RestoreTalk(this, {
      progress,
      isListing: isDryRun || flags.verbose,
      isCollecting: this.jsonEnabled(),
    });
    try {
      const cache = identityOf(this.config.cacheDir);
      const { commit, ...result } = await restoreCommit({
        connect: () => connector.connect({ project, agent: this.agent, wantTrees: false }),
        commit: args.commit,
        onCommit: ({ counts }) => {
          if (!isPart && stripped === 0) talk.totals = { totalFiles: counts.files, totalBytes: counts.bytes };
        },
        target: byteStringFromText(target),
        paths: asked,
        stripped,
        isNumericOwner: flags["numeric-owner"],
        isDryRun,
        ...(isPart ? { select: selectBy(patterns.include, patterns.exclude) } : {}),
        deletion: flags.delete ? { isSpared: (stats) => isSameFolder(stats, cache) } : undefined,
        tells: { made: isDryRun || flags.verbose, left: flags.verbose },
        onEvent: (event) => talk.hear(event),
        progress,
        signal: this.signal,
      });
      talk.stop();
      const durationMs = Date.now() - startedMs;
      for (const line of describe(result, { id: commit, target, durationMs, isDryRun })) this.log(line);
      this.#complainOf(result, isDryRun);
      if (stripped > 0 && result.files + result.dirs + result.failed + result.skipped === 0)
        this.complain(`nothing to restore: no path that is asked for has more than ${formatCounted(stripped, "name")}`);
      const { failures, replacedPaths, deletedPaths } = talk;
      return {
        commit,
        target,
        isDryRun,
        ...result,
        replacedPaths,
        deletedPaths,
        failures,
        shortfalls: result.shortfalls.map(shortfallData),
        durationMs,
      };
    } finally {
      talk.stop();
      await connector.close();
    }
  }

  #complainOf({ skipped, failed, shortfalls }: RestoreResult, isDryRun: boolean): void {
    for (const shortfall of shortfalls) {
      this.complain(describeShortfall(shortfall));
      if (isLoss(shortfall)) process.exitCode = exitCodes.partly;
    }
    if (skipped > 0) this.complain(`${formatCounted(skipped, "special file")} left out`);
    if (failed > 0)
      this.complain(
        `${formatCounted(failed, "path")} could not be ${isDryRun ? "looked at, or restored" : "restored"}`,
      );
    if (skipped > 0 || failed > 0) process.exitCode = exitCodes.partly;
  }
}

/** Whether what is restored is to be all that is in the target. */
function isAllOfTarget(paths: readonly ByteString[], stripped: number): boolean {
  return paths.length === 0 || paths.some((path) => splitPath(path).length <= stripped);
}

function refuseToDelete(stripped: number): never {
  throw new BakError("USAGE", "--delete cannot tell what is to go where several folders may come to one place", {
    hint: `with --strip-components ${stripped}, name a path of that many names or more, or several that come to different places`,
  });
}

function patternsOf(texts: readonly string[] = []): ByteString[] {
  if (texts.includes("")) throw new BakError("USAGE", "an empty pattern matches nothing");
  return texts.map(byteStringFromText);
}

function describe(
  { files, bytes, left, changed, deleted }: RestoreResult,
  options: { id: string; target: string; durationMs: number; isDryRun: boolean },
): string[] {
  const { id, target, durationMs, isDryRun } = options;
  const parts = [formatCounted(files, "file"), formatBytes(bytes)];
  if (left > 0) parts.push(`${formatCount(left)} right already`);
  if (changed > 0) parts.push(`${formatCount(changed)} right but for attributes`);
  if (deleted > 0) parts.push(`${formatCounted(deleted, "path")} deleted`);
  if (!isDryRun) parts.push(`in ${formatDuration(durationMs)}`);
  return [`${isDryRun ? "would restore" : "restored"} ${shortId(id)} to '${target}': ${parts.join(", ")}`];
}

/** As restic does: nobody means all of a machine. */
function assertNotRoot(target: string): void {
  let real = target;
  try {
    real = realpathSync(target);
  } catch {
    // it is not there, and so not the root
  }
  if (real !== parse(real).root) return;
  throw new BakError("USAGE", `--delete would delete all of '${target}' that is not in the commit`, {
    hint: "name the paths to restore, or restore to a folder of its own",
  });
}
