/** Many who are in the way of a server, and one who means it. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { Worker } from "node:worker_threads";
import type { Test } from "tap";
import { Remote } from "../../src/client/remote.js";
import { memberHeadroomBytes } from "../../src/protocol/message-codec.js";
import { dialWebSocket } from "../../src/protocol/websocket-dial.js";
import { seededBytes } from "./arbitrary-bytes.js";
import { within } from "./deadline.js";
import { projectFolder } from "./project.js";
import { testProject } from "./small-commit.js";
import { makePack, object } from "./store-pack.js";
import type { Served } from "./served-store.js";

const mib = 1 << 20;

/** One who means it; the server's key is the one that it was started with. */
export async function honest({
  listener: { url, fingerprint },
}: {
  readonly listener: Pick<Served["listener"], "url" | "fingerprint">;
}): Promise<Remote> {
  const channel = await dialWebSocket(url, fingerprint === undefined ? {} : { pin: fingerprint });
  return Remote.open(channel, { project: testProject, agent: "test/1", wantTrees: false });
}

/** 200 connections of another thread, all of which are there, and made again when they are gone, until what this gives is called. */
async function crowd(t: Test, port: number, kinds: readonly string[]): Promise<() => Promise<void>> {
  const others = { port, kinds, connections: 200, againMs: 1000 };
  const thread = new Worker(new URL("bench/crowd-thread.js", projectFolder), { workerData: others });
  const stop = async (): Promise<void> => void (await thread.terminate());
  t.teardown(stop);
  await within(30_000, "the crowd", once(thread, "message"));
  return stop;
}

/** Sees that an honest push keeps at least half its speed while 200 of these kinds are in the way. */
export async function seesPushGoOn(t: Test, served: Served, kinds: readonly string[]): Promise<void> {
  let seed = 0;
  const sinceMs = performance.now();
  const count = 96; // takes longer than what a busy machine does between two of its turns
  /** Seconds for as many MiB that the store has not seen. */
  const push = async (): Promise<number> => {
    const blobs = Array.from({ length: count }, () => [object("blob", seededBytes((seed += 1), mib))]);
    const pack = await makePack(...blobs);
    const begin = performance.now();
    const remote = await honest(served);
    const upload = await remote.upload();
    for (const member of pack.members) {
      await upload.add(Buffer.concat([Buffer.alloc(memberHeadroomBytes), member]), () => undefined);
    }
    t.equal((await upload.finish()).objects, count);
    await remote.close();
    return (performance.now() - begin) / 1000;
  };
  await push(); // what is compiled and opened once
  let [quiet, crowded] = [Infinity, Infinity];
  // the better of each: what else this machine does makes some slower, and none quicker
  for (let round = 0; round < 6 && (round < 2 || crowded > 2 * quiet); round += 1) {
    quiet = Math.min(quiet, await push());
    const disperse = await crowd(t, served.port, kinds);
    crowded = Math.min(crowded, await push());
    await disperse();
  }
  t.ok(crowded <= 2 * quiet, `${crowded.toFixed(3)} s among them, ${quiet.toFixed(3)} s alone`);
  const told = served.events.filter(({ type }) => type === "crowded");
  const minutes = Math.floor((performance.now() - sinceMs) / 60_000);
  t.ok(told.length <= 1 + minutes, "told once a minute, not for each");
}

/** Sends a pack of so many blobs of 64 KiB, which the store has not seen if the seed is another; gives how many it took. */
export async function sendBlobs(remote: Remote, { seed, count }: { seed: number; count: number }): Promise<number> {
  const blobs = Array.from({ length: count }, (_, at) => [object("blob", seededBytes(1000 * seed + at, 64 << 10))]);
  const pack = await makePack(...blobs);
  const upload = await remote.upload();
  for (const member of pack.members) {
    await upload.add(Buffer.concat([Buffer.alloc(memberHeadroomBytes), member]), () => undefined);
  }
  return (await upload.finish()).objects;
}

/** Resolves when the server has hung up, in order or not. */
export function end(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}
