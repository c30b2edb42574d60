/**
 * Both ends of a channel speak through this: it numbers requests, brings each answer to the request that it belongs to,
 * and gives the other end's requests to a handler. Either end may ask; nothing here knows who is client and who is store.
 */
import { BakError, isBakError, isErrorCode } from "../errors.js";
import { oneLine } from "../objects/one-line.js";
import type { Channel } from "./channel.js";
import { maxWaitingFrames, receiveQueueBytes } from "./limits.js";
import { decodeMessage, encodeMemberInPlace, encodeMessage } from "./message-codec.js";
import type { Message, MessageOf, MessageType, Unnumbered } from "./messages.js";

export interface ConversationOptions {
  /** The side that opened the channel numbers its requests with odd numbers, the other with even ones. */
  opened: boolean;
  /** Is given each message of the other end's requests, one at a time; what it throws goes back as an error. */
  onRequest?: (message: Message) => Promise<void>;
}

/** Messages that only ever begin a request. (A pack stream may be both.) */
const requests: ReadonlySet<MessageType> = new Set([
  "hello",
  "has",
  "get",
  "trees",
  "commit",
  "log",
  "projects",
  "forget",
  "forgottenLog",
  "collect",
  "check",
  "stats",
  "measure",
  "replace",
  "tokenAdd",
  "tokenList",
  "tokenRevoke",
  "tokenTry",
]);

interface Waiting {
  readonly message: Message;
  readonly bytes: number;
}

/** One request of ours: what was sent under its number, and the answers as they come. */
export class Exchange {
  readonly number: number;
  readonly #conversation: Conversation;
  readonly #inbox: Waiting[] = [];
  #inboxBytes = 0;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  #onRoom: (() => void) | undefined;

  constructor(number: number, conversation: Conversation) {
    this.number = number;
    this.#conversation = conversation;
  }

  /** Sends one more message under this request. */
  send(message: Unnumbered): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return this.#conversation.send({ ...message, request: this.number });
  }

  /** Sends a member, whose message is made around it: `room` is `memberHeadroomBytes` and the member. */
  sendMember(room: Uint8Array, onSent: () => void): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return this.#conversation.sendMember(this.number, room, onSent);
  }

  /** The next answer, of one of the types expected. Rejects with what the other end answered instead, if it is an error. */
  async next<K extends MessageType>(...types: K[]): Promise<MessageOf<K>> {
    while (this.#inbox.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const { message, bytes } = this.#inbox.shift() as Waiting;
    this.#inboxBytes -= bytes;
    this.#onRoom?.();
    this.#onRoom = undefined;
    if (!(types as MessageType[]).includes(message.type)) {
      throw new BakError(
        "PROTOCOL",
        `'${this.#conversation.peer}' answered '${message.type}' instead of '${types.join("' or '")}'`,
      );
    }
    return message as MessageOf<K>;
  }

  /** Ends the request: answers that still come are dropped. */
  end(): void {
    this.#conversation.forget(this.number);
    this.#onRoom?.();
  }

  /** Takes an answer in; resolves when there is room for the next. */
  async deliver(message: Message, bytes: number): Promise<void> {
    if (message.type === "error") {
      this.fail(errorOf(message)); // whoever is still sending need not go on
      return;
    }
    this.#inbox.push({ message, bytes });
    this.#inboxBytes += bytes;
    this.#wake?.();
    const isFull = this.#inboxBytes > receiveQueueBytes || this.#inbox.length >= maxWaitingFrames;
    if (isFull) await new Promise<void>((resolve) => (this.#onRoom = resolve));
  }

  /** No answer comes any more; those that have come can still be taken. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
    this.#onRoom?.();
  }
}

/** See the top of the file. Begins to listen at once and goes on until the channel ends. */
export class Conversation {
  /** Resolves when the channel has closed in order, or after `close`; rejects with what ended it otherwise. */
  readonly ended: Promise<void>;
  readonly #channel: Channel;
  readonly #options: ConversationOptions;
  readonly #exchanges = new Map<number, Exchange>();
  #nextRequest: number;
  #failure: Error | undefined;
  #isClosing = false;
  #wasToldWhy = false;

  constructor(channel: Channel, options: ConversationOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#nextRequest = options.opened ? 1 : 2;
    this.ended = this.#listen();
    this.ended.catch(() => undefined); // whoever waits on it, or on an exchange, is told
  }

  /** Who is at the other end. */
  get peer(): string {
    return this.#channel.peer;
  }

  /** Whether the other end is on this machine. */
  get isLocal(): boolean {
    return this.#channel.isLocal;
  }

  /** Begins a request of our own. */
  open(): Exchange {
    const exchange = new Exchange(this.#nextRequest, this);
    this.#nextRequest += 2;
    if (this.#failure === undefined) this.#exchanges.set(exchange.number, exchange);
    else exchange.fail(this.#failure);
    return exchange;
  }

  /** Asks a question that has one answer, of the type expected. */
  async ask<K extends MessageType>(message: Unnumbered, expected: K): Promise<MessageOf<K>> {
    const exchange = this.open();
    try {
      await exchange.send(message);
      return await exchange.next(expected);
    } finally {
      exchange.end();
    }
  }

  /**
   * As `ask`, of something that takes long: `onProgress` is told now and then how far the other end is, and `onFinding` what
   * it has found; without that, a finding is an answer of the wrong type.
   */
  async follow<K extends MessageType>(
    message: Unnumbered,
    expected: K,
    onProgress: (progress: MessageOf<"progress">) => void,
    onFinding?: (finding: MessageOf<"finding">) => void,
  ): Promise<MessageOf<K>> {
    const types: ("progress" | "finding" | K)[] =
      onFinding === undefined ? ["progress", expected] : ["progress", "finding", expected];
    const exchange = this.open();
    try {
      await exchange.send(message);
      for (;;) {
        const answer: Message = await exchange.next(...types);
        if (answer.type === "progress") onProgress(answer);
        else if (answer.type === "finding" && onFinding !== undefined) onFinding(answer);
        else return answer as MessageOf<K>;
      }
    } finally {
      exchange.end();
    }
  }

  /** Sends a message as it is; for answers, which carry the number of the other end's request. */
  send(message: Message): Promise<void> {
    return this.#channel.send(encodeMessage(message));
  }

  /** Sends a member under a number, as `Exchange.sendMember` does. */
  sendMember(request: number, room: Uint8Array, onSent?: () => void): Promise<void> {
    return this.#channel.send(encodeMemberInPlace(request, room), onSent);
  }

  /** Tells the other end what is wrong with it, and ends the conversation, if that has not ended by itself. Never rejects. */
  async dismiss(reason: BakError): Promise<void> {
    this.#isClosing = true;
    await Promise.race([this.#sayWhy(reason), this.ended.catch(() => undefined)]);
    await this.close();
  }

  /** Ends the conversation in order. Whatever is still waiting fails. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#fail(new BakError("CONNECTION_LOST", `the connection to '${this.peer}' was closed`));
    await this.#channel.close();
  }

  /** Drops what still comes for a request of ours. */
  forget(request: number): void {
    this.#exchanges.delete(request);
  }

  async #listen(): Promise<void> {
    try {
      for (;;) {
        const frame = await this.#channel.receive();
        if (frame === undefined) break;
        await this.#take(decodeMessage(frame), frame.length);
      }
      this.#fail(new BakError("CONNECTION_LOST", `'${this.peer}' closed the connection`));
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      this.#fail(failure);
      if (this.#isClosing) return;
      if (!this.#wasToldWhy && !isBakError(failure, "CONNECTION_LOST")) await this.#sayWhy(failure);
      throw failure;
    } finally {
      await this.#channel.close();
    }
  }

  async #take(message: Message, bytes: number): Promise<void> {
    if (message.type === "error" && message.request === 0) {
      this.#wasToldWhy = true;
      throw errorOf(message);
    }
    const isOurs = message.request % 2 === (this.#options.opened ? 1 : 0);
    if (isOurs) return this.#answer(message, bytes);
    if (this.#options.onRequest === undefined) {
      throw new BakError("PROTOCOL", `'${this.peer}' sent a '${message.type}' that nobody asked for`);
    }
    try {
      await this.#options.onRequest(message);
    } catch (error) {
      if (!isBakError(error) || isBakError(error, "CONNECTION_LOST")) throw error;
      await this.send(errorMessage(error, message.request));
    }
  }

  /** An answer to a request that has ended is late, and dropped; a request under a number of ours is wrong. */
  async #answer(message: Message, bytes: number): Promise<void> {
    const exchange = this.#exchanges.get(message.request);
    if (exchange !== undefined) return exchange.deliver(message, bytes);
    if (requests.has(message.type)) {
      throw new BakError(
        "PROTOCOL",
        `'${message.type}' has the request number ${message.request}, which is not its sender's`,
      );
    }
  }

  /** Tells the other end what was wrong with it, as far as it still listens. */
  async #sayWhy(failure: Error): Promise<void> {
    const known = isBakError(failure) ? failure : new BakError("INTERNAL", "internal error at the other end");
    await this.send(errorMessage(known, 0)).catch(() => undefined);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const exchange of this.#exchanges.values()) exchange.fail(error);
    this.#exchanges.clear();
  }
}

/** The message that carries an error to the other end. */
export function errorMessage(error: BakError, request: number): MessageOf<"error"> {
  return { type: "error", request, code: error.code, message: clip(error.message), hint: clip(error.hint) };
}

function clip<T extends string | undefined>(text: T): T {
  return text === undefined || text.length <= 1000 ? text : (`${text.slice(0, 1000)}…` as T);
}

/** What the other end said, as an error of ours: a code that we do not know becomes PROTOCOL. */
function errorOf(message: MessageOf<"error">): BakError {
  const code = isErrorCode(message.code) ? message.code : "PROTOCOL";
  // a peer's words end up on a terminal
  return new BakError(code, oneLine(message.message), { hint: message.hint && oneLine(message.hint) });
}
