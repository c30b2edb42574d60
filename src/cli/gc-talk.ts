/** What cleaning a store says to a person: how far it is, and what it has come to. */
import type { Collected, StoreProgress } from "../client/remote.js";
import { parseSpan, timeBefore } from "../client/span.js";
import { formatBytes, formatCount, formatCounted } from "./format.js";

/** Where the cleaning is, in a few words. */
export function describeCollecting({ phase, done, total }: StoreProgress): string {
  switch (phase) {
    case "marking":
      return `looking for what is in use: ${formatCounted(done, "object")}`;
    case "counting":
      return `looking at packs: ${formatCount(done)} of ${formatCount(total)}`;
    case "deleting":
      return `deleting ${formatCounted(total, "pack")}`;
    case "rewriting":
      return `rewriting packs: ${formatBytes(done)} of ${formatBytes(total)}`;
    default:
      return "cleaning"; // of a later server
  }
}

/** How many bytes there are less. */
export function freedBytes({ bytesDeleted, bytesRewritten, bytesMade }: Collected): number {
  return Math.max(bytesDeleted + bytesRewritten - bytesMade, 0);
}

/** What was done, or would be; a line each. */
export function describeCollected(collected: Collected, { isDryRun }: { isDryRun: boolean }): string[] {
  const { packsDeleted, bytesDeleted, packsRewritten, bytesRewritten, packsMade, commitsDropped } = collected;
  const would = isDryRun ? "would have " : "";
  const done: string[] = [];
  if (packsDeleted > 0) done.push(`deleted ${formatCounted(packsDeleted, "pack")}, ${formatBytes(bytesDeleted)}`);
  if (packsRewritten > 0) {
    done.push(
      `rewritten ${formatCounted(packsRewritten, "pack")}, ${formatBytes(bytesRewritten)}, as ${formatCount(packsMade)}`,
    );
  }
  if (commitsDropped > 0) done.push(`given up ${formatCounted(commitsDropped, "forgotten commit")} for good`);
  const held = `${formatCounted(collected.packs, "pack")}, ${formatBytes(collected.bytes)}`;
  if (done.length === 0) return [`nothing to clean: ${held}`];
  const freed = `${isDryRun ? "would free" : "freed"} ${formatBytes(freedBytes(collected))} of ${formatBytes(collected.bytes)}`;
  return [freed, ...done.map((line) => `${would}${line}`)];
}

/** What a person should know beside it. */
export function describeLeft({ packsSkipped, packsWaiting }: Collected): string[] {
  const lines: string[] = [];
  if (packsSkipped > 0) {
    lines.push(
      `no space to rewrite ${formatCounted(packsSkipped, "pack")}: free some on the store's disk, and clean again`,
    );
  }
  if (packsWaiting > 0) {
    lines.push(`${formatCounted(packsWaiting, "pack")} will go as soon as nobody reads from them any more`);
  }
  return lines;
}

/** How many milliseconds before now the span of a text begins; `0` is none. Throws USAGE. */
export function graceMsOf(text: string, nowMs: number): number {
  if (text === "0") return 0;
  return Math.min(nowMs - timeBefore(nowMs, parseSpan(text)), Number.MAX_SAFE_INTEGER);
}
