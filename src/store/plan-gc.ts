/**
 * Decides which packs go, which are written anew without what nobody needs, and which small ones are joined. It only
 * counts: what it is given says what is needed of each pack, and what it gives is what `bak gc --dry-run` shows.
 *
 * Rewriting: packs with too much waste, and then those with the most, until little is left in the whole store.
 *
 * Joining: packs below 16 MiB are in classes by their length, up to 16 KiB, 64 KiB, 256 KiB, 1, 4 and 16 MiB. Where four of
 * one class and one owner meet, they are joined, and make a pack of a higher class; so a byte is copied at most once for each class, and
 * the number of small packs stays small however many come.
 */
import type { ObjectId } from "../objects/object-id.js";
import { packTargetBytes, packTargetObjects, type PackCodec } from "../objects/pack-format.js";
import type { ProjectId } from "../objects/project-id.js";
import type { WasteLimits } from "./store.js";

/** What is needed of one pack. */
export interface PackUse {
  readonly id: ObjectId;
  readonly codec: PackCodec;
  /** What is of several owners, or of one and of nobody, never comes into one pack. */
  readonly owner?: ProjectId | undefined;
  /** Of its file. */
  readonly bytes: number;
  /** About how many of them are needed: all, where every object is, and 0 where none is. */
  readonly liveBytes: number;
  readonly objects: number;
  readonly liveObjects: number;
  /** It stays as it is: it is young, or somebody may rely on it. */
  readonly isSpared: boolean;
}

/** What is to be done. */
export interface GcPlan {
  /** Packs that go. */
  readonly remove: readonly PackUse[];
  /** Packs of which the rest goes once what is needed of them is in a new pack: one for each group, as a rule. Short work first. */
  readonly rewrite: readonly (readonly PackUse[])[];
}

/** restic's `prune` leaves 5 % of a repository, too. */
export const defaultLimits: WasteLimits = { ofPack: 0.25, ofStore: 0.05 };

const firstClassBytes = 16 << 10;
const classFactor = 4;
const classes = 6;
const joinedAtOnce = 4;
/** More objects could not be in one pack beside the largest source. */
const maxGroupObjects = 2 * packTargetObjects;

/** What is to be done with packs of which so much is needed. */
export function planGc(uses: readonly PackUse[], limits: WasteLimits = defaultLimits): GcPlan {
  const free = uses.filter(({ isSpared }) => !isSpared);
  const remove = free.filter(({ liveObjects }) => liveObjects === 0);
  const inUse = free.filter(({ liveObjects }) => liveObjects > 0);
  const keptBytes = sumOf(uses.filter((use) => use.isSpared || use.liveObjects > 0));
  const wasteful = chooseWasteful(inUse, limits, keptBytes);
  const small = chooseSmall(inUse.filter((use) => !wasteful.has(use)));
  const chosen = inUse.filter((use) => wasteful.has(use) || small.has(use));
  return { remove, rewrite: groupsOf(chosen) };
}

/** How many bytes of a pack nobody needs. */
export function wasteOf({ bytes, liveBytes }: PackUse): number {
  return bytes - liveBytes;
}

function chooseWasteful(uses: readonly PackUse[], limits: WasteLimits, keptBytes: number): Set<PackUse> {
  const share = (use: PackUse): number => wasteOf(use) / use.bytes;
  const byShare = uses.filter((use) => wasteOf(use) > 0).toSorted((a, b) => share(b) - share(a));
  const chosen = new Set<PackUse>();
  let left = byShare.reduce((sum, use) => sum + wasteOf(use), 0);
  for (const use of byShare) {
    if (share(use) <= limits.ofPack && left <= keptBytes * limits.ofStore) break;
    chosen.add(use);
    left -= wasteOf(use);
  }
  return chosen;
}

function chooseSmall(uses: readonly PackUse[]): Set<PackUse> {
  const alike = new Map<string, PackUse[]>();
  for (const use of uses) {
    const sizeClass = classOf(use.bytes);
    if (sizeClass === classes) continue;
    const key = `${sizeClass} ${kindOf(use)}`;
    alike.set(key, [...(alike.get(key) ?? []), use]);
  }
  return new Set([...alike.values()].filter(({ length }) => length >= joinedAtOnce).flat());
}

function classOf(bytes: number): number {
  let sizeClass = 0;
  for (let end = firstClassBytes; bytes >= end && sizeClass < classes; end *= classFactor) sizeClass += 1;
  return sizeClass;
}

/** Equal for packs that may be joined: of one codec and one owner. */
function kindOf({ codec, owner }: PackUse): string {
  return `${codec} ${owner ?? ""}`;
}

function byKind(uses: readonly PackUse[]): Iterable<PackUse[]> {
  const kinds = new Map<string, PackUse[]>();
  for (const use of uses) {
    const alike = kinds.get(kindOf(use));
    if (alike === undefined) kinds.set(kindOf(use), [use]);
    else alike.push(use);
  }
  return kinds.values();
}

/** Packs of one kind each, as many as make one pack. */
function groupsOf(uses: readonly PackUse[]): PackUse[][] {
  const groups: PackUse[][] = [];
  for (const alike of byKind(uses)) {
    let group: PackUse[] = [];
    let [bytes, objects] = [0, 0];
    for (const use of alike.toSorted((a, b) => a.liveBytes - b.liveBytes)) {
      const isFull = bytes + use.liveBytes > packTargetBytes || objects + use.liveObjects > maxGroupObjects;
      if (group.length > 0 && isFull) {
        groups.push(group);
        [group, bytes, objects] = [[], 0, 0];
      }
      group.push(use);
      bytes += use.liveBytes;
      objects += use.liveObjects;
    }
    groups.push(group);
  }
  return groups.filter(isWorthIt).toSorted((a, b) => liveIn(a) - liveIn(b));
}

/** One pack that is needed as a whole would only be copied. */
function isWorthIt(group: readonly PackUse[]): boolean {
  return group.length > 1 || group.some((use) => wasteOf(use) > 0);
}

function liveIn(group: readonly PackUse[]): number {
  return group.reduce((sum, { liveBytes }) => sum + liveBytes, 0);
}

function sumOf(uses: readonly PackUse[]): number {
  return uses.reduce((sum, { bytes }) => sum + bytes, 0);
}
