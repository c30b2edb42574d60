/** A thread that keeps 200 connections to a port which do nothing, talk garbage, or say half of something; see crowd.test.ts. */
import { connect } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { handshake, rawFrame } from "./raw-client.js";

const { port } = workerData as { port: number };
const mib = 1 << 20;
const connections = 200;
/** Whoever is sent away comes back. */
const againMs = 1000;

const nuisances: readonly (readonly Buffer[])[] = [
  [],
  [Buffer.alloc(4096, 0xff)],
  [Buffer.from(handshake.slice(0, -2))],
  [Buffer.from(handshake), rawFrame(Buffer.alloc(mib), { length: BigInt(9 * mib) })],
  [Buffer.from(handshake), rawFrame(Buffer.alloc(100)).subarray(0, 50)],
  [Buffer.from(handshake), Buffer.alloc(4096, 0x81)],
];

let made = 0;
function join(which: number): void {
  const socket = connect(port, "127.0.0.1", () => {
    made += 1;
    if (made < connections) return;
    // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has none
    parentPort?.postMessage("all are there");
  });
  socket.on("error", () => undefined);
  socket.resume();
  for (const piece of nuisances[which % nuisances.length] ?? []) socket.write(piece);
  socket.on("close", () => setTimeout(() => join(which), againMs));
}

for (let which = 0; which < connections; which += 1) join(which);
