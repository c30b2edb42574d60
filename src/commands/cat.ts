import * as Args from "@oclif/core/args";
import { parseCommitAndPath } from "../cli/commit-path.js";
import { withOutput } from "../cli/output.js";
import { StoreCommand } from "../cli/store-command.js";
import { catFiles, findFile, type FoundFile } from "../client/cat.js";
import { findCommit, readCommit } from "../client/history.js";
import type { Commit } from "../objects/commit.js";

export default class Cat extends StoreCommand {
  static override summary = "Write a file of a commit to stdout.";
  static override description =
    "A file is named as in git: COMMIT:PATH, or PATH alone for the latest commit. Several are written one after the other. Everything is compared with its hash before it is written; at the first bytes that are damaged in the store, bak ends with an error.";
  static override enableJsonFlag = false; // stdout has the file
  static override strict = false;
  static override usage = ["<%= command.id %> [COMMIT:]PATH... [OPTION...]"];
  static override examples = [
    {
      description: "A file as it is in the latest commit",
      command: "<%= config.bin %> <%= command.id %> notes/todo.txt",
    },
    {
      description: "As it was before November",
      command: "<%= config.bin %> <%= command.id %> @2026-11-01:notes/todo.txt > todo.old",
    },
    {
      description: "What has been pushed with 'bak push --stdin --name dump.sql'",
      command: "<%= config.bin %> <%= command.id %> head:dump.sql -p laptop-dump.sql | psql db",
    },
  ];
  static override args = {
    path: Args.string({
      description: "a file: head:photos/sea.jpg, or photos/sea.jpg",
      required: true,
      ignoreStdin: true,
    }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Cat);
    const wanted = (argv as string[]).map((text) => parseCommitAndPath(text, "path"));
    const { signal } = this;
    await this.withSteadyRemote(
      flags,
      async (remote) => {
        const commits = new Map<string, Commit>();
        const files: FoundFile[] = [];
        for (const { commit: name, path } of wanted) {
          const commit = commits.get(name) ?? (await readCommit(remote.now, await findCommit(remote.now, name)));
          commits.set(name, commit);
          files.push(await findFile(remote, commit, path));
        }
        await withOutput({ signal }, (sink) => catFiles(remote, files, { sink, signal }));
      },
      (event) => this.tellReconnecting(event),
    );
  }
}
