/** What shells need to complete bak's commands, as scripts of their own: bash, zsh and fish. Pure. */

/** What is completed as the value of a flag, or as an argument. */
export type Completed = "folder" | "file" | "commit" | "nothing" | { readonly options: readonly string[] };

/** A flag, as scripts need it. */
export interface CompletedFlag {
  readonly name: string;
  /** Its short form, a letter. */
  readonly char?: string | undefined;
  readonly summary: string;
  /** undefined for a flag without one. */
  readonly value?: Completed | undefined;
  readonly isMultiple: boolean;
}

/** A command, as scripts need it. */
export interface CompletedCommand {
  readonly id: string;
  readonly summary: string;
  readonly flags: readonly CompletedFlag[];
  /** In their order; the last one also stands for all after it, if the command takes several. */
  readonly args: readonly Completed[];
}

/** For which there are scripts. */
export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

const writers: Readonly<Record<Shell, (commands: readonly CompletedCommand[]) => string>> = {
  bash: writeBash,
  zsh: writeZsh,
  fish: writeFish,
};

/** The script that teaches a shell to complete these commands of `bak`. */
export function completionScript(shell: Shell, commands: readonly CompletedCommand[]): string {
  return writers[shell](commands);
}

/** What may be typed in place of a commit without asking the store. */
const commitWords = ["head", "head~1"];
const helpFlag: CompletedFlag = { name: "help", summary: "Show how the command is used.", isMultiple: false };
/** For what a script needs that every command has. */
const withHelp = ({ flags }: CompletedCommand): CompletedFlag[] => [...flags, helpFlag];

/** In single quotes, as all three shells read it; only fish reads backslashes within them. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function namesOf({ name, char }: CompletedFlag): string[] {
  return char === undefined ? [`--${name}`] : [`-${char}`, `--${name}`];
}

// bash

function writeBash(commands: readonly CompletedCommand[]): string {
  const ids = [...commands.map(({ id }) => id), "help"];
  return `# bash completion for bak: eval "$(bak completion bash)"
_bak_words() {
  local IFS=$' \\t\\n'
  COMPREPLY=($(compgen -W "$1" -- "$2"))
}
_bak_paths() {
  local IFS=$'\\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen "$1" -- "$2"))
}
_bak() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" command="" place=0 at
  COMPREPLY=()
  # bash takes --flag=value apart at the equals sign
  if [[ "$current" == = ]]; then current=""; elif [[ "$previous" == = ]]; then previous="\${COMP_WORDS[COMP_CWORD - 2]}"; fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "\${COMP_WORDS[at]}" in
      -*) ;;
      *)
        if [[ -z "$command" ]]; then command="\${COMP_WORDS[at]}"; else place=$((place + 1)); fi
        ;;
    esac
  done
  if [[ -z "$command" ]]; then
    _bak_words ${quote([...ids, "--help", "--version"].join(" "))} "$current"
    return
  fi
  case "$command $previous" in
${commands.flatMap((command) => withHelp(command).flatMap((flag) => bashValue(command, flag))).join("\n")}
  esac
  case "$command" in
${commands.map(bashCommand).join("\n")}
    help) _bak_words ${quote(ids.join(" "))} "$current" ;;
  esac
}
complete -F _bak bak
`;
}

function bashValue({ id }: CompletedCommand, flag: CompletedFlag): string[] {
  if (flag.value === undefined) return [];
  const patterns = namesOf(flag).map((name) => quote(`${id} ${name}`));
  return [`    ${patterns.join("|")})\n      ${bashWords(flag.value)}\n      return\n      ;;`];
}

function bashCommand(command: CompletedCommand): string {
  const flags = withHelp(command).map(({ name }) => `--${name}`);
  const [first = "nothing", ...more] = command.args;
  const rest = more.at(-1) ?? first;
  const words =
    first === rest ? bashWords(rest) : `if [[ $place -eq 0 ]]; then ${bashWords(first)}; else ${bashWords(rest)}; fi`;
  return `    ${command.id})
      if [[ "$current" == -* ]]; then _bak_words ${quote(flags.join(" "))} "$current"; else ${words}; fi
      ;;`;
}

function bashWords(completed: Completed): string {
  if (typeof completed === "object") return `_bak_words ${quote(completed.options.join(" "))} "$current"`;
  if (completed === "folder") return `_bak_paths -d "$current"`;
  if (completed === "file") return `_bak_paths -f "$current"`;
  return completed === "commit" ? `_bak_words ${quote(commitWords.join(" "))} "$current"` : ":";
}

// zsh

function writeZsh(commands: readonly CompletedCommand[]): string {
  const described = commands.map(({ id, summary }) => `      ${quote(`${id.replaceAll(":", "\\:")}:${summary}`)}`);
  return `#compdef bak
# zsh completion for bak: in a folder of $fpath as _bak, or eval "$(bak completion zsh)" after compinit
_bak() {
  local curcontext="$curcontext" state line
  local -a commands
  _arguments -C '(- *)--help[Show help.]' '(- *)--version[Show the version.]' '1: :->command' '*:: :->arguments' && return
  case $state in
  command)
    commands=(
${described.join("\n")}
      'help:Show help.'
    )
    _describe -t commands command commands
    ;;
  arguments)
    case $line[1] in
${commands.map(zshCommand).join("\n")}
    esac
    ;;
  esac
}
if [[ $funcstack[1] == _bak ]]; then _bak "$@"; else compdef _bak bak; fi
`;
}

function zshCommand(command: CompletedCommand): string {
  const [first = "nothing", ...more] = command.args;
  const rest = more.at(-1) ?? first;
  const args =
    command.args.length === 0
      ? []
      : [`1: :${zshAction(first)}`, ...(more.length === 0 ? [] : [`*: :${zshAction(rest)}`])];
  const specs = [...withHelp(command).map(zshFlag), ...args.map(quote)];
  return `    ${command.id})\n      _arguments -s ${specs.join(" \\\n        ")}\n      ;;`;
}

function zshFlag(flag: CompletedFlag): string {
  const names = namesOf(flag);
  const summary = `[${flag.summary.replaceAll(/[[\]]/g, "\\$&").replaceAll(":", "\\:")}]`;
  const value = flag.value === undefined ? "" : `: :${zshAction(flag.value)}`;
  const long = flag.value === undefined ? "" : "=";
  const ways = names.map((name) => (name.startsWith("--") ? name + long : name));
  if (flag.isMultiple) return ways.map((way) => quote(`*${way}${summary}${value}`)).join(" ");
  return ways.map((way) => quote(`(${names.join(" ")})${way}${summary}${value}`)).join(" ");
}

function zshAction(completed: Completed): string {
  if (typeof completed === "object") return `(${completed.options.join(" ")})`;
  if (completed === "folder") return "_files -/";
  if (completed === "file") return "_files";
  return completed === "commit" ? `(${commitWords.join(" ")})` : " ";
}

// fish

function writeFish(commands: readonly CompletedCommand[]): string {
  const ids = [...commands.map(({ id }) => id), "help"];
  const lines = [
    "# fish completion for bak: bak completion fish > ~/.config/fish/completions/bak.fish",
    "complete -c bak -f",
    ...commands.map(({ id, summary }) => `complete -c bak -n __fish_use_subcommand -a ${id} -d ${quoteFish(summary)}`),
    `complete -c bak -n __fish_use_subcommand -a help -d ${quoteFish("Show help.")}`,
    `complete -c bak -n __fish_use_subcommand -l version -d ${quoteFish("Show the version.")}`,
    `complete -c bak -n '__fish_seen_subcommand_from help' -a ${quoteFish(ids.join(" "))}`,
    ...commands.flatMap(fishCommand),
  ];
  return `${lines.join("\n")}\n`;
}

function fishCommand(command: CompletedCommand): string[] {
  const start = `complete -c bak -n '__fish_seen_subcommand_from ${command.id}'`;
  const flags = withHelp(command).map((flag) => {
    const short = flag.char === undefined ? "" : ` -s ${flag.char}`;
    // -x: nothing but what is named here; -r: files, too
    const value = flag.value === undefined ? "" : `${flag.value === "file" ? " -r" : " -x"}${fishWords(flag.value)}`;
    return `${start} -l ${flag.name}${short}${value} -d ${quoteFish(flag.summary)}`;
  });
  const args = [...new Set(command.args.map(fishWords))].filter((words) => words !== "");
  return [...flags, ...args.map((words) => start + words)];
}

function fishWords(completed: Completed): string {
  if (typeof completed === "object") return ` -a ${quoteFish(completed.options.join(" "))}`;
  if (completed === "folder") return " -a '(__fish_complete_directories)'";
  if (completed === "file") return " -F";
  return completed === "commit" ? ` -a ${quoteFish(commitWords.join(" "))}` : "";
}

function quoteFish(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
