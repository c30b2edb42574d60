/** What every channel promises, whatever carries its frames. */
import { existsSync, readFileSync } from "node:fs";
import type { Test } from "tap";
import { receiveQueueBytes, sendQueueBytes } from "../../src/protocol/limits.js";
import type { ChannelPair, OpenPair } from "./channel-pairs.js";
import { settle, within } from "./deadline.js";

const mib = 1 << 20;

/** Sends frames of 1 MiB until `send` waits, and returns how many bytes that took. */
async function fill({ client }: ChannelPair): Promise<{ sent: number; waiting: Promise<void> }> {
  for (let sent = mib; sent <= 64 * mib; sent += mib) {
    const sending = client.send(Buffer.alloc(mib, sent / mib));
    let isSent = false;
    sending.then(
      () => (isSent = true),
      () => undefined,
    );
    await settle();
    if (!isSent) return { sent, waiting: sending };
  }
  throw new Error("send never waits");
}

/** What the system's sockets hold at most, at both ends. */
function socketBytes(): number {
  const maxOf = (name: string): number => {
    const file = `/proc/sys/net/ipv4/${name}`;
    return existsSync(file) ? Number(readFileSync(file, "utf8").trim().split(/\s+/)[2]) : 6 * mib;
  };
  return maxOf("tcp_rmem") + maxOf("tcp_wmem");
}

/** Tests one kind of channel. */
export function channelContract(t: Test, open: OpenPair): void {
  const test = (name: string, work: (t: Test, pair: ChannelPair) => Promise<void>): void => {
    void t.test(name, async (t) => {
      const pair = await open(t);
      await within(20_000, name, work(t, pair));
      await Promise.all([pair.client.close(), pair.server.close()]);
    });
  };

  test("frames arrive whole and in order, both ways", async (t, { client, server }) => {
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const frames = [Buffer.alloc(0), Buffer.from("a"), Buffer.alloc(100_000, 1), Buffer.alloc(9 * mib, 2)];
      const sending = Promise.all(frames.map((frame) => from.send(frame)));
      for (const frame of frames) t.ok(frame.equals((await to.receive()) as Uint8Array), `${frame.length} bytes`);
      await sending;
    }
  });

  test("a frame may be written over once it is told to be sent, and each is told once", async (t, {
    client,
    server,
  }) => {
    const buffer = Buffer.alloc(3 * mib);
    const told: number[] = [];
    const sending = (async () => {
      for (let index = 0; index < 20; index += 1) {
        const length = [5, 70_000, 3 * mib][index % 3] as number;
        await new Promise<void>((resolve, reject) => {
          const frame = buffer.subarray(0, length).fill(index);
          const onSent = (): void => {
            told.push(index);
            buffer.fill(0xee);
            resolve();
          };
          client.send(frame, onSent).catch(reject);
        });
      }
    })();
    for (let index = 0; index < 20; index += 1) {
      const frame = (await server.receive()) as Uint8Array;
      t.ok(
        frame.every((byte) => byte === index),
        `frame ${index}`,
      );
    }
    await sending;
    t.strictSame(
      told,
      Array.from({ length: 20 }, (_, index) => index),
    );
  });

  test("an orderly close ends the other end's reading after what was sent", async (t, { client, server }) => {
    await client.send(Buffer.from("last"));
    const closing = client.close();
    t.strictSame(Buffer.from((await server.receive()) as Uint8Array), Buffer.from("last"));
    t.equal(await server.receive(), undefined);
    await closing;
  });

  test("once closed, sending fails, at either end", async (t, { client, server }) => {
    await client.close();
    await t.rejects(client.send(Buffer.from("a")), { code: "CONNECTION_LOST" });
    t.equal(await server.receive(), undefined);
    await t.rejects(server.send(Buffer.from("b")), { code: "CONNECTION_LOST" });
  });

  test("closing again does nothing", async (t, { client }) => {
    await Promise.all([client.close(), client.close()]);
    await client.close();
    t.pass("it resolves");
  });

  test("a close ends one's own reading", async (t, { client }) => {
    const reading = client.receive();
    await client.close();
    t.equal(await reading, undefined);
  });

  test("a writer waits while nobody reads, and what is under way is bounded", async (t, pair) => {
    const { sent, waiting } = await fill(pair);
    t.ok(sent <= receiveQueueBytes + sendQueueBytes + 2 * mib + socketBytes(), `${sent} bytes`); // with a frame at each end
    for (let index = 0; index < sent / mib; index += 1) t.equal((await pair.server.receive())?.length, mib);
    await waiting;
    t.pass("and goes on once somebody does");
  });

  test("a writer that waits is let go when the channel is closed", async (t, pair) => {
    const { waiting } = await fill(pair);
    const ended = waiting.then(
      () => "sent",
      (error: { code?: string }) => error.code,
    );
    await pair.server.close();
    await pair.client.close();
    t.match(await ended, /^(sent|CONNECTION_LOST)$/);
  });
}
