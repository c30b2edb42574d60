/**
 * The beginning of a connection: nothing of a store is touched before somebody has said who he is and was let in. Up to then
 * he may send no more than a hello takes.
 */
import { BakError, isBakError } from "../errors.js";
import type { Channel } from "../protocol/channel.js";
import { errorMessage } from "../protocol/conversation.js";
import { decodeMessage, encodeMessage } from "../protocol/message-codec.js";
import type { MessageOf } from "../protocol/messages.js";
import { encodeTokenLines, type TokenLine } from "../protocol/token-lines.js";

/** What is said before hello is let in, all in all. */
export const maxGreetingBytes = 64 << 10;

/** Somebody who was let in. */
export interface Greeted<T> {
  /** What came of letting him in. */
  readonly guest: T;
  /** The channel as it was before he said hello. */
  readonly channel: Channel;
}

/** Who lets somebody in, and how long he is listened to before. */
export interface GreetingOptions<T> {
  /** Rejects with what he is to be told before he is sent away. */
  letIn: (hello: MessageOf<"hello">) => Promise<T>;
  /** Gives what a token is good for, and undefined where none is asked for; rejects as `letIn`. */
  tryToken: (token: string | undefined) => Promise<TokenLine | undefined>;
  /** So long he may take. */
  timeoutMs: number;
}

/** Waits until somebody has said hello and was let in. Undefined where he has closed in order, or was sent away; rejects with what broke it off. */
export async function greet<T>(channel: Channel, options: GreetingOptions<T>): Promise<Greeted<T> | undefined> {
  const late = setTimeout(() => {
    void dismiss(channel, new BakError("PROTOCOL", "no hello came in time"));
  }, options.timeoutMs);
  try {
    return await listenForHello(channel, options);
  } catch (error) {
    if (isBakError(error) && !isBakError(error, "CONNECTION_LOST")) await dismiss(channel, error);
    throw error;
  } finally {
    clearTimeout(late);
  }
}

/** Tells somebody what is wrong with him, and closes. Never rejects. */
export async function dismiss(channel: Channel, reason: BakError): Promise<void> {
  channel.send(encodeMessage(errorMessage(reason, 0))).catch(() => undefined);
  await channel.close();
}

async function listenForHello<T>(channel: Channel, options: GreetingOptions<T>): Promise<Greeted<T> | undefined> {
  const { letIn, tryToken } = options;
  for (let bytes = 0; ;) {
    const frame = await channel.receive();
    if (frame === undefined) return undefined;
    bytes += frame.length;
    if (bytes > maxGreetingBytes) throw new BakError("LIMIT", "too much was sent before hello");
    const message = decodeMessage(frame);
    if (message.type === "hello") {
      const guest = await orDismiss(channel, letIn(message));
      return guest && { guest, channel: replaying(channel, frame) };
    }
    if (message.request % 2 === 0) throw notHello();
    if (message.type === "tokenTry") {
      const answer = await orDismiss(channel, answerTry(message, tryToken));
      if (answer === undefined) return undefined;
      await channel.send(encodeMessage(answer));
      continue;
    }
    await channel.send(encodeMessage(errorMessage(notHello(), message.request)));
  }
}

async function answerTry(
  { request, token }: MessageOf<"tokenTry">,
  tryToken: GreetingOptions<unknown>["tryToken"],
): Promise<MessageOf<"tokenTried">> {
  const known = await tryToken(token);
  return { type: "tokenTried", request, line: known && encodeTokenLines([known]) };
}

/** What comes of letting somebody in; undefined for who was refused, told so and sent away. */
async function orDismiss<T>(channel: Channel, outcome: Promise<T>): Promise<T | undefined> {
  try {
    return await outcome;
  } catch (error) {
    if (!isBakError(error)) throw error;
    await dismiss(channel, error);
    return undefined;
  }
}

function notHello(): BakError {
  return new BakError("PROTOCOL", "the first message must be hello");
}

/** The channel, with a frame that is received once more. */
function replaying(channel: Channel, frame: Uint8Array): Channel {
  let next: Uint8Array | undefined = frame;
  return {
    ...channel,
    receive: () => {
      const again = next;
      next = undefined;
      return again === undefined ? channel.receive() : Promise.resolve(again);
    },
  };
}
