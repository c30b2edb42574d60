/**
 * Somebody who speaks the protocol without any of bak's code: by docs/protocol.md alone, with a WebSocket library and a
 * MessagePack library. What the messages look like is written out here once more.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { pack, unpack } from "msgpackr";
import type { Test } from "tap";
import { WebSocket } from "ws";
import type { RequestType } from "../../src/protocol/messages.js";
import { within } from "./deadline.js";

/** A message: its number, that of its request, and its fields. */
export type Frame = readonly [number: number, request: number, ...fields: unknown[]];

export const numbers = { welcome: 2, known: 4, packMember: 8, packEnd: 9, packKept: 10, error: 17 } as const;

const nobody = randomBytes(32);

/** A message of each type that asks for something, such as it has to be; of things that are not there, as far as it can be. */
export const oneOfEach = {
  hello: [1, 3, 2, "evil/1", "laptop-docs", null, null, false, "gzip zstd"],
  has: [3, 3, nobody],
  get: [5, 3, nobody],
  trees: [6, 3, nobody, null],
  packBegin: [7, 3],
  packMember: [8, 3, Buffer.from([1])],
  packEnd: [9, 3, nobody],
  commit: [11, 3, nobody, null],
  log: [13, 3, 0, 10],
  projects: [15, 3],
  forget: [19, 3, nobody, false],
  forgottenLog: [21, 3, 0, 10],
  collect: [23, 3, 1_000_000_000, true],
  check: [25, 3, 0, false],
  stats: [28, 3],
  measure: [32, 3, 5],
  replace: [30, 3, nobody, nobody],
  tokenAdd: [40, 3, "backdoor", nobody, "*", "push read delete admin", null, null],
  tokenList: [42, 3],
  tokenRevoke: [44, 3, "nobody"],
} as const satisfies Record<RequestType, Frame>;

export class Attacker {
  readonly #socket: WebSocket;
  readonly #heard: Buffer[] = [];
  #wake: (() => void) | undefined;
  #isClosed = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("message", (bytes: Buffer) => {
      this.#heard.push(bytes);
      this.#wake?.();
    });
    socket.on("close", () => {
      this.#isClosed = true;
      this.#wake?.();
    });
  }

  /** Connects to the port, from an address of this machine's. */
  static async connect(t: Test, port: string, from = "127.0.0.1"): Promise<Attacker> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, "bak.v2", { localAddress: from });
    t.teardown(() => socket.terminate());
    const attacker = new Attacker(socket);
    await within(10_000, "a connection", once(socket, "open"));
    return attacker;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  say(frame: Frame): void {
    this.#socket.send(pack(frame));
  }

  hello(project: string, token: string | null, wantTrees = false): void {
    this.say([1, 1, 2, "evil/1", project, token, null, wantTrees, "gzip zstd"]);
  }

  /** The bytes of the next message; undefined once the connection has ended. */
  async hearBytes(): Promise<Buffer | undefined> {
    while (this.#heard.length === 0 && !this.#isClosed) {
      await within(10_000, "a message", new Promise<void>((resolve) => (this.#wake = resolve)));
    }
    return this.#heard.shift();
  }

  async hear(): Promise<Frame | undefined> {
    const bytes = await this.hearBytes();
    return bytes && (unpack(bytes) as Frame);
  }

  /** The next message that is neither progress nor a finding. */
  async ask(frame: Frame): Promise<Frame | undefined> {
    this.say(frame);
    for (;;) {
      const answer = await this.hear();
      if (answer?.[0] !== 18 && answer?.[0] !== 26) return answer;
    }
  }

  /** All that still comes until the connection ends. */
  async hearAll(): Promise<Frame[]> {
    const all: Frame[] = [];
    for (;;) {
      const frame = await this.hear();
      if (frame === undefined) return all;
      all.push(frame);
    }
  }

  /** Says nothing more, and hears nothing: the socket is not read from. */
  deafen(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.close();
  }
}

/** What an answer says has gone wrong; undefined for any other. */
export function codeOf(frame: Frame | undefined): unknown {
  return frame?.[0] === numbers.error ? frame[2] : undefined;
}
