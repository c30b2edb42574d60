/** The lines of how a command is called that say nothing of its own: names, what must be given, and that there is more. */

/** What a command says of itself, as oclif's manifest has it. */
export interface CommandShape {
  readonly id: string;
  readonly usage?: string | readonly string[] | undefined;
  readonly args?: Readonly<
    Record<string, { name: string; required?: boolean | undefined; hidden?: boolean | undefined }>
  >;
  readonly flags?: Readonly<Record<string, FlagShape>>;
}

interface FlagShape {
  readonly name: string;
  readonly type: string;
  readonly required?: boolean | undefined;
  readonly hidden?: boolean | undefined;
  readonly multiple?: boolean | undefined;
  readonly helpValue?: string | readonly string[] | undefined;
}

/** Each begins with the command's name: `restore [COMMIT] [PATH...] --to DIR [OPTION...]`. */
export function usageLines({ id, usage, args = {}, flags = {} }: CommandShape): string[] {
  const name = id.replaceAll(":", " ");
  if (usage !== undefined) return [usage].flat().map((line) => line.replace("<%= command.id %>", name));
  const shown = Object.values(args).filter(({ hidden }) => hidden !== true);
  const needed = Object.values(flags).filter(({ required, hidden }) => required === true && hidden !== true);
  const words = [
    ...shown.map((arg) => (arg.required === true ? arg.name.toUpperCase() : `[${arg.name.toUpperCase()}]`)),
    ...needed.map((flag) => `--${flag.name}${flag.type === "option" ? ` ${valueOf(flag)}` : ""}`),
  ];
  return [[name, ...words, "[OPTION...]"].join(" ")];
}

/** Whether an argument may be given several times, as the command's lines say. */
export function isRepeated(command: CommandShape, arg: string): boolean {
  return usageLines(command).some((line) => line.includes(`${arg.toUpperCase()}...`));
}

function valueOf({ helpValue = "VALUE", multiple }: FlagShape): string {
  return `${[helpValue].flat()[0]}${multiple === true ? "..." : ""}`;
}
