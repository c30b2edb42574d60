/**
 * Who is let in to a store, by its tokens.json as it is at the moment: what somebody else changes there is seen at once, by
 * sessions that are under way too. Where there is doubt, nobody is let in.
 */
import { watch, type FSWatcher } from "node:fs";
import { basename } from "node:path";
import { BakError, errnoOf } from "../errors.js";
import type { ProjectId } from "../objects/project-id.js";
import type { TokenName } from "../objects/token-name.js";
import type { TokenLine } from "../protocol/token-lines.js";
import { Serial } from "../store/serial.js";
import { TokenFile, type NewToken, type Revocation } from "../store/token-file.js";
import type { TokenUse } from "../store/token-uses.js";
import { isExpired, type Token } from "../store/tokens.js";
import { fullAccess, type Access, type Authorize } from "./access.js";
import { FailedLogins } from "./failed-logins.js";
import { addressOf } from "./peer-address.js";
import { findToken, isFor, LiveAccess, tokenLine } from "./token-access.js";

/** What a gate is told beside whose it is. */
export interface GateOptions {
  /** Whether whoever comes is let in as long as nobody has ever made a token: for this machine alone, or against advice. */
  readonly mayBeOpen: boolean;
  readonly onEvent: (event: GateEvent) => void;
  /** Who has failed to log in, where several gates are to know it. */
  readonly failed?: FailedLogins;
  /** How often the file is looked at, where the system does not tell that it has changed; each second unless given. */
  readonly pollMs?: number;
}

/** Who has changed the tokens over the network. */
export interface Changer {
  readonly token: string | undefined;
  readonly peer: string;
}

/** What becomes of logins and of the tokens. */
export type GateEvent =
  | { type: "login"; peer: string; project: ProjectId; token: string }
  /** Somebody has asked what a token is good for. */
  | { type: "tokenTried"; peer: string; token: string }
  /** `token` is there where its secret was right, `project` where one was named. */
  | { type: "loginRefused"; peer: string; project?: ProjectId; why: string; token?: string }
  /** Told once for each wait. */
  | { type: "loginDelayed"; peer: string; waitMs: number }
  /** `by` is missing where that was done in the store's folder. */
  | { type: "tokenAdded" | "tokenRevoked"; name: string; by?: Changer }
  | { type: "locked"; why: string }
  | { type: "unlocked" }
  | { type: "usesNotKept"; error: unknown };

type State =
  | { readonly type: "open" }
  | { readonly type: "locked"; readonly why: string }
  | { readonly type: "tokens"; readonly tokens: readonly Token[] };

/** Of a process that has no files or no memory left: it passes, and says nothing of the tokens. */
const passing: readonly (string | undefined)[] = ["EMFILE", "ENFILE", "ENOMEM"];
/** So long sessions go on meanwhile; nobody new is let in. */
const patienceMs = 10_000;
const defaultPollMs = 1000;
/** What is known of uses is written down so often at most. */
const keepUsesMs = 60_000;

/** The gate of one store. To be closed. */
export class Gate {
  readonly #file: TokenFile;
  readonly #options: GateOptions;
  readonly #serial = new Serial();
  readonly #keeping = new Serial();
  readonly #live = new Set<LiveAccess>();
  readonly #failed: FailedLogins;
  readonly #delayed = new Set<string>();
  readonly #sees = new Map<string, Access["sees"]>();
  readonly #changers = new Map<string, Changer>();
  #uses = new Map<string, TokenUse>();
  #areUsesKept = true;
  #usesKeptMs = performance.now();
  #state: State = { type: "locked", why: "its tokens have not been read yet" };
  #stamp: string | undefined;
  #watcher: FSWatcher | undefined;
  #poll: NodeJS.Timeout | undefined;
  /** From the first token on the store is never open again. */
  #hadTokens = false;
  #isRefreshDue = false;
  /** Since when the tokens can't be read for a reason that passes. */
  #failingSinceMs: number | undefined;
  /** Why nobody is let in, as it was told last. */
  #toldLock: string | undefined;

  private constructor(file: TokenFile, options: GateOptions) {
    this.#file = file;
    this.#options = options;
    this.#failed = options.failed ?? new FailedLogins();
  }

  /** Reads the tokens of the store in a folder, and goes on watching them until `close`. Rejects only with bugs. */
  static async open(folder: string, options: GateOptions): Promise<Gate> {
    const gate = new Gate(new TokenFile(folder), options);
    gate.#watch();
    await gate.#refresh();
    gate.#uses = await gate.#file.readUses().catch(() => new Map<string, TokenUse>()); // which is only good to know
    return gate;
  }

  /** Whether whoever comes is let in. */
  get isOpen(): boolean {
    return this.#state.type === "open";
  }

  /** See `Authorize`. All refusals are alike, and the store is not looked at for any of them. */
  readonly authorize: Authorize = async ({ project, token: secret }, peer) => {
    await this.#prepare(peer);
    const token = this.#tokenOf(secret, { project, peer });
    if (token !== undefined) this.#options.onEvent({ type: "login", peer, project, token: token.name });
    return this.#letIn(token);
  };

  /**
   * What may be known of a token by whoever has its secret; undefined where none is asked for. What is good for nothing is
   * refused as it is by `authorize`, and counts as much.
   */
  async tryToken(secret: string | undefined, peer: string): Promise<TokenLine | undefined> {
    await this.#prepare(peer);
    const token = this.#tokenOf(secret, { project: undefined, peer });
    if (token === undefined) return undefined;
    this.#options.onEvent({ type: "tokenTried", peer, token: token.name });
    return tokenLine(token, new Map());
  }

  /** Makes a token for somebody over the network. Rejects as `TokenFile.add`. */
  async add(token: NewToken, by: Changer): Promise<Token> {
    return this.#changedBy(token.name, by, () => this.#file.add(token));
  }

  /** Revokes a token for somebody over the network; what goes on with it has ended when this resolves. Rejects with NO_TOKEN. */
  async revoke(name: TokenName, by: Changer): Promise<Revocation> {
    return this.#changedBy(name, by, () => this.#file.revoke(name));
  }

  /** What may be known of the tokens. Rejects where they can't be read. */
  async list(): Promise<TokenLine[]> {
    const tokens = (await this.#file.read()) ?? [];
    return tokens.map((token) => tokenLine(token, this.#uses));
  }

  /** Stops to watch, and writes down when tokens were used last. */
  async close(): Promise<void> {
    this.#watcher?.close();
    clearInterval(this.#poll);
    await this.#serial.idle();
    await this.#keeping.run(() => this.#keepUses());
  }

  /** To be waited for before anything is asked of the state. Rejects for who has to wait, and while it can't be known. */
  async #prepare(peer: string): Promise<void> {
    this.#assertNotDelayed(peer);
    await this.#refresh();
    this.#assertNotDelayed(peer); // others may have failed from there meanwhile
    if (this.#failingSinceMs !== undefined) throw notNow();
  }

  /** The token of a secret, which is used now; undefined where none is asked for. Throws NOT_ALLOWED for what is good for nothing. */
  #tokenOf(
    secret: string | undefined,
    { project, peer }: { project: ProjectId | undefined; peer: string },
  ): Token | undefined {
    const state = this.#state;
    if (state.type === "open") return undefined;
    const token = state.type === "tokens" ? findToken(state.tokens, secret ?? "") : undefined;
    const why = whyNot(state, { secret, token, project });
    if (token === undefined || why !== undefined) {
      this.#failed.add(peer, performance.now());
      const about = {
        ...(project === undefined ? {} : { project }),
        ...(token === undefined ? {} : { token: token.name }),
      };
      this.#options.onEvent({ type: "loginRefused", peer, why: why ?? "unknown token", ...about });
      throw refusal(project);
    }
    this.#failed.clear(peer);
    this.#uses.set(token.id, { atMs: Date.now(), from: addressOf(peer) });
    this.#areUsesKept = false;
    return token;
  }

  #letIn(token: Token | undefined): Access {
    const sees = token === undefined ? fullAccess.sees : this.#seesOf(token);
    const access = new LiveAccess(token, sees, (released) => this.#live.delete(released));
    this.#live.add(access);
    return access;
  }

  /** What tells the projects of a token from others: the same for all tokens of the same projects. */
  #seesOf(token: Token): Access["sees"] {
    const key = keyOf(token);
    const known = this.#sees.get(key);
    const sees = known ?? ((project): boolean => isFor(token, project));
    this.#sees.set(key, sees);
    return sees;
  }

  #assertNotDelayed(peer: string): void {
    const waitMs = this.#failed.waitMs(peer, performance.now());
    const address = addressOf(peer);
    if (waitMs === 0) {
      this.#delayed.delete(address);
      return;
    }
    if (!this.#delayed.has(address)) {
      if (this.#delayed.size > 1000) this.#delayed.clear();
      this.#delayed.add(address);
      this.#options.onEvent({ type: "loginDelayed", peer, waitMs });
    }
    throw new BakError("NOT_ALLOWED", "not allowed: too many logins from your address have failed", {
      hint: `try again in ${Math.ceil(waitMs / 1000)} s`,
    });
  }

  async #changedBy<T>(name: string, by: Changer, change: () => Promise<T>): Promise<T> {
    this.#changers.set(name, by);
    try {
      const changed = await change();
      await this.#refresh();
      return changed;
    } finally {
      this.#changers.delete(name);
    }
  }

  #watch(): void {
    const { pollMs = defaultPollMs } = this.#options;
    this.#poll = setInterval(() => void this.#look(), pollMs).unref();
    try {
      this.#watcher = watch(this.#file.folder, { persistent: false }, (_, name) => {
        if (name === null || name === basename(this.#file.path)) void this.#look();
      });
      this.#watcher.on("error", () => this.#watcher?.close()); // the poll sees it all, a little later
    } catch {
      // no room for another watch, or a file system without any: as above
    }
  }

  /** Looks at the file, unless it is about to be looked at. Never rejects. */
  async #look(): Promise<void> {
    if (this.#isRefreshDue) return;
    this.#isRefreshDue = true;
    await this.#refresh();
    if (!this.#areUsesKept && performance.now() - this.#usesKeptMs > keepUsesMs) {
      await this.#keeping.run(() => this.#keepUses());
    }
  }

  /** Resolves once what the file said when this was called is what counts. Never rejects. */
  #refresh(): Promise<void> {
    return this.#serial.run(async () => {
      this.#isRefreshDue = false;
      await this.#read();
      if (performance.now() - (this.#failingSinceMs ?? -Infinity) < patienceMs) return;
      const now = this.#state.type === "tokens" ? this.#state : { isOpen: this.#state.type === "open" };
      for (const access of this.#live) access.review(now);
    });
  }

  async #read(): Promise<void> {
    try {
      const stamp = await this.#file.stamp();
      const isKnown = this.#state.type === "tokens" && stamp !== undefined && stamp === this.#stamp;
      const tokens = isKnown ? [] : await this.#file.read();
      this.#failingSinceMs = undefined;
      if (isKnown) return;
      this.#stamp = stamp;
      this.#become(tokens === undefined ? this.#withoutFile() : { type: "tokens", tokens });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const isPassing = passing.includes(errnoOf(error) ?? errnoOf(error.cause));
      this.#failingSinceMs = isPassing ? (this.#failingSinceMs ?? performance.now()) : undefined;
      this.#become({ type: "locked", why: error.message });
    }
  }

  #withoutFile(): State {
    if (this.#options.mayBeOpen && !this.#hadTokens) return { type: "open" };
    return { type: "locked", why: `there are no tokens: '${this.#file.path}' is missing` };
  }

  #become(state: State): void {
    const before = this.#state;
    this.#state = state;
    if (state.type === "tokens") {
      if (before.type !== "locked") this.#tellChanges(before.type === "tokens" ? before.tokens : [], state.tokens);
      this.#hadTokens = true;
      const keys = new Set(state.tokens.map(keyOf));
      for (const key of this.#sees.keys()) if (!keys.has(key)) this.#sees.delete(key);
    }
    this.#tellLock(closedBy(state));
  }

  /** Tells why nobody is let in, or that somebody is again. */
  #tellLock(why: string | undefined): void {
    if (why === this.#toldLock) return;
    this.#toldLock = why;
    this.#options.onEvent(why === undefined ? { type: "unlocked" } : { type: "locked", why });
  }

  #tellChanges(before: readonly Token[], after: readonly Token[]): void {
    const tell = (type: "tokenAdded" | "tokenRevoked", from: readonly Token[], others: readonly Token[]): void => {
      const known = new Set(others.map(({ id }) => id));
      for (const { name, id } of from) {
        if (known.has(id)) continue;
        const by = this.#changers.get(name);
        this.#options.onEvent({ type, name, ...(by === undefined ? {} : { by }) });
      }
    };
    tell("tokenRevoked", before, after);
    tell("tokenAdded", after, before);
  }

  async #keepUses(): Promise<void> {
    if (this.#areUsesKept) return;
    this.#usesKeptMs = performance.now();
    this.#areUsesKept = true;
    if (this.#state.type === "tokens") {
      const ids = new Set(this.#state.tokens.map(({ id }) => id));
      for (const id of this.#uses.keys()) if (!ids.has(id)) this.#uses.delete(id);
    }
    try {
      await this.#file.writeUses(this.#uses);
    } catch (error) {
      this.#areUsesKept = false;
      this.#options.onEvent({ type: "usesNotKept", error });
    }
  }
}

/** The same for tokens of the same projects. */
function keyOf({ projects }: Token): string {
  return projects.toSorted().join(" ");
}

/** What keeps everybody out; undefined for nothing. */
function closedBy(state: State): string | undefined {
  if (state.type === "locked") return state.why;
  return state.type === "tokens" && state.tokens.length === 0 ? "all tokens were revoked" : undefined;
}

/** What keeps somebody out, for the audit trail alone; undefined for nothing. */
function whyNot(
  state: State,
  { secret, token, project }: { secret: string | undefined; token: Token | undefined; project: ProjectId | undefined },
): string | undefined {
  if (closedBy(state) !== undefined) return "nobody is let in";
  if (secret === undefined) return "no token";
  if (token === undefined) return "unknown token";
  if (isExpired(token, Date.now())) return "expired token";
  return project === undefined || isFor(token, project) ? undefined : "token of other projects";
}

/** Whether anybody may come in can't be told; the same for everybody, and nobody's fault. */
function notNow(): BakError {
  return new BakError("LIMIT", "the server can't look at its tokens: it has no files or no memory left", {
    hint: "try again later",
  });
}

/** The same for everybody, so that nobody learns anything from it. */
function refusal(project: ProjectId | undefined): BakError {
  const which = project === undefined ? "one of its tokens" : "a token that is good for the project";
  return new BakError("NOT_ALLOWED", `not allowed: this store asks for ${which}`, {
    hint: "set BAK_TOKEN to one, or run 'bak login'; whoever keeps the store makes it with 'bak token add'",
  });
}
