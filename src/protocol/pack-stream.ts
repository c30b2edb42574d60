/** Pack streams: begin, members, end; the same in both directions. */
import { BakError } from "../errors.js";
import type { Conversation, Exchange } from "./conversation.js";

/**
 * Answers a request with a pack stream. Each member comes behind `memberHeadroomBytes` bytes, is the stream's from then on,
 * and waits for room in the channel, so memory does not follow a slow peer.
 */
export async function sendPackStream(
  conversation: Conversation,
  request: number,
  rooms: AsyncIterable<Uint8Array>,
): Promise<void> {
  await conversation.send({ type: "packBegin", request });
  for await (const room of rooms) await conversation.sendMember(request, room);
  await conversation.send({ type: "packEnd", request, pack: undefined });
}

/** The members of the pack stream that answers a request; it ends the exchange when it ends, however it ends. */
export async function* receivePackStream(exchange: Exchange): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    await exchange.next("packBegin");
    for (;;) {
      const message = await exchange.next("packMember", "packEnd");
      if (message.type === "packEnd") return;
      if (message.member.length === 0) throw new BakError("BAD_PACK", "damaged pack: empty member");
      yield message.member;
    }
  } finally {
    exchange.end();
  }
}
