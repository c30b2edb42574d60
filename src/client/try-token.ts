/** Asks a server what a token is good for. */
import { BakError } from "../errors.js";
import type { Channel } from "../protocol/channel.js";
import type { Conversation, Exchange } from "../protocol/conversation.js";
import { decodeTokenLines, type TokenLine } from "../protocol/token-lines.js";
import { openConversation } from "./open-conversation.js";

/**
 * What the server knows of a token, but for its last use; undefined where it asks for none. Rejects with NOT_ALLOWED where it
 * takes another than this; then, as in any case, the channel is closed.
 */
export async function tryToken(
  channel: Channel,
  token: string | undefined,
  options: { signal?: AbortSignal } = {},
): Promise<TokenLine | undefined> {
  const ask = async (exchange: Exchange, conversation: Conversation): Promise<TokenLine | undefined> => {
    await exchange.send({ type: "tokenTry", token });
    const { line } = await exchange.next("tokenTried");
    await conversation.close();
    if (line === undefined) return undefined;
    const [known, ...more] = decodeTokenLines(line);
    if (known !== undefined && more.length === 0) return known;
    throw new BakError("PROTOCOL", `'${channel.peer}' answered with another number of tokens than one`);
  };
  return openConversation(channel, ask, options);
}
