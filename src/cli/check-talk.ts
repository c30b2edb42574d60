/** What a check says to a person: how far it is, and what to do about what it has found. */
import type { StoreProgress, StoreReport } from "../client/remote.js";
import { unreachable } from "../errors.js";
import { formatBytes, formatCount, formatCounted } from "./format.js";

/** Where a check is, in a few words. */
export function describeProgress({ phase, done, total }: StoreProgress): string {
  const known = phaseOf(phase);
  switch (known) {
    case "files":
      return `looking at packs: ${formatCount(done)} of ${formatCount(total)}`;
    case "packs":
      return `reading packs: ${formatBytes(done)} of ${formatBytes(total)}`;
    case "commits":
      return `looking at commits: ${formatCount(done)}`;
    case undefined:
      return "checking";
    default:
      return unreachable(known);
  }
}

function phaseOf(text: string): "files" | "packs" | "commits" | undefined {
  return text === "files" || text === "packs" || text === "commits" ? text : undefined;
}

/** What has been looked at. */
export function describeReport(report: StoreReport): string {
  const { packs, packsRead, bytesRead, objects, commits, faults, repaired } = report;
  const counted = `${formatCounted(packs, "pack")}, ${formatCounted(objects, "object")}, ${formatCounted(commits, "commit")}`;
  const read = packsRead === 0 ? "" : `; read ${formatCounted(packsRead, "pack")}, ${formatBytes(bytesRead)}`;
  const found = faults === 0 ? "no faults" : formatCounted(faults, "fault");
  return `checked ${counted}${read}: ${found}${repaired === 0 ? "" : `, ${formatCount(repaired)} repaired`}`;
}

/** What to do next, where something is wrong. */
export function adviceFor(
  { faults, incompleteHeads }: StoreReport,
  { isRepairing }: { isRepairing: boolean },
): string[] {
  if (faults === 0) return [];
  if (!isRepairing)
    return [
      "'bak check --repair' sets damaged packs aside, keeps what is intact of them, and has the next push send what is lost",
    ];
  if (incompleteHeads === 0) return ["'bak check' says what is left to be done"];
  const heads = `the latest commit of ${formatCounted(incompleteHeads, "project")}`;
  return [`${heads} lacks something: push again from where the files are, and what they still have is sent`];
}

const partPattern = /^(?:(\d{1,3}(?:\.\d)?)%|([1-9]\d{0,8})\/([1-9]\d{0,8}))$/;

/** How much `10%` or `1/10` is, in thousandths, rounded up; undefined for another text, and for nothing or more than all. */
export function parsePart(text: string): number | undefined {
  const [, percent, part, parts] = partPattern.exec(text) ?? [];
  if (part !== undefined && parts !== undefined)
    return Number(part) > Number(parts) ? undefined : Math.ceil(1000 / Number(parts));
  const permille = Math.round(Number(percent) * 10); // NaN for no number
  return permille >= 1 && permille <= 1000 ? permille : undefined;
}
