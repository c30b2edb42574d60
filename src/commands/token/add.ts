import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { formatBytes, formatTime } from "../../cli/format.js";
import { parseSize } from "../../cli/size.js";
import { TokenCommand, tokenData, type TokenData } from "../../cli/token-command.js";
import type { TokenKeeper } from "../../cli/token-keeper.js";
import { newTokenSecret } from "../../client/new-token.js";
import { isEmptySpan, parseSpan, timeAfter } from "../../client/span.js";
import { BakError } from "../../errors.js";
import { objectIdAt } from "../../objects/object-id.js";
import { parseProjectPatterns } from "../../objects/project-pattern.js";
import { defaultRights, parseRights, rights } from "../../objects/rights.js";
import { parseTokenName } from "../../objects/token-name.js";
import { hashOfSecret } from "../../objects/token-secret.js";

/** A token as it is told of once. */
interface MadeToken extends TokenData {
  /** The secret. */
  token: string;
}

export default class TokenAdd extends TokenCommand {
  static override summary = "Make a token, with which a machine is let in to a served store.";
  static override description =
    "Writes its secret to stdout, once: the store keeps only its hash. A token for 'push,read', as it is without --may, can add to its projects and get them back, and can take nothing away. 'delete', together with 'read', lets it forget commits, and with 'push', too, change their tags; 'admin' lets it clean and check the store, see how full it is, and make and revoke tokens: that is about the store as a whole, so give it with --project '*'. None of them includes another. Works in the store's folder while a server runs, too, and takes effect at once; with the first token, the server lets in nobody without one.";
  static override examples = [
    {
      description: "A token for all projects of a laptop, in the store's folder",
      command: "<%= config.bin %> <%= command.id %> laptop --project 'laptop-*' -s ./store",
    },
    {
      description: "One that may only push, for 90 days",
      command: "<%= config.bin %> <%= command.id %> web1 --project web1-www --project web1-db --may push --expires 90d",
    },
    {
      description: "One that may run the store from elsewhere",
      command: "<%= config.bin %> <%= command.id %> me --project '*' --may push,read,delete,admin",
    },
  ];
  static override args = {
    name: Args.string({ description: "what to call it", required: true, ignoreStdin: true }),
  };
  static override flags = {
    project: Flags.string({
      char: "p",
      helpValue: "ID",
      summary: "A project that it is for; 'laptop-*' is all that begin so, '*' is all. May be given several times.",
      multiple: true,
      multipleNonGreedy: true,
      required: true,
    }),
    may: Flags.string({
      helpValue: "RIGHT,…",
      summary: `What it may do: ${rights.join(", ")}.`,
      default: defaultRights.join(","),
    }),
    expires: Flags.string({
      helpValue: "SPAN",
      summary: "After how long it is of no use any more, such as 90d or 1y.",
    }),
    quota: Flags.string({
      helpValue: "SIZE",
      summary:
        "How much the projects that it is for may keep together, such as 500GB, as far as they are pushed to with it.",
      description:
        "Counts as 'bak serve --quota', which says how much each project may keep, whatever it is pushed with.",
    }),
  };

  async run(): Promise<MadeToken> {
    const { args, flags } = await this.parse(TokenAdd);
    const name = parseTokenName(args.name);
    const projects = parseProjectPatterns(flags.project.flatMap((text) => text.split(",")));
    const mayDo = parseRights(flags.may.split(","));
    const expiresMs = flags.expires === undefined ? undefined : expiryIn(flags.expires);
    const quotaBytes = flags.quota === undefined ? undefined : parseSize(flags.quota);
    const secret = newTokenSecret();
    const token = { name, projects, rights: mayDo, expiresMs, quotaBytes, hash: objectIdAt(hashOfSecret(secret)) };
    const add = async (keeper: TokenKeeper): ReturnType<TokenKeeper["addToken"]> => {
      if (keeper.isNew) this.complain(`made a new store in '${this.nameOf(this.addressOf(flags))}'`);
      return keeper.addToken(token);
    };
    const { id, createdMs } = await this.withTokens(flags, add, { mayCreate: true });
    const quota = quotaBytes === undefined ? "" : `, quota ${formatBytes(quotaBytes)}`;
    const until = expiresMs === undefined ? "" : `, until ${formatTime(expiresMs)}`;
    this.log(secret);
    this.say(`made token '${name}' for ${projects.join(", ")}: ${mayDo.join(", ")}${quota}${until}`);
    this.say("its secret, above, is not shown again: give it to 'bak login' on that machine, or set BAK_TOKEN to it");
    const made = { name, id, projects, rights: mayDo, createdMs, expiresMs, quotaBytes, use: undefined };
    return { ...tokenData(made), token: secret };
  }
}

/** The last moment that a date of four digits for the year can be. */
const lastMs = Date.UTC(9999, 11, 31);

function expiryIn(text: string): number {
  const span = parseSpan(text);
  const expiresMs = timeAfter(Date.now(), span);
  if (!isEmptySpan(span) && expiresMs < lastMs) return expiresMs;
  throw new BakError("USAGE", `a token can't expire in '${text}'`, {
    hint: "write a span such as 90d or 1y; without --expires it holds until it is revoked",
  });
}
