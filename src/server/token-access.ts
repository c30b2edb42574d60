/** What a token lets a session do, for as long as the store's tokens.json says so. */
import { timingSafeEqual } from "node:crypto";
import { matchesAll, matchesProject } from "../objects/project-pattern.js";
import type { ProjectId } from "../objects/project-id.js";
import { rights, type Right } from "../objects/rights.js";
import { hashOfSecret } from "../objects/token-secret.js";
import { BakError } from "../errors.js";
import type { TokenLine } from "../protocol/token-lines.js";
import type { TokenUses } from "../store/token-uses.js";
import { isExpired, type Token } from "../store/tokens.js";
import type { Access } from "./access.js";

/** Whether a token may do anything about a project. */
export function isFor({ projects }: Pick<Token, "projects">, project: ProjectId): boolean {
  return projects.some((pattern) => matchesProject(pattern, project));
}

/** The token of a secret. How long that takes does not depend on which it is, nor on whether there is one. */
export function findToken(tokens: readonly Token[], secret: string): Token | undefined {
  const given = hashOfSecret(secret);
  let found: Token | undefined;
  for (const token of tokens) if (timingSafeEqual(given, Buffer.from(token.hash, "hex"))) found = token;
  return found;
}

/** What may be told of a token. */
export function tokenLine(token: Token, uses: TokenUses): TokenLine {
  const { name, id, projects, createdMs, expiresMs, quotaBytes } = token;
  return { name, id, projects, rights: token.rights, createdMs, expiresMs, quotaBytes, use: uses.get(id) };
}

/** An access that may end while it is used. Without a token it is to everything, as long as no token is needed. */
export class LiveAccess implements Access {
  readonly sees: Access["sees"];
  readonly #token: Token | undefined;
  readonly #revocation = new AbortController();
  readonly #onRelease: (access: LiveAccess) => void;

  /** `sees` says which projects the token is for. */
  constructor(token: Token | undefined, sees: Access["sees"], onRelease: (access: LiveAccess) => void) {
    this.sees = sees;
    this.#token = token;
    this.#onRelease = onRelease;
  }

  get name(): string | undefined {
    return this.#token?.name;
  }

  get quotaBytes(): number | undefined {
    return this.#token?.quotaBytes;
  }

  get seesAll(): boolean {
    return this.#token === undefined || this.#token.projects.some(matchesAll);
  }

  get revoked(): AbortSignal {
    this.#expire();
    return this.#revocation.signal;
  }

  may(right: Right): boolean {
    this.#expire();
    return !this.#revocation.signal.aborted && (this.#token === undefined || this.#token.rights.includes(right));
  }

  release(): void {
    this.#onRelease(this);
  }

  /**
   * Compares with what the store says now: `tokens`, or whether it is open to all. Ends the access if anything was taken
   * from it.
   */
  review(now: { tokens: readonly Token[] } | { isOpen: boolean }): void {
    this.#expire();
    const holds = "tokens" in now ? this.#isAmong(now.tokens) : now.isOpen && this.#token === undefined;
    if (!holds)
      this.#end(this.#token === undefined ? "this store asks for a token now" : `token '${this.name}' was revoked`);
  }

  #isAmong(tokens: readonly Token[]): boolean {
    const mine = this.#token;
    const now = tokens.find(({ id }) => id === mine?.id);
    if (mine === undefined || now === undefined || now.hash !== mine.hash) return false;
    const isNarrower = mine.projects.some((pattern) => !now.projects.includes(pattern));
    const hasLess = rights.some((right) => mine.rights.includes(right) && !now.rights.includes(right));
    return !isNarrower && !hasLess && !isExpired(now, Date.now());
  }

  #expire(): void {
    if (this.#token !== undefined && isExpired(this.#token, Date.now())) this.#end(`token '${this.name}' has expired`);
  }

  #end(why: string): void {
    if (this.#revocation.signal.aborted) return;
    this.#revocation.abort(new BakError("NOT_ALLOWED", `not allowed any more: ${why}`));
  }
}
