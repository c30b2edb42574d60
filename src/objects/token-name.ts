/** Names of tokens: what a person calls one, and what the audit trail does. */
import { BakError } from "../errors.js";
import { quoted } from "./byte-string.js";
import { isTokenSecret } from "./token-secret.js";

declare const brand: unique symbol;

/** 1 to 64 of the letters A-Z and a-z, digits, `.`, `_` and `-`. */
export type TokenName = string & { readonly [brand]: "TokenName" };

const pattern = /^[A-Za-z0-9._-]{1,64}$/;

/** Whether a text is the name of a token. */
export function isTokenName(text: string): text is TokenName {
  return pattern.test(text);
}

/** The only way text becomes a TokenName. Throws USAGE, without the text where that is a token's secret. */
export function parseTokenName(text: string): TokenName {
  if (isTokenSecret(text)) {
    throw new BakError("USAGE", "a token is named by its name, not by its secret", { hint: "see 'bak token list'" });
  }
  if (isTokenName(text)) return text;
  throw new BakError("USAGE", `not a name for a token: ${quoted(text, 80)}`, {
    hint: "use 1 to 64 letters, digits, '.', '_' and '-'",
  });
}
