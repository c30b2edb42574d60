import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { formatCounted, shortId } from "../cli/format.js";
import { StoreCommand } from "../cli/store-command.js";
import { assertTags, tagCommits, type Tagged } from "../client/tag.js";
import { BakError } from "../errors.js";
import { oneLine } from "../objects/one-line.js";

export default class Tag extends StoreCommand {
  static override summary = "Change the tags of commits.";
  static override description =
    "A commit's id is made of its content, tags included: one with other tags takes the place of the old one in the history, at the time at which that was received. 'bak forget --keep-tag' keeps commits by their tags.";
  static override strict = false;
  static override usage = ["<%= command.id %> [COMMIT...] [--add TAG] [--remove TAG] [--set TAG] [OPTION...]"];
  static override examples = [
    { description: "Tag the latest commit", command: "<%= config.bin %> <%= command.id %> --add before-the-move" },
    { description: "Untag two", command: "<%= config.bin %> <%= command.id %> 5a0bb91d head~3 --remove keep" },
    {
      description: "Give one exactly these tags",
      command: "<%= config.bin %> <%= command.id %> 5a0bb91d --set keep --set taxes",
    },
  ];
  static override args = {
    commit: Args.string({
      description: "an id or its beginning, head, head~3, @2026-11-01; several may be named, the head if none is",
    }),
  };
  static override flags = {
    add: Flags.string({ multiple: true, helpValue: "TAG", summary: "Add a tag; may be given several times." }),
    remove: Flags.string({ multiple: true, helpValue: "TAG", summary: "Take a tag away; may be given several times." }),
    set: Flags.string({ multiple: true, helpValue: "TAG", summary: "Replace all tags by these; '' stands for none." }),
  };

  async run(): Promise<{ project: string; commits: readonly Tagged[] }> {
    const { argv, flags } = await this.parse(Tag);
    const { add = [], remove = [] } = flags;
    const set = flags.set?.filter((tag) => tag !== "");
    if (add.length + remove.length === 0 && set === undefined) {
      throw new BakError("USAGE", "nothing says what tags", { hint: "use --add, --remove or --set" });
    }
    assertTags([...add, ...(set ?? [])]);
    const names = argv.length === 0 ? ["head"] : (argv as string[]);
    return this.withRemote(flags, async (remote) => {
      const commits = await tagCommits(remote, names, { add, remove, set });
      for (const { before, after, tags } of commits) {
        const became = before === after ? "" : ` is now ${shortId(after)}`;
        const words = [`${shortId(before)}${became}`, ...tags.map((tag) => `[${oneLine(tag)}]`)];
        this.log(words.join("  "));
      }
      const changed = commits.filter(({ before, after }) => before !== after).length;
      this.log(`changed ${formatCounted(changed, "commit")} of '${remote.project}'`);
      return { project: remote.project, commits };
    });
  }
}
