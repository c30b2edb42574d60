/** Somebody with a whole /64 of IPv6 addresses, over real sockets from many of them: he counts as one. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import t, { type Test } from "tap";
import { protocolVersion } from "../../src/protocol/limits.js";
import { encodeMessage } from "../../src/protocol/message-codec.js";
import type { Served } from "../helpers/served-store.js";
import { serveStore } from "../helpers/served-store.js";
import { until, within } from "../helpers/deadline.js";
import { end } from "../helpers/in-the-way.js";
import { handshake, rawFrame } from "../helpers/raw-client.js";
import { testProject } from "../helpers/small-commit.js";

/** Of this process alone, in the range that is nobody's. */
const prefix = `fd${(process.pid & 0xff).toString(16).padStart(2, "0")}:ba${((process.pid >> 8) & 0xff).toString(16).padStart(2, "0")}`;
const of = (network: number, host: number): string => `${prefix}::${network}:0:0:0:${host.toString(16)}`;

function ip(action: "add" | "del", address: string): string | undefined {
  const args = ["-6", "addr", action, `${address}/128`, "dev", "lo", ...(action === "add" ? ["nodad"] : [])];
  const { status, stderr, error } = spawnSync("ip", args, { encoding: "utf8" });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

/** Gives this machine some addresses for the time of a test; says why that can't be. */
function takeAddresses(t: Test, addresses: readonly string[]): string | undefined {
  for (const address of addresses) {
    const why = ip("add", address);
    if (why !== undefined) return `cannot give lo an address: ${why}`;
    t.teardown(() => ip("del", address));
  }
  return undefined;
}

async function from(t: Test, address: string, { listener, port }: Served): Promise<Socket> {
  const host = new URL(listener.url).hostname.slice(1, -1);
  const socket = connect({ port, host, localAddress: address });
  socket.on("error", () => undefined);
  t.teardown(() => socket.destroy());
  await within(5000, `a connection from ${address}`, once(socket, "connect"));
  socket.resume();
  return socket;
}

/** The answer to a request to speak WebSocket, and the socket, which has a session then. */
async function enter(t: Test, address: string, served: Served): Promise<string> {
  const socket = await from(t, address, served);
  const upgraded = once(socket, "data");
  socket.write(handshake);
  const [answer] = (await within(5000, "an upgrade", upgraded)) as [Buffer];
  const status = answer.toString("latin1").split("\r\n")[0] ?? "";
  if (!status.includes(" 101 ")) return status;
  const fields = { version: protocolVersion, agent: "raw/1", project: testProject, have: undefined, wantTrees: false };
  const welcomed = once(socket, "data");
  socket.write(rawFrame(encodeMessage({ type: "hello", request: 1, ...fields, token: undefined, reads: ["gzip"] })));
  await within(5000, "a welcome", welcomed);
  return status;
}

t.test("limits by address take a /64 as one", async (t) => {
  const [server, ...own] = [of(1, 1), of(2, 1), of(2, 2), of(2, 3), of(2, 0xffff), of(3, 1), of(3, 2)];
  const why = takeAddresses(t, [server, ...own]);
  if (why !== undefined) {
    t.pass("real addresses", { skip: why });
    return;
  }
  const limits = { sessions: 20, sessionsPerAddress: 2, waiting: 20, waitingPerAddress: 3 };
  const served = await serveStore(t, t.testdir(), { host: server, isInsecure: true, limits });

  const first = await from(t, of(2, 1), served);
  const gone = end(first);
  for (const host of [2, 3, 0xffff]) await from(t, of(2, host), served);
  await within(5000, "the end of the first", gone);
  const waitsElsewhere = await from(t, of(3, 1), served);

  t.match(await enter(t, of(2, 1), served), / 101 /);
  t.match(await enter(t, of(2, 2), served), / 101 /);
  t.match(await enter(t, of(2, 3), served), / 429 /, "from another address of the same /64");
  t.match(await enter(t, of(3, 2), served), / 101 /, "the next /64 is somebody else");
  t.equal(waitsElsewhere.closed, false);
  await until(() => served.events.filter(({ type }) => type === "crowded").length === 2, "a word about both");
  const network = `${prefix}:0:2::/64`;
  t.match(
    served.events.filter(({ type }) => type === "crowded"),
    [
      { what: "waiting", from: network },
      { what: "sessions", from: network },
    ],
  );
});
