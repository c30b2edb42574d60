/** Who fails to log in again and again has to wait, longer each time; who comes from elsewhere does not. */
import { networkOf } from "./peer-address.js";

/** So many failures in a row cost nothing. */
const freeFailures = 5;
/** After these the next try is looked at so much later; each further one doubles that, up to the longest. */
const firstWaitMs = 1000;
const longestWaitMs = 60_000;
/** Failures that are so long past are forgotten. */
const forgetMs = 15 * 60_000;
/** Each takes some 200 bytes; beyond so many, those go of which nothing has been heard for longest. */
const maxNetworks = 4096;

interface Failures {
  readonly count: number;
  readonly lastMs: number;
}

/** Counts the failures in a row of each network, as `networkOf` has it. */
export class FailedLogins {
  readonly #failures = new Map<string, Failures>();

  /** How long somebody has to wait before he is listened to; 0 for not at all. Times are in ms, of a clock that only goes on. */
  waitMs(peer: string, nowMs: number): number {
    const found = this.#find(networkOf(peer), nowMs);
    if (found === undefined || found.count < freeFailures) return 0;
    const waitMs = Math.min(firstWaitMs * 2 ** (found.count - freeFailures), longestWaitMs);
    return Math.max(found.lastMs + waitMs - nowMs, 0);
  }

  /** Remembers one more failure in a row. */
  add(peer: string, nowMs: number): void {
    const network = networkOf(peer);
    const count = (this.#find(network, nowMs)?.count ?? 0) + 1;
    this.#failures.delete(network); // it comes last from now on
    this.#failures.set(network, { count, lastMs: nowMs });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > maxNetworks && oldest !== undefined) this.#failures.delete(oldest);
  }

  /** A success makes up for all failures before it. */
  clear(peer: string): void {
    this.#failures.delete(networkOf(peer));
  }

  #find(network: string, nowMs: number): Failures | undefined {
    const found = this.#failures.get(network);
    return found !== undefined && nowMs - found.lastMs < forgetMs ? found : undefined;
  }
}
