/** Restores fifos, sockets and devices. */
import { lstatSync, type BigIntStats } from "node:fs";
import type { DeviceEntry, PlainEntry } from "../objects/entry.js";
import { loadMakeSpecialFile } from "../platform/special-files.js";
import type { HeldFolder } from "./held-folder.js";
import { assertReplaceable } from "./restore-plan.js";
import { clearWay, unlessThere, type Made } from "./restore-target.js";
import { deviceNumbers, kindOf } from "./source-stat.js";

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
): Made {
  const place = placeOf(parent, entry, mayStay);
  if (place === undefined) return "there";
  const { path, found } = place;
  const makeSpecial = makerOf(entry); // known before anything is removed to make room
  const { kind } = entry;
  const numbers = "major" in entry ? { major: entry.major, minor: entry.minor } : { major: 0, minor: 0 };
  const make = (): void => makeSpecial(path, { kind, mode: modeAtFirst, ...numbers });
  if (found === undefined && unlessThere(make)) return "made";
  clearWay(path, lstatSync(path));
  make();
  return "replaced";
}

/** What `makeSpecialFile` would answer, or throw. */
export function planSpecialFile(
  parent: HeldFolder,
  entry: SpecialEntry,
  mayStay: (found: BigIntStats) => boolean,
): Made {
  const place = placeOf(parent, entry, mayStay);
  if (place === undefined) return "there";
  const { path, found } = place;
  assertMakable(entry);
  if (found === undefined) return "made";
  assertReplaceable(path, found);
  return "replaced";
}

/** Throws CannotMake where none can be made. */
export function assertMakable(entry: SpecialEntry): void {
  makerOf(entry);
}

function makerOf(entry: SpecialEntry): NonNullable<ReturnType<typeof loadMakeSpecialFile>> {
  const makeSpecial = loadMakeSpecialFile();
  if (makeSpecial === undefined) throw new CannotMake(`bak cannot make a ${nameOf(entry)} on this system`);
  if ("major" in entry && process.geteuid?.() !== 0) throw new CannotMake("only root makes devices");
  return makeSpecial;
}

/** Where it is to be, and what is there; undefined where that is the very same, and may stay. */
function placeOf(
  parent: HeldFolder,
  entry: SpecialEntry,
  mayStay: (found: BigIntStats) => boolean,
): { path: string | Buffer; found: BigIntStats | undefined } | undefined {
  const path = parent.path(entry.name);
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return found !== undefined && isSame(found, entry) && mayStay(found) ? undefined : { path, found };
}

function isSame(found: BigIntStats, entry: SpecialEntry): boolean {
  return kindOf(found) === entry.kind && (!("major" in entry) || isDevice(found, entry));
}

function isDevice({ rdev }: BigIntStats, { major, minor }: DeviceEntry): boolean {
  const numbers = deviceNumbers(rdev);
  return numbers.major === major && numbers.minor === minor;
}

function nameOf({ kind }: SpecialEntry): string {
  return kind === "char" || kind === "block" ? `${kind} device` : kind;
}
