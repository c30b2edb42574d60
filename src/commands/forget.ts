import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { formatCount, formatCounted, formatTime, shortId } from "../cli/format.js";
import { policyFlags, policyOf } from "../cli/policy-flags.js";
import { StoreCommand } from "../cli/store-command.js";
import { planForget, planForgetNamed, planUndo } from "../client/forget.js";
import type { Remote } from "../client/remote.js";
import type { Judged, Policy, Received } from "../client/retention.js";
import { BakError } from "../errors.js";

interface Line {
  commit: string;
  received: string;
}

interface Forgot {
  project: string;
  isDryRun: boolean;
  kept: (Line & { reasons: readonly string[] })[];
  forgotten: Line[];
  broughtBack: Line[];
  /** Until then what was forgotten can be brought back for certain. */
  until: string | null;
}

export default class Forget extends StoreCommand {
  static override summary = "Take commits out of a project's history, by rules or by name.";
  static override description =
    "Lists each commit, newest first, and why it is kept, or that it goes. A commit that any rule keeps is kept; times are those at which the store received the commits, hours to years are of local time, and where a rule finds fewer than it asks for, the oldest commit stays too. What goes can be brought back with --undo, for 7 days at least; the space is free once 'bak gc' has run after that.";
  static override strict = false;
  static override usage = [
    "<%= command.id %> --keep-last N [--keep-daily N] [OPTION...]",
    "<%= command.id %> COMMIT... [OPTION...]",
    "<%= command.id %> --undo [COMMIT...] [OPTION...]",
  ];
  static override examples = [
    {
      description: "A week of days, a month of weeks, a year of months: what would go?",
      command: "<%= config.bin %> <%= command.id %> --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --dry-run",
    },
    {
      description: "One commit",
      command: "<%= config.bin %> <%= command.id %> 5a0bb91d",
    },
    {
      description: "Bring back all that can be brought back",
      command: "<%= config.bin %> <%= command.id %> --undo",
    },
  ];
  static override args = {
    commit: Args.string({ description: "an id or its beginning, head, head~3, @2026-11-01; several may be named" }),
  };
  static override flags = {
    ...policyFlags,
    "dry-run": Flags.boolean({ char: "n", summary: "Only say what would be done.", default: false }),
    undo: Flags.boolean({ summary: "Bring back what was forgotten: the commits named, or all.", default: false }),
  };

  async run(): Promise<Forgot> {
    const { argv, flags } = await this.parse(Forget);
    const names = argv as string[];
    const policy = policyOf(flags);
    if (policy !== undefined && (flags.undo || names.length > 0)) {
      throw new BakError("USAGE", `${flags.undo ? "--undo" : "names of commits"} and --keep rules do not go together`, {
        hint: "say what to keep, or name commits, or bring some back",
      });
    }
    return this.withRemote(flags, async (remote) => {
      if (flags.undo) return this.#undo(remote, names, flags["dry-run"]);
      return this.#forget(remote, await this.#plan(remote, names, policy), flags["dry-run"]);
    });
  }

  #plan(remote: Remote, names: readonly string[], policy: Policy | undefined): Promise<Judged<Received>[]> {
    if (policy !== undefined) return planForget(remote, policy);
    if (names.length > 0) return planForgetNamed(remote, names);
    throw new BakError("USAGE", "nothing says what to forget", {
      hint: "say what to keep, such as --keep-daily 7 --keep-monthly 12, or name commits; --dry-run shows what would go",
    });
  }

  async #forget(remote: Remote, judged: readonly Judged<Received>[], isDryRun: boolean): Promise<Forgot> {
    for (const { line, reasons } of judged) {
      const verdict = reasons.length > 0 ? "keep  " : "forget";
      this.log(`${verdict}  ${shortId(line.commit)}  ${formatTime(line.receivedMs)}  ${reasons.join(", ")}`.trimEnd());
    }
    const kept = judged.filter(({ reasons }) => reasons.length > 0);
    const goes = judged.filter(({ reasons }) => reasons.length === 0).map(({ line }) => line);
    if (!isDryRun) await remote.forget([...new Set(goes.map(({ commit }) => commit))], { undo: false });
    const untilMs = isDryRun || goes.length === 0 ? undefined : await lastChance(remote);
    const verb = isDryRun ? "would forget" : "forgot";
    const undo = untilMs === undefined ? "" : `; 'bak forget --undo' can bring back, until ${formatTime(untilMs)}`;
    const rest = kept.length > 0 ? `, kept ${formatCount(kept.length)}` : "";
    this.log(`${verb} ${formatCounted(goes.length, "commit")} of '${remote.project}'${rest}${undo}`);
    return {
      project: remote.project,
      isDryRun,
      kept: kept.map(({ line, reasons }) => ({ ...asData(line), reasons })),
      forgotten: goes.map(asData),
      broughtBack: [],
      until: untilMs === undefined ? null : new Date(untilMs).toISOString(),
    };
  }

  async #undo(remote: Remote, names: readonly string[], isDryRun: boolean): Promise<Forgot> {
    const lines = await planUndo(remote, names);
    for (const line of lines) this.log(`${shortId(line.commit)}  ${formatTime(line.receivedMs)}`);
    if (!isDryRun) {
      await remote.forget([...new Set(lines.map(({ commit }) => commit))], { undo: true });
    }
    const verb = isDryRun ? "would bring back" : "brought back";
    this.log(`${verb} ${formatCounted(lines.length, "commit")} of '${remote.project}'`);
    const broughtBack = lines.map(asData);
    return { project: remote.project, isDryRun, kept: [], forgotten: [], broughtBack, until: null };
  }
}

/** Until when what was forgotten last can be brought back. */
async function lastChance(remote: Remote): Promise<number | undefined> {
  for await (const { untilMs } of remote.forgotten()) return untilMs;
  return undefined;
}

function asData({ commit, receivedMs }: Received): Line {
  return { commit, received: new Date(receivedMs).toISOString() };
}
