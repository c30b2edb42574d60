/**
 * Which commits of a project a policy keeps: restic's rules for `forget`, on the times at which the store received them. Pure;
 * nothing is asked of anybody.
 *
 * Each rule looks at all commits for itself, newest first, and a commit that any rule keeps is kept. A rule for hours, days,
 * weeks, months or years keeps the newest commit of each of the last n that have one. Where there are fewer than n, it keeps
 * the oldest commit too, so that the history reaches back as far as it can.
 */
import type { ObjectId } from "../objects/object-id.js";
import { bucketOf, periods, type Period } from "./calendar.js";
import { formatSpan, isEmptySpan, timeBefore, type Span } from "./span.js";

/** What to keep: a count for each rule, where -1 is without limit; a rule that is 0 or left out keeps nothing. */
export interface Policy {
  readonly last?: number | undefined;
  readonly hourly?: number | undefined;
  readonly daily?: number | undefined;
  readonly weekly?: number | undefined;
  readonly monthly?: number | undefined;
  readonly yearly?: number | undefined;
  /** Keeps what is not older than so long before the newest commit. */
  readonly within?: Span | undefined;
  /** Keeps what has all tags of any of these. */
  readonly tags?: readonly (readonly string[])[] | undefined;
}

/** A commit, and when the store received it. */
export interface Received {
  readonly commit: ObjectId;
  readonly receivedMs: number;
}

/** What a policy looks at. */
export interface Datable extends Received {
  readonly tags: readonly string[];
}

/** A commit, and why it is kept: in no case for no reason. A commit without reasons goes. */
export interface Judged<C> {
  readonly line: C;
  readonly reasons: readonly string[];
}

/** Judges each of a project's commits, which are given newest first and come back so. */
export function judge<C extends Datable>(lines: readonly C[], policy: Policy): Judged<C>[] {
  const newestFirst = lines.toSorted((a, b) => b.receivedMs - a.receivedMs);
  // by commit: one that was pushed twice goes or stays as a whole
  const reasons = new Map<ObjectId, Set<string>>(lines.map(({ commit }) => [commit, new Set()]));
  for (const rule of rulesOf(policy, newestFirst)) {
    for (const [{ commit }, reason] of rule(newestFirst)) reasons.get(commit)?.add(reason);
  }
  return lines.map((line) => ({ line, reasons: [...(reasons.get(line.commit) ?? [])] }));
}

type Rule = <C extends Datable>(newestFirst: readonly C[]) => Iterable<[C, string]>;

function rulesOf(policy: Policy, newestFirst: readonly Datable[]): Rule[] {
  const newestMs = newestFirst[0]?.receivedMs ?? 0;
  return [
    tagRule(policy.tags ?? []),
    ...(policy.within === undefined || isEmptySpan(policy.within) ? [] : [withinRule(policy.within, newestMs)]),
    countRule("last", policy.last ?? 0, (_, index) => String(index)),
    ...periods.map((period) =>
      countRule(period, policy[period] ?? 0, ({ receivedMs }) => bucketOf(period, receivedMs)),
    ),
  ];
}

function tagRule(lists: readonly (readonly string[])[]): Rule {
  return function* (lines) {
    for (const line of lines) {
      for (const list of lists) {
        if (list.every((tag) => line.tags.includes(tag))) yield [line, `tag ${list.join(",")}`];
      }
    }
  };
}

function withinRule(span: Span, newestMs: number): Rule {
  const fromMs = timeBefore(newestMs, span);
  return function* (lines) {
    for (const line of lines) if (line.receivedMs > fromMs) yield [line, `within ${formatSpan(span)}`];
  };
}

function countRule(name: Period | "last", count: number, keyOf: (line: Datable, index: number) => string): Rule {
  return function* (lines) {
    let left = count < 0 ? Infinity : count;
    let lastKey: string | undefined;
    for (const [index, line] of lines.entries()) {
      if (left <= 0) return;
      const key = keyOf(line, index);
      const isNew = key !== lastKey;
      if (!isNew && index < lines.length - 1) continue;
      yield [line, isNew ? name : `oldest ${name}`];
      lastKey = key;
      left -= 1;
    }
  };
}
