/** What a server can bear, by what the system gives it. */
import { readFileSync } from "node:fs";
import { constrainedMemory } from "node:process";
import { totalmem } from "node:os";
import type { VisitorLimits } from "./visitors.js";

/** For the store's own files, its threads and whatever else the process has open; half of them, where there are few. */
const reservedDescriptors = 256;
/** Of a session: its socket, packs that are coming in or being put on stable storage, and one that is read from. */
const descriptorsPerSession = 6;
const mib = 1 << 20;

/** How much a server takes on at a time. */
export interface Capacity extends VisitorLimits {
  /** Of all sessions together: what has come in and is not dealt with, and what waits to be sent. */
  readonly heldBytes: number;
}

/** The limits of a server; `asked` is what its owner has said. */
export function capacityOf(asked: Partial<Capacity> = {}, descriptors = openFilesLimit()): Capacity {
  const left = descriptors - Math.min(reservedDescriptors, Math.floor(descriptors / 2));
  const waiting = between(4, Math.floor(descriptors / 8), 512);
  const sessions = between(1, Math.floor((left - waiting) / descriptorsPerSession), 1000);
  const memory = Math.min(totalmem(), constrainedMemory() || Infinity);
  return {
    sessions,
    sessionsPerAddress: sessions,
    waiting,
    waitingPerAddress: Math.ceil(waiting / 4),
    heldBytes: between(128 * mib, Math.floor(memory / 4), 2048 * mib),
    ...asked,
  };
}

function between(least: number, value: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

/** How many files this process may have open; Node has raised the soft limit to the hard one. */
function openFilesLimit(): number {
  try {
    const [, soft = ""] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return soft === "" ? 1024 : Number(soft);
  } catch {
    return 1024; // what systems have at least, as a rule
  }
}
