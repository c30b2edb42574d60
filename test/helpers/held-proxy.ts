/** A wire between a client and a server that stops carrying anything once so many bytes have passed: a moment to act in. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { Test } from "tap";

export interface HeldProxy {
  readonly url: string;
  /** Holds what comes after so many more bytes; resolves when that is so. */
  hold(direction: "up" | "down", afterBytes: number): Promise<void>;
  /** Lets everything pass again. */
  release(): void;
}

/** Passes connections on to a port of this machine. */
export async function openProxy(t: Test, port: number | string): Promise<HeldProxy> {
  let held: { direction: "up" | "down"; leftBytes: number; reached: () => void } | undefined;
  const sockets = new Set<Socket>();
  const waiting = new Set<Socket>();
  const carry = (from: Socket, to: Socket, direction: "up" | "down"): void => {
    sockets.add(from);
    from.on("data", (chunk) => {
      if (!to.write(chunk)) {
        from.pause();
        to.once("drain", () => waiting.has(from) || from.resume());
      }
      if (held?.direction !== direction) return;
      held.leftBytes -= chunk.length;
      if (held.leftBytes > 0) return;
      from.pause();
      waiting.add(from);
      held.reached();
    });
    from.on("error", () => to.destroy());
    from.on("close", () => {
      sockets.delete(from);
      waiting.delete(from);
      to.destroy();
    });
  };
  const listener = createServer((client) => {
    const server = connect(Number(port), "127.0.0.1");
    carry(client, server, "up");
    carry(server, client, "down");
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  return {
    url: `ws://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    hold: (direction, afterBytes) =>
      new Promise((resolve) => (held = { direction, leftBytes: afterBytes, reached: resolve })),
    release: () => {
      held = undefined;
      for (const socket of waiting) socket.resume();
      waiting.clear();
    },
  };
}
