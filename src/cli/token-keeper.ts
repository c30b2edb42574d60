/** Where a store's tokens are made and revoked: in its folder, also while a server owns the store. */
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { NewRemoteToken } from "../client/remote.js";
import { BakError } from "../errors.js";
import type { TokenName } from "../objects/token-name.js";
import type { TokenLine } from "../protocol/token-lines.js";
import { tokenLine } from "../server/token-access.js";
import { openStore } from "../store/open-store.js";
import { TokenFile } from "../store/token-file.js";

/** What can be done about tokens; a conversation with a server does the same. */
export interface TokenKeeper {
  /** Whether the store has been made for this. */
  readonly isNew?: boolean;
  /** Rejects with TOKEN_EXISTS where the name is taken. */
  addToken(token: NewRemoteToken): Promise<{ readonly id: string; readonly createdMs: number }>;
  tokens(): Promise<TokenLine[]>;
  /** Gives the id of the token, and how many are left that have not expired; rejects with NO_TOKEN. */
  revokeToken(name: TokenName): Promise<{ readonly id: string; readonly left: number }>;
}

/** The tokens of the store in a folder, which is made where there is none and `mayCreate` says so. Rejects with NO_STORE. */
export async function tokensInFolder(folder: string, options: { mayCreate: boolean }): Promise<TokenKeeper> {
  const isNew = options.mayCreate && !existsSync(join(folder, "config.json"));
  if (isNew) {
    const parent = nearestFolder(folder);
    assertOwn(parent, `folder '${parent}'`, "a store in it");
    await (await openStore(folder, { create: true })).close();
  }
  const file = new TokenFile(folder);
  await file.assertStore();
  return {
    isNew,
    addToken: (token) => {
      assertOwn(join(folder, "config.json"), `store '${folder}'`);
      return file.add(token);
    },
    tokens: async () => {
      const [tokens, uses] = [(await file.read()) ?? [], await file.readUses()];
      return tokens.map((token) => tokenLine(token, uses));
    },
    revokeToken: async (name) => {
      assertOwn(join(folder, "config.json"), `store '${folder}'`);
      const { token, left } = await file.revoke(name);
      return { id: token.id, left };
    },
  };
}

/** What root writes, the server of another user could not read, and would let nobody in. */
function assertOwn(path: string, subject: string, what = "its tokens"): void {
  const { uid } = statSync(path);
  if (process.getuid?.() !== 0 || uid === 0) return;
  throw new BakError("USAGE", `${subject} belongs to user ${uid}, and so must ${what}`, {
    hint: `run this as that user: sudo -u '#${uid}' bak token …`,
  });
}

/** The folder itself, or the nearest above it that is there. */
function nearestFolder(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearestFolder(dirname(folder));
}
