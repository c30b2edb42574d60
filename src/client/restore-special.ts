/** Restores fifos, sockets and devices. */
import { lstatSync, type BigIntStats } from "node:fs";
import { unreachable } from "../errors.js";
import type { DeviceEntry, PlainEntry } from "../objects/entry.js";
import { loadMakeSpecialFile } from "../platform/special-files.js";
import type { HeldFolder } from "./held-folder.js";
import { clearWay, unlessThere } from "./restore-target.js";
import { deviceNumbers } from "./source-stat.js";

export type SpecialEntry = PlainEntry | DeviceEntry;

/** Why one cannot be made, by anybody here or by whoever restores. */
export class CannotMake extends Error {}

/** Nobody else is to open it before it has its owner and mode. */
const modeAtFirst = 0o600;

/** Makes it, unless the very same is there. Throws CannotMake where that is asked too much. */
export function makeSpecialFile(
  parent: HeldFolder,
  entry: SpecialEntry,
  mayStay: (found: BigIntStats) => boolean,
): "made" | "there" | "replaced" {
  const path = parent.path(entry.name);
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (found !== undefined && isSame(found, entry) && mayStay(found)) return "there";
  const makeSpecial = loadMakeSpecialFile();
  if (makeSpecial === undefined) throw new CannotMake(`bak cannot make a ${nameOf(entry)} on this system`);
  const { kind } = entry;
  const numbers = "major" in entry ? { major: entry.major, minor: entry.minor } : { major: 0, minor: 0 };
  // known before anything is removed to make room
  if ("major" in entry && process.geteuid?.() !== 0) throw new CannotMake("only root makes devices");
  const make = (): void => makeSpecial(path, { kind, mode: modeAtFirst, ...numbers });
  if (found === undefined && unlessThere(make)) return "made";
  clearWay(path, lstatSync(path));
  make();
  return "replaced";
}

function isSame(found: BigIntStats, entry: SpecialEntry): boolean {
  switch (entry.kind) {
    case "fifo":
      return found.isFIFO();
    case "socket":
      return found.isSocket();
    case "char":
      return found.isCharacterDevice() && isDevice(found, entry);
    case "block":
      return found.isBlockDevice() && isDevice(found, entry);
    default:
      return unreachable(entry);
  }
}

function isDevice({ rdev }: BigIntStats, { major, minor }: DeviceEntry): boolean {
  const numbers = deviceNumbers(rdev);
  return numbers.major === major && numbers.minor === minor;
}

function nameOf({ kind }: SpecialEntry): string {
  return kind === "char" || kind === "block" ? `${kind} device` : kind;
}
