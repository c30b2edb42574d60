/** What `--help` writes: oclif's help, but for how a command is called. */
import { CommandHelp, Help } from "@oclif/core/help";
import { isRepeated, usageLines } from "./usage.js";

class OneCommandHelp extends CommandHelp {
  /** oclif would list every flag, and cannot say which exclude others. */
  protected override defaultUsage(): string {
    return usageLines(this.command).join("\n");
  }

  /** oclif takes each argument of a command that looks at its arguments itself for one that may be given several times. */
  protected override args(args: Parameters<CommandHelp["args"]>[0]): ReturnType<CommandHelp["args"]> {
    return super.args(args)?.map(([name, ...rest], at) => {
      const isMany = isRepeated(this.command, args[at]?.name ?? "");
      return [isMany ? name : name.replace("...", ""), ...rest];
    });
  }
}

export default class BakHelp extends Help {
  protected override CommandHelpClass = OneCommandHelp;
}
