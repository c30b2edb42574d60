import type { Command } from "@oclif/core/command";
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../cli/base-command.js";
import { completionScript, shells, type Completed, type CompletedCommand, type Shell } from "../cli/completion.js";

export default class Completion extends BaseCommand {
  static override summary = "Write the script that lets a shell complete bak's commands.";
  static override description =
    "Completes commands, their flags, the values that a flag knows, and folders and files where they are wanted.";
  static override examples = [
    {
      description: "bash: in ~/.bashrc",
      command: 'eval "$(<%= config.bin %> <%= command.id %> bash)"',
    },
    {
      description: "zsh: in ~/.zshrc, after compinit",
      command: 'eval "$(<%= config.bin %> <%= command.id %> zsh)"',
    },
    {
      description: "fish: once",
      command: "<%= config.bin %> <%= command.id %> fish > ~/.config/fish/completions/bak.fish",
    },
  ];
  static override args = {
    shell: Args.string({ description: "the shell that is to complete", options: [...shells], required: true }),
  };

  async run(): Promise<{ shell: string; script: string }> {
    const { args } = await this.parse(Completion);
    const script = completionScript(args.shell as Shell, this.config.commands.filter(isShown).map(describe));
    this.log(script.trimEnd());
    return { shell: args.shell, script };
  }
}

function isShown({ hidden }: Command.Loadable): boolean {
  return !hidden;
}

function describe({ id, summary = "", flags, args }: Command.Loadable): CompletedCommand {
  return {
    id,
    summary,
    flags: Object.values(flags)
      .filter(({ hidden }) => !hidden)
      .map((flag) => ({
        name: flag.name,
        char: flag.char,
        summary: flag.summary ?? flag.description ?? "",
        value: flag.type === "option" ? valueOf(flag) : undefined,
        isMultiple: flag.type === "option" && flag.multiple === true,
      })),
    args: Object.values(args).map(argumentOf),
  };
}

/** What a flag's value is, as far as its help says. */
function valueOf({ options, helpValue }: Command.Flag.Cached & { type: "option" }): Completed {
  if (options !== undefined) return { options };
  const named = String(helpValue ?? "");
  if (/\b(FOLDER|DIR)\b/.test(named)) return "folder";
  return /\bFILE\b/.test(named) ? "file" : "nothing";
}

function argumentOf({ name, options }: Command.Arg.Cached): Completed {
  if (options !== undefined) return { options };
  if (name === "folder" || name === "store") return "folder";
  return name === "commit" ? "commit" : "nothing";
}
