/** Two ends of a real channel: inside this process, or over a WebSocket on the loopback. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Test } from "tap";
import type { Channel } from "../../src/protocol/channel.js";
import { openMemoryChannel } from "../../src/protocol/memory-channel.js";
import { acceptWebSockets } from "../../src/protocol/websocket-accept.js";
import { dialWebSocket } from "../../src/protocol/websocket-dial.js";

export interface ChannelPair {
  readonly client: Channel;
  readonly server: Channel;
}

export type OpenPair = (t: Test) => Promise<ChannelPair>;

/** A server that makes a channel of every connection; `next` gives them in order. */
export async function acceptChannels(t: Test): Promise<{ url: string; port: number; next(): Promise<Channel> }> {
  const http = createServer();
  const accepted: Channel[] = [];
  let wake: (() => void) | undefined;
  const stop = acceptWebSockets(http, {
    onChannel: (channel) => {
      accepted.push(channel);
      wake?.();
    },
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  t.teardown(async () => {
    stop();
    http.closeAllConnections();
    await new Promise<void>((resolve) => http.close(() => resolve()));
  });
  const { port } = http.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}`,
    port,
    next: async () => {
      while (accepted.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return accepted.shift() as Channel;
    },
  };
}

/** Every kind of channel there is. */
export const pairs: Record<string, OpenPair> = {
  "in memory": async () => openMemoryChannel({ client: "the client", server: "the server" }),
  "over a WebSocket": async (t) => {
    const listener = await acceptChannels(t);
    const client = await dialWebSocket(listener.url);
    t.teardown(() => client.close());
    return { client, server: await listener.next() };
  },
};
