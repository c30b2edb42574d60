/** The client's first request of a connection, whose answer may be long in coming. */
import { BakError } from "../errors.js";
import type { Channel } from "../protocol/channel.js";
import { Conversation, type Exchange } from "../protocol/conversation.js";

/** A store that has just been started may first have to read its indexes. */
const answerTimeoutMs = 60_000;

/**
 * Begins to talk, and does something with the first request. Where that fails, also since no answer comes within a minute
 * (NO_SERVER) or the signal is aborted, the channel is closed.
 */
export async function openConversation<T>(
  channel: Channel,
  ask: (exchange: Exchange, conversation: Conversation) => Promise<T>,
  { signal }: { signal?: AbortSignal | undefined },
): Promise<T> {
  const conversation = new Conversation(channel, { opened: true });
  const exchange = conversation.open();
  const giveUp = (): void => void conversation.close();
  const timer = setTimeout(() => {
    exchange.fail(new BakError("NO_SERVER", `'${channel.peer}' took the connection, and does not answer`));
  }, answerTimeoutMs);
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    return await ask(exchange, conversation);
  } catch (error) {
    await conversation.close();
    signal?.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}
