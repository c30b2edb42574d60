/** A wire between a client and a server that breaks: one connection after the other, each after so many bytes. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { Test } from "tap";

export interface Cutter {
  readonly url: string;
  /** Connections that were cut. */
  readonly cuts: number;
}

/**
 * Passes connections on to a port of this machine. The i-th is cut off after so many bytes in a direction, as `up` (to the
 * server) or `down` has them; those that come after are not.
 */
export async function openCutter(
  t: Test,
  port: number | string,
  limits: { up?: readonly number[]; down?: readonly number[] },
): Promise<Cutter> {
  let connections = 0;
  let cuts = 0;
  const carry = (from: Socket, to: Socket, limit = Infinity): void => {
    let left = limit;
    from.on("data", (chunk) => {
      if (left <= 0) return;
      const isRoom = to.write(chunk.subarray(0, Math.min(left, chunk.length)));
      left -= chunk.length;
      if (left <= 0) {
        cuts += 1;
        from.resetAndDestroy();
        to.resetAndDestroy();
      } else if (!isRoom) {
        from.pause();
        to.once("drain", () => from.resume());
      }
    });
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  };
  const listener = createServer((client) => {
    const server = connect(Number(port), "127.0.0.1");
    carry(client, server, limits.up?.[connections]);
    carry(server, client, limits.down?.[connections]);
    connections += 1;
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  t.teardown(() => listener.close());
  return {
    url: `ws://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    get cuts() {
      return cuts;
    },
  };
}
