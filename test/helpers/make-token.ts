/** Tokens of a store, made as another process would make them. */
import { newTokenSecret } from "../../src/client/new-token.js";
import { parseProjectPatterns } from "../../src/objects/project-pattern.js";
import type { Right } from "../../src/objects/rights.js";
import { parseTokenName } from "../../src/objects/token-name.js";
import { hashOfSecret } from "../../src/objects/token-secret.js";
import { TokenFile } from "../../src/store/token-file.js";

export interface TokenWish {
  projects?: string[];
  rights?: Right[];
  expiresMs?: number;
  quotaBytes?: number;
}

/** Makes a token, and gives its secret. */
export async function makeToken(folder: string, name: string, wish: TokenWish = {}): Promise<string> {
  const secret = newTokenSecret();
  await new TokenFile(folder).add({
    name: parseTokenName(name),
    hash: hashOfSecret(secret).toString("hex"),
    projects: parseProjectPatterns(wish.projects ?? ["*"]),
    rights: wish.rights ?? ["push", "read"],
    expiresMs: wish.expiresMs,
    quotaBytes: wish.quotaBytes,
  });
  return secret;
}
