/** What a token is good for. */
import type { ProjectPattern } from "./project-pattern.js";
import type { Right } from "./rights.js";
import type { TokenName } from "./token-name.js";

/** What whoever makes a token decides about it. */
export interface TokenTerms {
  /** No other token of the store has it. */
  readonly name: TokenName;
  readonly projects: readonly ProjectPattern[];
  readonly rights: readonly Right[];
  /** From then on it is as if it were not there, in ms since 1970; undefined: it holds until it is revoked. */
  readonly expiresMs: number | undefined;
  /** How many bytes of packs its projects may keep together; undefined: no limit of its own. */
  readonly quotaBytes: number | undefined;
}
