/**
 * The secret of a token: `bak_` and 32 of the digits and letters, 190 bits. Whoever has it may do what the token allows; a
 * store keeps its hash alone.
 */
import { blake3 } from "./hash.js";

declare const brand: unique symbol;

/** Never to be shown, but once to whoever has asked for the token, and never to be logged or written down by bak. */
export type TokenSecret = string & { readonly [brand]: "TokenSecret" };

/** What all secrets begin with, so that programs that look for lost ones know them. */
export const secretPrefix = "bak_";
export const secretAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** How many characters follow the prefix. */
export const secretLength = 32;

const pattern = /^bak_[0-9A-Za-z]{32}$/;

/** Whether a text has the form of a secret. */
export function isTokenSecret(text: string): text is TokenSecret {
  return pattern.test(text);
}

/** What a store keeps of a secret: its BLAKE3, 32 bytes. A secret of 190 random bits needs no slow hash. */
export function hashOfSecret(secret: string): Buffer {
  return blake3().hash(Buffer.from(secret));
}
