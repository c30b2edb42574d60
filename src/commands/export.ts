import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { parseCommitPath } from "../cli/commit-path.js";
import { formatBytes, formatCounted, formatDuration, shortId } from "../cli/format.js";
import { withOutput } from "../cli/output.js";
import { showProgress } from "../cli/progress.js";
import { commitArgument, StoreCommand } from "../cli/store-command.js";
import { exportCommit, type ExportEvent, type ExportResult } from "../client/export-commit.js";
import { findCommit, readCommit } from "../client/history.js";
import { BakError, exitCodes, unreachable } from "../errors.js";
import { displayName } from "../objects/byte-string.js";

interface Exported extends ExportResult {
  commit: string;
  file: string;
  failures: { path: string; why: string }[];
  durationMs: number;
}

const lostWhy = "its content is damaged or missing in the store";

export default class Export extends StoreCommand {
  static override summary = "Write a commit, or some of its paths, as a tar.";
  static override description =
    "To stdout, or to a file, which appears when it is whole. Any tar reads it; GNU tar also sets what PAX headers hold: 'tar --xattrs --xattrs-include=* --acls -x', as root, gives back what 'bak restore' would. Sockets are left out, and told of. A file whose content is damaged in the store is named and left out; bak then exits with 3.";
  static override strict = false;
  static override usage = ["<%= command.id %> [COMMIT] [PATH...] [OPTION...]"];
  static override examples = [
    {
      description: "The latest commit, onto another machine",
      command: "<%= config.bin %> <%= command.id %> | ssh nas 'tar -x -C /srv/photos'",
    },
    {
      description: "One folder as it was before November, as a tar.gz",
      command: "<%= config.bin %> <%= command.id %> @2026-11-01 photos/2024 --gzip -o photos.tar.gz",
    },
    {
      description: "All of it, with extended attributes and ACLs",
      command:
        "<%= config.bin %> <%= command.id %> | tar -x --xattrs --xattrs-include='*' --acls --numeric-owner -C /mnt",
    },
  ];
  static override args = {
    commit: commitArgument,
    path: Args.string({ description: "paths in it; all of it if there are none", ignoreStdin: true }),
  };
  static override flags = {
    output: Flags.string({ char: "o", summary: "The file to write; if not given, stdout.", helpValue: "FILE" }),
    gzip: Flags.boolean({ char: "z", summary: "Compress it with gzip." }),
  };

  async run(): Promise<Exported> {
    const { args, argv, flags } = await this.parse(Export);
    const startedMs = Date.now();
    const file = flags.output === "-" ? undefined : flags.output;
    this.#assertOutput(file);
    const asked = (argv as string[]).slice(1).map(parseCommitPath);
    const paths = asked.includes(parseCommitPath("")) ? [] : asked;
    const { signal } = this;
    const progress = { files: 0, bytes: 0 };
    let totals: { totalFiles: number; totalBytes: number } | undefined;
    const line = showProgress(() => ({ ...progress, totalFiles: totals?.totalFiles, totalBytes: totals?.totalBytes }));
    const failures: Exported["failures"] = [];
    const hear = (event: ExportEvent): void => {
      if (event.type !== "skipped") failures.push({ path: displayName(event.path), why: lostWhy });
      line.around(() => this.complain(describeEvent(event)));
    };
    try {
      return await this.withSteadyRemote(
        flags,
        async (remote) => {
          const id = await findCommit(remote.now, args.commit);
          const content = await readCommit(remote.now, id);
          const { counts } = content;
          if (paths.length === 0) totals = { totalFiles: counts.files, totalBytes: counts.bytes };
          const result = await withOutput({ file, isGzipped: flags.gzip, signal }, (sink) =>
            exportCommit(remote, { id, content }, { sink, paths, onEvent: hear, progress, signal }),
          );
          line.stop();
          const durationMs = Date.now() - startedMs;
          this.#report(result, { id, file, durationMs });
          return { commit: id, file: file ?? "-", ...result, failures, durationMs };
        },
        (event) => line.around(() => this.tellReconnecting(event)),
      );
    } finally {
      line.stop();
    }
  }

  #assertOutput(file: string | undefined): void {
    if (file !== undefined) return;
    const hint = "name a file with -o, or write into a pipe";
    if (this.jsonEnabled()) throw new BakError("USAGE", "stdout cannot have both the tar and --json", { hint });
    if (process.stdout.isTTY) throw new BakError("USAGE", "a tar is nothing for a terminal", { hint });
  }

  #report(
    result: ExportResult,
    { id, file, durationMs }: { id: string; file: string | undefined; durationMs: number },
  ): void {
    const what = `${formatCounted(result.files, "file")}, ${formatBytes(result.bytes)}`;
    const text = `exported ${shortId(id)}: ${what}, in ${formatDuration(durationMs)}`;
    if (file === undefined) this.complain(text);
    else this.log(text);
    if (result.failed === 0) return;
    this.complain(`${formatCounted(result.failed, "file")} could not be exported`);
    process.exitCode = exitCodes.partly;
  }
}

function describeEvent(event: ExportEvent): string {
  const path = displayName(event.path);
  switch (event.type) {
    case "skipped":
      return `left out '${path}': a tar has no sockets`;
    case "lost":
      return `left out '${path}': ${lostWhy}`;
    case "zeroed":
      return `'${path}' has zeros for ${formatBytes(event.sizeBytes)} of it: its content is damaged or missing in the store`;
    default:
      return unreachable(event);
  }
}
