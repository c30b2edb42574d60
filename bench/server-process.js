/** A server that is measured while it works for a client. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { failure } from "./measured-run.js";
import { cpuSecondsOf, memoryOf, resetPeakMemory } from "./process-figures.js";

const readyWithinMs = 120_000;
const stopWithinMs = 30_000;
const pollMs = 5;

/** A process that serves until it is stopped. */
export class ServerProcess {
  /** @param {import("./workplace.js").Started} started */
  constructor(started) {
    /** @readonly */
    this.started = started;
  }

  /** @returns {number | undefined} CPU seconds so far */
  get cpuS() {
    return cpuSecondsOf(this.started.child.pid);
  }

  /** @returns {number | undefined} most memory in use since `resetPeak`, in bytes */
  get peakBytes() {
    return memoryOf(this.started.child.pid);
  }

  /** @returns {number | undefined} memory in use now, in bytes */
  get residentBytes() {
    return memoryOf(this.started.child.pid, "VmRSS");
  }

  resetPeak() {
    resetPeakMemory(this.started.child.pid);
  }

  /** Asks it to end, and kills it if it does not. */
  async stop() {
    this.started.child.kill("SIGTERM");
    const timer = setTimeout(() => this.started.child.kill("SIGKILL"), stopWithinMs);
    await this.started.ended;
    clearTimeout(timer);
  }
}

/**
 * Starts a server and waits until `isReady` gives something; rejects with a BenchError if it ends before.
 * @template T
 * @param {import("./workplace.js").Workplace} place
 * @param {readonly [string, ...string[]]} command
 * @param {{ name: string, env: NodeJS.ProcessEnv, isReady: (output: string) => T | undefined | Promise<T | undefined> }} options
 * @returns {Promise<{ server: ServerProcess, ready: T, readyS: number }>} `readyS`: seconds until it was
 */
export async function startServer(place, [command, ...args], { name, env, isReady }) {
  const begin = performance.now();
  const started = place.start(command, args, { env });
  let isEnded = false;
  void started.ended.then(() => (isEnded = true));
  for (;;) {
    const ready = await isReady(started.output());
    const readyS = (performance.now() - begin) / 1000;
    if (ready !== undefined) return { server: new ServerProcess(started), ready, readyS };
    if (isEnded) throw failure(name, await started.ended, started.output());
    if (readyS * 1000 > readyWithinMs) throw failure(`${name} (not ready in two minutes)`, 124, started.output());
    await sleep(pollMs);
  }
}

/**
 * Whether something accepts connections at a port of this machine.
 * @param {number} port
 * @returns {Promise<true | undefined>}
 */
export async function accepts(port) {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

/**
 * A port that nothing listens on, for a server that can't pick one itself.
 * @returns {Promise<number>}
 */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("a server without a port");
  return address.port;
}
