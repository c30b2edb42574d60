/**
 * Who is connected, and how many that may be. Whoever has not said hello yet has to make room for those who come later: first
 * those of the address that has most of them, and of these who came first. So somebody who connects and says hello gets in,
 * however many only wait. A session keeps its place.
 */
import { BakError } from "../errors.js";
import { networkOf } from "./peer-address.js";

/** How many may be there at a time. */
export interface VisitorLimits {
  /** Sessions: those who have said hello and were let in. */
  readonly sessions: number;
  readonly sessionsPerAddress: number;
  /** Connections of those who have not. */
  readonly waiting: number;
  readonly waitingPerAddress: number;
}

/** That there was no room for somebody. */
export type VisitorEvent =
  /** `from` is a network; told once a minute, with how many more there were since. */
  { type: "crowded"; what: "waiting" | "sessions"; from: string; more: number };

/** The HTTP status for whom there is no room, and after how many seconds he may come again. */
export interface NoRoom {
  readonly status: 429 | 503;
  readonly retryAfterSeconds: number;
}

const tellAgainMs = 60_000;
const retryAfterSeconds = 30;

/** Is told of each who comes, is let in, and goes. */
export class Visitors {
  readonly #limits: VisitorLimits;
  readonly #onEvent: (event: VisitorEvent) => void;
  /** In the order in which they came. */
  readonly #waiting = new Set<Visitor>();
  readonly #waitingBy = new Map<string, number>();
  readonly #sessionsBy = new Map<string, number>();
  #sessions = 0;
  readonly #told = new Map<VisitorEvent["what"], { atMs: number; more: number }>();

  constructor(limits: VisitorLimits, onEvent: (event: VisitorEvent) => void) {
    this.#limits = limits;
    this.#onEvent = onEvent;
  }

  /**
   * Somebody has connected, who may have to go again: `sendAway` is called then, once. With `isProxy` he speaks for many, and
   * it is not known yet for whom.
   */
  arrive(address: string, options: { isProxy: boolean; sendAway: () => void }): Visitor {
    const visitor = new Visitor(options.isProxy ? undefined : networkOf(address), options.sendAway);
    this.#waiting.add(visitor);
    this.#count(visitor, 1);
    this.#makeRoom(visitor);
    return visitor;
  }

  /** Where he really comes from. */
  locate(visitor: Visitor, address: string): void {
    if (!this.#waiting.has(visitor)) return;
    this.#count(visitor, -1);
    visitor.network = networkOf(address);
    this.#count(visitor, 1);
    this.#makeRoom(visitor);
  }

  /** Why nobody from there could have a session at the moment; undefined if he could. */
  noRoomFor(visitor: Visitor): NoRoom | undefined {
    const { sessions, sessionsPerAddress } = this.#limits;
    const isFull = this.#sessions >= sessions;
    if (!isFull && (this.#sessionsBy.get(visitor.network ?? "") ?? 0) < sessionsPerAddress) return undefined;
    this.#tell("sessions", visitor);
    return { status: isFull ? 503 : 429, retryAfterSeconds };
  }

  /** He was let in. Throws LIMIT if there is no room for him. */
  seat(visitor: Visitor): void {
    if (visitor.isSeated) return;
    // who was sent away may have said hello just then
    if (!this.#waiting.has(visitor) || this.noRoomFor(visitor) !== undefined) {
      throw new BakError("LIMIT", "the server has too many sessions", { hint: "try again later" });
    }
    this.#waiting.delete(visitor);
    this.#count(visitor, -1);
    visitor.isSeated = true;
    this.#sessions += 1;
    add(this.#sessionsBy, visitor.network ?? "", 1);
  }

  /** He is gone. */
  leave(visitor: Visitor): void {
    if (this.#waiting.delete(visitor)) this.#count(visitor, -1);
    if (!visitor.isSeated) return;
    visitor.isSeated = false;
    this.#sessions -= 1;
    add(this.#sessionsBy, visitor.network ?? "", -1);
  }

  #count({ network }: Visitor, by: 1 | -1): void {
    if (network !== undefined) add(this.#waitingBy, network, by);
  }

  #makeRoom(newcomer: Visitor): void {
    const { waiting, waitingPerAddress } = this.#limits;
    const own = newcomer.network;
    if (own !== undefined && (this.#waitingBy.get(own) ?? 0) > waitingPerAddress) this.#sendAway(own);
    if (this.#waiting.size <= waiting) return;
    let [most, count]: [string | undefined, number] = [undefined, 0];
    for (const [network, here] of this.#waitingBy) if (here > count) [most, count] = [network, here];
    this.#sendAway(most);
  }

  /** The one who has waited longest of those from a network; of all, where none is named. */
  #sendAway(network: string | undefined): void {
    for (const visitor of this.#waiting) {
      if (network !== undefined && visitor.network !== network) continue;
      this.leave(visitor);
      this.#tell("waiting", visitor);
      visitor.sendAway();
      return;
    }
  }

  #tell(what: VisitorEvent["what"], { network }: Visitor): void {
    const now = performance.now();
    const told = this.#told.get(what);
    if (told !== undefined && now - told.atMs < tellAgainMs) {
      told.more += 1;
      return;
    }
    this.#told.set(what, { atMs: now, more: 0 });
    this.#onEvent({ type: "crowded", what, from: network ?? "a proxy", more: told?.more ?? 0 });
  }
}

/** Somebody who is connected. */
export class Visitor {
  /** Undefined for a proxy that has not said yet for whom it speaks. */
  network: string | undefined;
  isSeated = false;
  readonly sendAway: () => void;

  constructor(network: string | undefined, sendAway: () => void) {
    this.network = network;
    this.sendAway = sendAway;
  }
}

function add(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
