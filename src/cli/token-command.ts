/** What the commands about tokens have in common. */
import * as Flags from "@oclif/core/flags";
import type { TokenLine } from "../protocol/token-lines.js";
import { StoreCommand } from "./store-command.js";
import { tokensInFolder, type TokenKeeper } from "./token-keeper.js";

export type { TokenLine } from "../protocol/token-lines.js";

/** The base of those commands: what they do is done in the store's folder, or by its server. */
export abstract class TokenCommand extends StoreCommand {
  // a token that may administer the store is for all projects, so that of the folder will do
  static override baseFlags = { ...StoreCommand.baseFlags, project: Flags.string({ hidden: true }) };
  protected override readonly isAboutAll = true;

  /** Does something with the tokens of the store: in its folder, or through its server. */
  protected async withTokens<T>(
    flags: { server?: string | undefined },
    use: (keeper: TokenKeeper) => Promise<T>,
    options: { mayCreate: boolean } = { mayCreate: false },
  ): Promise<T> {
    const address = this.addressOf(flags);
    if (address.type === "url") return this.withRemote({ server: address.url }, use);
    return use(await tokensInFolder(address.folder, options));
  }
}

/** A token as `--json` has it. Times are ISO 8601; null for what there is not. */
export interface TokenData {
  name: string;
  id: string;
  projects: readonly string[];
  rights: readonly string[];
  created: string;
  expires: string | null;
  /** In bytes. */
  quota: number | null;
  lastUse: { at: string; from: string } | null;
}

/** A token for `--json`. */
export function tokenData({ createdMs, expiresMs, quotaBytes, use, ...token }: TokenLine): TokenData {
  return {
    ...token,
    created: new Date(createdMs).toISOString(),
    expires: expiresMs === undefined ? null : new Date(expiresMs).toISOString(),
    quota: quotaBytes ?? null,
    lastUse: use === undefined ? null : { at: new Date(use.atMs).toISOString(), from: use.from },
  };
}
