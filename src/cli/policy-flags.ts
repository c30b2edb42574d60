/** The flags that say what `bak forget` keeps. */
import * as Flags from "@oclif/core/flags";
import type { Policy } from "../client/retention.js";
import { parseSpan } from "../client/span.js";
import { BakError } from "../errors.js";

const helpGroup = "WHAT TO KEEP";

const count = (summary: string) => Flags.integer({ summary, min: -1, helpValue: "N", helpGroup });

/** Of every rule, -1 is without limit. */
export const policyFlags = {
  "keep-last": count("The last N commits."),
  "keep-hourly": count("The newest commit of each of the last N hours that have one."),
  "keep-daily": count("The newest commit of each of the last N days."),
  "keep-weekly": count("The newest commit of each of the last N weeks, from Monday on."),
  "keep-monthly": count("The newest commit of each of the last N months."),
  "keep-yearly": count("The newest commit of each of the last N years."),
  "keep-within": Flags.string({
    summary: "All that came so long before the newest commit, or later: 2y5m7d3h.",
    helpValue: "SPAN",
    helpGroup,
  }),
  "keep-tag": Flags.string({
    summary: "All with this tag, or with all of TAG,TAG; may be given several times.",
    helpValue: "TAG",
    multiple: true,
    multipleNonGreedy: true,
    helpGroup,
  }),
};

interface PolicyValues {
  readonly "keep-last"?: number | undefined;
  readonly "keep-hourly"?: number | undefined;
  readonly "keep-daily"?: number | undefined;
  readonly "keep-weekly"?: number | undefined;
  readonly "keep-monthly"?: number | undefined;
  readonly "keep-yearly"?: number | undefined;
  readonly "keep-within"?: string | undefined;
  readonly "keep-tag"?: readonly string[] | undefined;
}

/** The policy that the flags ask for; undefined where none of them is given. Throws USAGE. */
export function policyOf(flags: PolicyValues): Policy | undefined {
  const names = Object.keys(policyFlags) as (keyof typeof policyFlags)[];
  if (names.every((name) => flags[name] === undefined)) return undefined;
  return {
    last: flags["keep-last"],
    hourly: flags["keep-hourly"],
    daily: flags["keep-daily"],
    weekly: flags["keep-weekly"],
    monthly: flags["keep-monthly"],
    yearly: flags["keep-yearly"],
    within: flags["keep-within"] === undefined ? undefined : parseSpan(flags["keep-within"]),
    tags: flags["keep-tag"]?.map(parseTags),
  };
}

/** A tag may have a comma in it, but then it can't be asked for here. */
function parseTags(text: string): string[] {
  const tags = text.split(",");
  if (tags.includes("")) throw new BakError("USAGE", `not a tag: '${text}'`, { hint: "write TAG, or TAG,TAG" });
  return tags;
}
