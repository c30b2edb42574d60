import * as Flags from "@oclif/core/flags";
import { adviceFor, describeProgress, describeReport, parsePart } from "../cli/check-talk.js";
import { showLine } from "../cli/progress.js";
import { StoreCommand } from "../cli/store-command.js";
import type { StoreFinding, StoreProgress, StoreReport } from "../client/remote.js";
import { BakError, exitCodes } from "../errors.js";

interface Checked extends StoreReport {
  findings: StoreFinding[];
}

export default class Check extends StoreCommand {
  static override summary = "Verify a store: that all is there that its commits need, and undamaged.";
  static override description =
    "Looks at every pack, index and log, and at all that every commit of every project reaches. With --read-data it also reads the packs and compares their hashes. Each fault is a line on stdout: which file of the store, and which paths of which commits that touches. Exits with 1 if there are any. It runs beside pushes and restores.";
  static override examples = [
    { description: "Is everything there?", command: "<%= config.bin %> <%= command.id %> -s ws://nas" },
    { description: "Read every byte, too", command: "<%= config.bin %> <%= command.id %> --read-data" },
    {
      description: "A tenth of it each day: what was read longest ago comes first",
      command: "<%= config.bin %> <%= command.id %> --read-data-subset 10%",
    },
    {
      description: "Set damaged packs aside, keep what is intact of them, and let the next push send the rest",
      command: "<%= config.bin %> <%= command.id %> --read-data --repair",
    },
  ];
  static override baseFlags = { ...StoreCommand.baseFlags, project: Flags.string({ hidden: true }) };
  protected override readonly isAboutAll = true;
  static override flags = {
    "read-data": Flags.boolean({ summary: "Read all packs and compare their hashes." }),
    "read-data-subset": Flags.string({
      summary: "Read a part of them, those first that were read longest ago.",
      description: "As 10%, or as 1/10, 2/10 and so on, which all stand for a tenth.",
      helpValue: "PART",
      exclusive: ["read-data"],
    }),
    repair: Flags.boolean({
      default: false,
      summary:
        "Move damaged packs into the store's folder 'damaged', keep what is intact of them, and make indexes again.",
    }),
  };

  async run(): Promise<Checked> {
    const { flags } = await this.parse(Check);
    const readPermille = this.#partToRead(flags);
    return this.withRemote({ server: flags.server }, async (remote) => {
      const findings: StoreFinding[] = [];
      let progress: StoreProgress | undefined;
      const line = showLine(() => (progress === undefined ? "checking" : describeProgress(progress)));
      try {
        const report = await remote.check(
          { readPermille, repair: flags.repair },
          {
            progress: (now) => (progress = now),
            finding: (finding) => {
              line.around(() => this.log(`${finding.subject}: ${finding.why}`));
              if (this.jsonEnabled()) findings.push(finding); // no more than a check may tell of
            },
          },
        );
        line.stop();
        this.#conclude(report, flags.repair);
        return { ...pick(report), findings };
      } finally {
        line.stop();
      }
    });
  }

  #partToRead(flags: { "read-data": boolean; "read-data-subset"?: string | undefined }): number {
    const text = flags["read-data-subset"];
    if (text === undefined) return flags["read-data"] ? 1000 : 0;
    const part = parsePart(text);
    if (part !== undefined) return part;
    throw new BakError("USAGE", "--read-data-subset: expected a part such as 10% or 1/10", {
      hint: "see 'bak check --help'",
    });
  }

  #conclude(report: StoreReport, isRepairing: boolean): void {
    if (report.faults === 0) return this.log(describeReport(report));
    process.exitCode = exitCodes.failed;
    this.complain(describeReport(report));
    for (const advice of adviceFor(report, { isRepairing })) this.say(`     ${advice}`);
  }
}

/** What the store has answered, without what belongs to the message. */
function pick(report: StoreReport): StoreReport {
  const { packs, packsRead, bytesRead, objects, commits, faults, repaired, incompleteHeads } = report;
  return { packs, packsRead, bytesRead, objects, commits, faults, repaired, incompleteHeads };
}
