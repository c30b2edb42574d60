/** A server that may open few files, or no more at all: it stays, does not spin, says so, and works again afterwards. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import t, { type Test } from "tap";
import { bakScript, environment, start, type Running } from "../helpers/bak-process.js";
import { until, within } from "../helpers/deadline.js";
import { honest, sendBlobs } from "../helpers/in-the-way.js";

const isLinux = process.platform === "linux";
const hasPrlimit = isLinux && spawnSync("prlimit", ["--version"]).status === 0;

interface Server extends Running {
  readonly listener: { readonly url: string; readonly fingerprint: undefined };
  readonly pid: number;
}

/** `bak serve` as a process of its own that may have so many files open. */
async function serve(t: Test, files: number): Promise<Server> {
  const home = t.testdir();
  const serving = ["serve", `${home}/store`, "--port", "0"];
  const limited = ["-c", `ulimit -n ${files}; exec "$@"`, "sh", process.execPath, bakScript, ...serving];
  const running = start("sh", limited, { cwd: home, env: environment(home) });
  t.teardown(async () => {
    running.child.kill("SIGKILL");
    await running.ended;
  });
  const [, url = ""] = await running.until(/^bak: serving .* on (ws:\/\/\S+)$/m);
  return { ...running, listener: { url, fingerprint: undefined }, pid: running.child.pid as number };
}

/** Connections that say nothing, each from another address of this machine. */
function crowd(t: Test, { listener }: Server, count: number): Socket[] {
  const sockets = Array.from({ length: count }, (_, at) => {
    const port = Number(new URL(listener.url).port);
    const socket = connect({ port, host: "127.0.0.1", localAddress: `127.0.1.${at + 1}` });
    socket.on("error", () => undefined);
    return socket;
  });
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  return sockets;
}

function openFiles({ pid }: Server): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** From now on the process may have files below this number alone; those that are open stay. */
function limitFiles({ pid }: Server, files: number): void {
  const { status, stderr } = spawnSync("prlimit", ["--pid", `${pid}`, `--nofile=${files}:`], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

/** Which part of a processor the server takes during half a second. */
async function busyPart({ pid }: Server): Promise<number> {
  const ticks = (): number => {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
    return Number(fields[11]) + Number(fields[12]);
  };
  const before = ticks();
  await sleep(500);
  return (ticks() - before) / 50;
}

t.test("with 64 files a push goes on among a hundred who wait", { skip: !isLinux && "no /proc" }, async (t) => {
  const server = await serve(t, 64);
  const sockets = crowd(t, server, 100);
  await until(() => sockets.every(({ connecting }) => !connecting), "the crowd");
  const remote = await honest(server);
  t.equal(await sendBlobs(remote, { seed: 1, count: 100 }), 100);
  t.ok(openFiles(server) < 64);
  const others = [await honest(server), await honest(server)];
  const sent = await Promise.all(others.map((other, at) => sendBlobs(other, { seed: at + 2, count: 60 })));
  t.strictSame(sent, [60, 60]);
  t.ok((await busyPart(server)) < 0.5, "and those who wait cost nothing");
  await Promise.all([remote, ...others].map((each) => each.close()));
  server.child.kill("SIGINT");
  t.equal((await server.ended).code, 0);
});

t.test(
  "where no file can be opened, a pack is refused with a word about it, and later taken",
  { skip: !hasPrlimit && "no prlimit" },
  async (t) => {
    const server = await serve(t, 256);
    const remote = await honest(server);
    t.equal(await sendBlobs(remote, { seed: 1, count: 10 }), 10);
    limitFiles(server, 3);
    for (const seed of [2, 3]) {
      await t.rejects(within(10_000, "a refusal", sendBlobs(remote, { seed, count: 30 })), {
        code: "STORE_FAILED",
        message: /^the store failed: .*too many open files/,
        hint: /ulimit -n/,
      });
    }
    await server.until(/asked for 'pack\w+' of '.*', and the store failed: .*too many open files/);
    await t.rejects(remote.projects(), { code: "STORE_FAILED" }, "the session goes on");
    limitFiles(server, 256);
    t.strictSame(await remote.projects(), []);
    t.equal(await sendBlobs(remote, { seed: 2, count: 30 }), 30);
    await remote.close();
  },
);

t.test(
  "where a thread can't be started for want of files, that is said, and the next pack starts one",
  { skip: !hasPrlimit && "no prlimit" },
  async (t) => {
    const server = await serve(t, 256);
    const remote = await honest(server);
    const refusals: unknown[] = [];
    // with so many more files than it has, it gets a little further each time
    for (let more = 1; more < 40; more += 3) {
      limitFiles(server, openFiles(server) + more);
      const sent = await within(10_000, "an answer", sendBlobs(remote, { seed: 1, count: 4 })).catch(
        (error: unknown) => error,
      );
      if (sent === 4) break;
      refusals.push(sent);
    }
    t.ok(refusals.length > 0);
    for (const refusal of refusals) t.match(refusal, { code: "STORE_FAILED", message: /EMFILE|too many open files/ });
    limitFiles(server, 256);
    t.equal(await sendBlobs(remote, { seed: 2, count: 30 }), 30);
    await remote.close();
  },
);

t.test(
  "where no connection can be taken, the server neither ends nor spins, and takes the next once it can",
  { skip: !hasPrlimit && "no prlimit" },
  async (t) => {
    const server = await serve(t, 256);
    const remote = await honest(server);
    limitFiles(server, openFiles(server));
    crowd(t, server, 50);
    await t.rejects(within(10_000, "an end", honest(server)), { code: /NO_SERVER|CONNECTION_LOST|LIMIT/ });
    t.ok((await busyPart(server)) < 0.5, "it does not try over and over");
    await server.until(/nobody is let in: .*too many open files/);
    await t.rejects(remote.projects(), { code: "STORE_FAILED" }, "who is inside stays");
    limitFiles(server, 256);
    for (let isIn = false; !isIn;) {
      isIn = await honest(server).then(
        (other) => other.close().then(() => true),
        () => sleep(50).then(() => false),
      );
    }
    t.equal(await sendBlobs(remote, { seed: 1, count: 30 }), 30);
    await remote.close();
    server.child.kill("SIGINT");
    t.equal((await server.ended).code, 0);
  },
);
