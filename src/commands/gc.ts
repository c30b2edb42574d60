import * as Flags from "@oclif/core/flags";
import { describeCollected, describeCollecting, describeLeft, freedBytes, graceMsOf } from "../cli/gc-talk.js";
import { showLine } from "../cli/progress.js";
import { StoreCommand } from "../cli/store-command.js";
import type { Collected, StoreProgress } from "../client/remote.js";

interface Cleaned extends Collected {
  isDryRun: boolean;
  bytesFreed: number;
}

export default class Gc extends StoreCommand {
  static override summary = "Free the space of what was forgotten, or never finished.";
  static override description =
    "Deletes from a store what no commit of any project needs. What is younger than the grace stays: commits forgotten since then can be brought back, and pushes that were interrupted go on where they were. Runs beside pushes and restores, and can be interrupted at any time. Packs with much waste are rewritten, and many small ones joined.";
  static override examples = [
    { description: "Clean the store on this machine", command: "<%= config.bin %> <%= command.id %>" },
    {
      description: "See what that would free on a server",
      command: "<%= config.bin %> <%= command.id %> -s ws://nas --dry-run",
    },
    {
      description: "Free at once what was forgotten: it can't be brought back after that",
      command: "<%= config.bin %> <%= command.id %> --grace 0",
    },
  ];
  static override baseFlags = { ...StoreCommand.baseFlags, project: Flags.string({ hidden: true }) };
  protected override readonly isAboutAll = true;
  static override flags = {
    grace: Flags.string({
      summary: "Keep what came, or was forgotten, so short a time ago.",
      description: "Such as 7d, 2d12h or 1m; 0 keeps nothing.",
      default: "7d",
      helpValue: "DURATION",
    }),
    "dry-run": Flags.boolean({ char: "n", summary: "Only say what would be freed.", default: false }),
  };

  async run(): Promise<Cleaned> {
    const { flags } = await this.parse(Gc);
    const [isDryRun, graceMs] = [flags["dry-run"], graceMsOf(flags.grace, Date.now())];
    return this.withRemote({ server: flags.server }, async (remote) => {
      let progress: StoreProgress | undefined;
      const line = showLine(() => (progress === undefined ? "cleaning" : describeCollecting(progress)));
      try {
        const collected = await remote.collect({ graceMs, isDryRun }, (now) => (progress = now));
        line.stop();
        for (const text of describeCollected(collected, { isDryRun })) this.log(text);
        for (const text of describeLeft(collected)) this.complain(text);
        return { isDryRun, bytesFreed: freedBytes(collected), ...collected };
      } finally {
        line.stop();
      }
    });
  }
}
