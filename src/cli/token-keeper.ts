/** Where a store's tokens are made and revoked: in its folder, also while a server owns the store. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { NewRemoteToken } from "../client/remote.js";
import { BakError } from "../errors.js";
import type { TokenName } from "../objects/token-name.js";
import type { TokenLine } from "../protocol/token-lines.js";
import { tokenLine } from "../server/token-access.js";
import { openStore } from "../store/open-store.js";
import { TokenFile } from "../store/token-file.js";

/** What can be done about tokens; a conversation with a server does the same. */
export interface TokenKeeper {
  /** Rejects with TOKEN_EXISTS where the name is taken. */
  addToken(token: NewRemoteToken): Promise<{ readonly id: string; readonly createdMs: number }>;
  tokens(): Promise<TokenLine[]>;
  /** Gives the id of the token; rejects with NO_TOKEN. */
  revokeToken(name: TokenName): Promise<string>;
}

/** The tokens of the store in a folder, which is made where there is none and `mayCreate` says so. Rejects with NO_STORE. */
export async function tokensInFolder(folder: string, options: { mayCreate: boolean }): Promise<TokenKeeper> {
  if (options.mayCreate && !existsSync(join(folder, "config.json"))) {
    await (await openStore(folder, { create: true })).close();
  }
  const file = new TokenFile(folder);
  await file.assertStore();
  return {
    addToken: (token) => {
      assertOwnFolder(folder);
      return file.add(token);
    },
    tokens: async () => {
      const [tokens, uses] = [(await file.read()) ?? [], await file.readUses()];
      return tokens.map((token) => tokenLine(token, uses));
    },
    revokeToken: async (name) => {
      assertOwnFolder(folder);
      return (await file.revoke(name)).id;
    },
  };
}

/** What root writes, the server of another user could not read, and would let nobody in. */
function assertOwnFolder(folder: string): void {
  const { uid } = statSync(join(folder, "config.json"));
  if (process.getuid?.() !== 0 || uid === 0) return;
  throw new BakError("USAGE", `store '${folder}' belongs to user ${uid}, and so must its tokens`, {
    hint: `run this as that user: sudo -u '#${uid}' bak token …`,
  });
}
