/**
 * Somebody who speaks the protocol without any of bak's code: by docs/protocol.md alone, with a WebSocket library and a
 * MessagePack library. It says whatever it is told to, in any order. What the messages look like is written out here once more.
 */
import { once } from "node:events";
import { pack, unpack } from "msgpackr";
import type { Test } from "tap";
import { WebSocket } from "ws";
import { within } from "./deadline.js";

/** Numbers of messages. */
export const said = {
  hello: 1,
  welcome: 2,
  has: 3,
  known: 4,
  get: 5,
  trees: 6,
  packBegin: 7,
  packMember: 8,
  packEnd: 9,
  packKept: 10,
  commit: 11,
  committed: 12,
  error: 17,
  progress: 18,
  forget: 19,
  forgotten: 20,
  finding: 26,
  replace: 30,
} as const;

/** A message as it is on the wire: its number, its request, its fields. */
export type RawMessage = readonly [number: number, request: number, ...fields: unknown[]];

const version = 2;

export class RawConversation {
  readonly #socket: WebSocket;
  readonly #heard: Buffer[] = [];
  #wake: (() => void) | undefined;
  #nextRequest = 1;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("message", (bytes: Buffer) => {
      this.#heard.push(bytes);
      this.#wake?.();
    });
    socket.on("close", () => this.#wake?.());
  }

  /** A connection on which nothing has been said; `from` is an address of this machine's. */
  static async connect(t: Test, url: string, from = "127.0.0.1"): Promise<RawConversation> {
    const socket = new WebSocket(url, "bak.v2", { localAddress: from });
    t.teardown(() => socket.terminate());
    const client = new RawConversation(socket);
    await within(10_000, "a connection", once(socket, "open"));
    return client;
  }

  /** Where it is connected to. */
  get url(): string {
    return this.#socket.url;
  }

  get isClosed(): boolean {
    return this.#socket.readyState === WebSocket.CLOSED;
  }

  say(message: RawMessage): void {
    this.#socket.send(pack(message.map((field) => (field instanceof Uint8Array ? Buffer.from(field) : field))));
  }

  /** The bytes of the next message; undefined once the connection has ended. */
  async hearBytes(): Promise<Buffer | undefined> {
    while (this.#heard.length === 0 && !this.isClosed) {
      await within(10_000, "a message", new Promise<void>((resolve) => (this.#wake = resolve)));
    }
    return this.#heard.shift();
  }

  /** The next message; undefined once the connection has ended. */
  async hear(): Promise<RawMessage | undefined> {
    const bytes = await this.hearBytes();
    return bytes && (unpack(bytes) as RawMessage);
  }

  /** All that still comes until the connection ends. */
  async hearAll(): Promise<RawMessage[]> {
    const all: RawMessage[] = [];
    for (;;) {
      const message = await this.hear();
      if (message === undefined) return all;
      all.push(message);
    }
  }

  /** Says something, and hears the next message that is neither progress nor a finding. */
  async tell(message: RawMessage): Promise<RawMessage | undefined> {
    this.say(message);
    return this.#hearAnswer();
  }

  /** Says hello; the answer. */
  hello(
    project: string,
    token: string | null = null,
    { have = null, wantTrees = false }: { have?: Uint8Array | null; wantTrees?: boolean } = {},
  ): Promise<RawMessage | undefined> {
    return this.tell([said.hello, this.#request(), version, "evil/1", project, token, have, wantTrees, "gzip zstd"]);
  }

  /** Asks under a number of its own what has one answer; rejects where the connection ends instead. */
  ask(number: number, ...fields: unknown[]): Promise<RawMessage> {
    const request = this.#request();
    this.say([number, request, ...fields]);
    return this.#hearAnswerTo(request);
  }

  /** The same for a pack stream: its members, or the error that came instead. */
  async askPack(number: number, ...fields: unknown[]): Promise<{ members: Uint8Array[]; error?: RawMessage }> {
    const request = this.#request();
    this.say([number, request, ...fields]);
    return this.hearPack(request);
  }

  /** The pack stream that comes under a request. */
  async hearPack(request: number): Promise<{ members: Uint8Array[]; error?: RawMessage }> {
    const members: Uint8Array[] = [];
    for (;;) {
      const message = await this.#hearAnswerTo(request);
      if (message[0] === said.error) return { members, error: message };
      if (message[0] === said.packMember) members.push(message[2] as Uint8Array);
      if (message[0] === said.packEnd) return { members };
    }
  }

  /** Uploads a pack; what the server answers. */
  upload(members: readonly Uint8Array[], id: Uint8Array): Promise<RawMessage> {
    const request = this.#request();
    this.say([said.packBegin, request]);
    for (const member of members) this.say([said.packMember, request, member]);
    this.say([said.packEnd, request, id]);
    return this.#hearAnswerTo(request);
  }

  /** Says nothing more, and hears nothing: the socket is not read from. */
  deafen(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.close();
  }

  #request(): number {
    const request = this.#nextRequest;
    this.#nextRequest += 2;
    return request;
  }

  async #hearAnswer(): Promise<RawMessage | undefined> {
    for (;;) {
      const message = await this.hear();
      if (message?.[0] !== said.progress && message?.[0] !== said.finding) return message;
    }
  }

  async #hearAnswerTo(request: number): Promise<RawMessage> {
    const answer = await this.#hearAnswer();
    if (answer === undefined) throw new Error("the server closed the connection");
    if (answer[1] !== request) throw new Error(`heard ${JSON.stringify(answer)} instead of an answer to ${request}`);
    return answer;
  }
}

/** What an answer says has gone wrong; undefined for any other. */
export function codeOf(message: RawMessage | undefined): unknown {
  return message?.[0] === said.error ? message[2] : undefined;
}
