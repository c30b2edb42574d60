/** A conversation with a server made of ws and msgpackr alone: it says whatever it is told to, in any order. */
import { once } from "node:events";
import { pack, unpack } from "msgpackr";
import type { Test } from "tap";
import { WebSocket } from "ws";
import { within } from "./deadline.js";

/** Numbers of messages, as docs/protocol.md has them. */
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
  log: 13,
  projects: 15,
  error: 17,
  progress: 18,
  forget: 19,
  forgotten: 20,
  collect: 23,
  replace: 30,
} as const;

/** A message as it is on the wire: its number, its request, its fields. */
export type RawMessage = readonly [number: number, request: number, ...fields: unknown[]];

const version = 2;

export class RawConversation {
  readonly #socket: WebSocket;
  readonly #heard: RawMessage[] = [];
  #wake: (() => void) | undefined;
  #nextRequest = 1;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (bytes: Buffer) => {
      this.#heard.push(unpack(bytes) as RawMessage);
      this.#wake?.();
    });
    socket.on("close", () => this.#wake?.());
    socket.on("error", () => undefined);
  }

  /** A connection on which nothing has been said. */
  static async open(t: Test, url: string): Promise<RawConversation> {
    const socket = new WebSocket(url, "bak.v2");
    t.teardown(() => socket.terminate());
    await within(10_000, "the connection", once(socket, "open"));
    return new RawConversation(socket);
  }

  /** Where it is connected to. */
  get url(): string {
    return this.#socket.url;
  }

  /** The number of a new request. */
  request(): number {
    const request = this.#nextRequest;
    this.#nextRequest += 2;
    return request;
  }

  say(...message: RawMessage): void {
    this.#socket.send(pack(message.map((field) => (field instanceof Uint8Array ? Buffer.from(field) : field))));
  }

  /** The next message of a request; those that only tell of progress are passed over. */
  async hear(request: number): Promise<RawMessage> {
    for (;;) {
      const at = this.#heard.findIndex((message) => message[1] === request && message[0] !== said.progress);
      if (at >= 0) return this.#heard.splice(at, 1)[0]!;
      if (this.#socket.readyState !== WebSocket.OPEN) throw new Error("the server closed the connection");
      await within(10_000, `an answer to ${request}`, new Promise<void>((resolve) => (this.#wake = resolve)));
    }
  }

  /** Asks something that has one answer. */
  ask(number: number, ...fields: unknown[]): Promise<RawMessage> {
    const request = this.request();
    this.say(number, request, ...fields);
    return this.hear(request);
  }

  hello(project: string, { have = null, wantTrees = false }: { have?: Uint8Array | null; wantTrees?: boolean } = {}) {
    return this.ask(said.hello, version, "raw/1", project, null, have, wantTrees, "gzip zstd");
  }

  /** Asks for a pack stream: its members, or the error that came instead. */
  async askPack(number: number, ...fields: unknown[]): Promise<{ members: Uint8Array[]; error?: RawMessage }> {
    const request = this.request();
    this.say(number, request, ...fields);
    return this.hearPack(request);
  }

  /** The pack stream that comes under a request. */
  async hearPack(request: number): Promise<{ members: Uint8Array[]; error?: RawMessage }> {
    const members: Uint8Array[] = [];
    for (;;) {
      const message = await this.hear(request);
      if (message[0] === said.error) return { members, error: message };
      if (message[0] === said.packMember) members.push(message[2] as Uint8Array);
      if (message[0] === said.packEnd) return { members };
    }
  }

  /** Uploads a pack; what the server answers. */
  async upload(members: readonly Uint8Array[], id: Uint8Array): Promise<RawMessage> {
    const request = this.request();
    this.say(said.packBegin, request);
    for (const member of members) this.say(said.packMember, request, member);
    this.say(said.packEnd, request, id);
    return this.hear(request);
  }
}
