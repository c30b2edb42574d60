/**
 * The address that a server listens on. Where a connection can't be taken, and we are told so, it stops to listen for a
 * moment, and listens again: the one that waits would be tried over and over. (As a rule libuv takes such a connection with a
 * file that it keeps for that, and closes it.)
 */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { BakError, errnoOf } from "../errors.js";

const defaultPauseMs = 1000;
/** Told so often at most. */
const tellAgainMs = 60_000;

/** A connection could not be taken; nobody is listened to for a moment. */
export interface ListeningEvent {
  readonly type: "acceptFailed";
  readonly error: Error;
}

export interface ListeningOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** It listens again after so long; a second unless given. */
  readonly pauseMs?: number;
  readonly onEvent: (event: ListeningEvent) => void;
}

export class Listening {
  /** With the port that was picked. */
  readonly address: AddressInfo;
  readonly #http: Server;
  readonly #options: ListeningOptions;
  #pause: NodeJS.Timeout | undefined;
  #toldMs = -Infinity;
  #isClosed = false;

  private constructor(http: Server, options: ListeningOptions) {
    this.#http = http;
    this.#options = options;
    this.address = http.address() as AddressInfo;
    http.on("error", (error) => this.#fail(error));
  }

  /** Resolves once it listens; rejects with CANNOT_LISTEN. */
  static async open(http: Server, options: ListeningOptions): Promise<Listening> {
    const { host, port } = options;
    try {
      await new Promise<void>((resolve, reject) => {
        http.once("error", reject);
        http.listen({ host, port }, () => {
          http.off("error", reject);
          resolve();
        });
      });
    } catch (cause) {
      throw cannotListen(cause, host, port);
    }
    return new Listening(http, options);
  }

  /** Listens no more; resolves once no connection is left. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#pause);
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
  }

  #fail(error: Error): void {
    if (this.#isClosed) return;
    if (performance.now() - this.#toldMs > tellAgainMs) {
      this.#toldMs = performance.now();
      this.#options.onEvent({ type: "acceptFailed", error });
    }
    if (this.#http.listening) this.#http.close();
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => {
      this.#http.listen({ host: this.#options.host, port: this.address.port });
    }, this.#options.pauseMs ?? defaultPauseMs);
  }
}

function cannotListen(cause: unknown, host: string, port: number): BakError {
  const why: Record<string, [string, string]> = {
    EADDRINUSE: ["the port is in use", "choose another with --port, or 0 to have one picked"],
    EADDRNOTAVAIL: ["this machine has no such address", "choose one of its own with --host, or 0.0.0.0 for all"],
    EACCES: ["not allowed", "choose a port above 1023 with --port"],
    ENOTFOUND: ["no such host", "choose an address of this machine with --host"],
  };
  const [reason, hint] = why[errnoOf(cause) ?? ""] ?? [
    cause instanceof Error ? cause.message : String(cause),
    undefined,
  ];
  return new BakError("CANNOT_LISTEN", `cannot listen on ${host}:${port}: ${reason}`, { hint, cause });
}
