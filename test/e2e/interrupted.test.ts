/** Pushes and restores that are broken off: by Ctrl-C, by a server that dies, by each other. Nothing is lost, nothing is left over. */
import { createCipheriv } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { BakUser, differences, type PushAnswer, type Running, type Serving } from "../helpers/bak-process.js";
import { until, within } from "../helpers/deadline.js";
import { fastFolder } from "../helpers/fast-folder.js";
import { openProxy, type HeldProxy } from "../helpers/held-proxy.js";

const mib = 1 << 20;

/** Files of bytes that do not compress, so that a push takes its time. */
function fill(folder: string, files: number, bytesEach: number): void {
  for (let index = 0; index < files; index += 1) {
    const stream = createCipheriv("aes-128-ctr", Buffer.alloc(16, index), Buffer.alloc(16));
    writeFileSync(join(folder, `file-${index}`), stream.update(Buffer.alloc(bytesEach)));
  }
}

/** Names that only bak's unfinished work has, anywhere beneath a folder. */
function leftovers(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.filter((name) => /\.tmp$|incoming\/./.test(name));
}

interface Scene {
  readonly user: BakUser;
  /** A folder with files of 1 MiB. */
  readonly big: string;
  readonly store: string;
  readonly server: Serving;
  /** In front of the server. */
  readonly proxy: HeldProxy;
  /** Starts a push of the folder, of which no more gets through than so many MiB; resolves when these have. */
  readonly pushUpTo: (mibs: number, ...args: string[]) => Promise<Running>;
}

/** A user with a folder `big`, in memory where there is room: much is written here, and it is not the disk that ends it. */
function userWithBig(t: Test): BakUser {
  const user = new BakUser(t, fastFolder(t, { roomBytes: 1024 * mib }));
  mkdirSync(join(user.home, "big"));
  return user;
}

/** A server, and a folder to push to it. */
async function setScene(t: Test, files: number): Promise<Scene> {
  const user = userWithBig(t);
  const [big, store] = [join(user.home, "big"), join(user.home, "store")];
  fill(big, files, mib);
  const server = await user.serve(store);
  const proxy = await openProxy(t, server.port);
  const pushUpTo: Scene["pushUpTo"] = async (mibs, ...args) => {
    const held = proxy.hold("up", mibs * mib);
    const push = user.start(["push", big, "-s", proxy.url, ...args]);
    await within(60_000, `${mibs} MiB of the push`, held);
    return push;
  };
  return { user, big, store, server, proxy, pushUpTo };
}

t.test("Ctrl-C ends a push to a server", async (t) => {
  const { user, big, store, server, proxy, pushUpTo } = await setScene(t, 30);
  const push = await pushUpTo(6);
  push.child.kill("SIGINT");
  t.match(await within(10_000, "the end", push.ended), { code: 130, stdout: "", stderr: "bak: interrupted\n" });
  proxy.release();
  const again = await user.json<PushAnswer>(["push", big, "-s", proxy.url]);
  t.match(again, { isUpToDate: false, counts: { files: 30 } });
  await server.stop();
  t.strictSame(leftovers(store), []);
});

t.test("Ctrl-C ends a push to a folder", async (t) => {
  const user = userWithBig(t);
  const big = join(user.home, "big");
  const store = join(user.home, "store");
  fill(big, 120, mib);
  const push = user.start(["push", big, "-s", store]);
  const incoming = join(store, "incoming");
  const isReceiving = (): boolean => {
    try {
      return readdirSync(incoming).length > 0;
    } catch {
      return false; // the store has not been made
    }
  };
  await until(isReceiving, "a pack", 30_000);
  push.child.kill("SIGINT");
  const { code, stderr } = await within(10_000, "the end", push.ended);
  t.equal(code, 130);
  t.equal(stderr, `bak: made a new store in '${store}'\nbak: interrupted\n`);
  t.strictSame(leftovers(store), []);
  t.equal((await user.run(["push", big, "-s", store])).code, 0);
  t.equal((await user.run(["restore", "--to", "out", "-s", store, "-p", await projectOf(user, big)])).code, 0);
  t.equal(differences(big, join(user.home, "out")), "");
});

/** The project that a push of the folder goes to. */
async function projectOf(user: BakUser, folder: string): Promise<string> {
  const { project } = await user.json<PushAnswer>(["push", folder, "-s", "store"]);
  return project;
}

t.test("Ctrl-C ends a restore, and takes unfinished files away", async (t) => {
  const user = userWithBig(t);
  const big = join(user.home, "big");
  fill(big, 2, 20 * mib);
  const server = await user.serve(join(user.home, "store"));
  const { project } = await user.json<PushAnswer>(["push", big, "-s", server.url]);
  const proxy = await openProxy(t, server.port);
  const held = proxy.hold("down", 9 * mib);
  const out = join(user.home, "out");
  const args = ["restore", "--to", out, "-s", proxy.url, "-p", project];
  const restore = user.start(args);
  await within(30_000, "the restore's first bytes", held);
  await until(() => leftovers(out).length > 0, "an unfinished file");
  restore.child.kill("SIGINT");
  t.match(await within(10_000, "the end", restore.ended), { code: 130, stdout: "", stderr: "bak: interrupted\n" });
  t.strictSame(leftovers(out), []);
  proxy.release();
  t.match(await user.run(args), { code: 0, stderr: "" });
  t.equal(differences(big, out), "");
});

t.test("SIGTERM is the same as Ctrl-C, and a second Ctrl-C waits for nothing", async (t) => {
  const { proxy, pushUpTo } = await setScene(t, 30);
  const first = await pushUpTo(6);
  first.child.kill("SIGTERM");
  t.match(await within(10_000, "the end", first.ended), { code: 130, stderr: "bak: interrupted\n" });
  proxy.release();
  const second = await pushUpTo(6);
  second.child.kill("SIGINT");
  second.child.kill("SIGINT");
  t.match(await within(10_000, "the end", second.ended), { code: 130 });
});

t.test("a server that is killed within a push, and comes back, is pushed to in the end", async (t) => {
  const { user, big, store, server, proxy, pushUpTo } = await setScene(t, 100);
  const push = await pushUpTo(85, "--json"); // so that one pack has been kept
  const packs = join(store, "packs");
  const isKept = (): boolean =>
    readdirSync(packs, { recursive: true, encoding: "utf8" }).some((name) => name.endsWith(".idx"));
  await until(isKept, "a pack", 30_000);
  server.child.kill("SIGKILL");
  await server.ended;
  proxy.release();
  await push.until(/trying again in/);
  const next = await user.serve(store, server.port);
  const { code, stdout, stderr } = await within(90_000, "the push", push.ended);
  t.equal(code, 0, stderr);
  const answer = JSON.parse(stdout) as PushAnswer;
  t.match(answer, { isUpToDate: false, counts: { files: 100, bytes: 100 * mib } });
  t.ok(answer.sent.packedBytes < 60 * mib, `what was kept is not sent again: ${answer.sent.packedBytes}`);
  t.equal((await user.run(["restore", "--to", "out", "-s", next.url, "-p", answer.project])).code, 0);
  t.equal(differences(big, join(user.home, "out")), "");
  await next.stop();
  t.strictSame(leftovers(store), [], "what the dead server had begun is gone");
});

t.test("a server that stays away ends the push with an error", async (t) => {
  const { server, pushUpTo } = await setScene(t, 30);
  const push = await pushUpTo(6);
  server.child.kill("SIGKILL");
  await push.until(/^bak: lost the connection .*; trying again in [01]\.\d s$/m);
  push.child.kill("SIGINT"); // which would take minutes
  t.match(await within(5000, "the end", push.ended), { code: 130, stderr: /\nbak: interrupted\n$/ });
});

t.test("two pushes to one project at a time both end well", async (t) => {
  const user = new BakUser(t, t.testdir({ a: {}, b: {} }));
  fill(join(user.home, "a"), 40, 100_000);
  fill(join(user.home, "b"), 44, 100_000);
  const server = await user.serve(join(user.home, "store"));
  const place = ["-s", server.url, "-p", "shared"];
  const ended = await Promise.all(["a", "b"].map((name) => user.run(["push", name, "-m", name, ...place])));
  for (const { code, stderr } of ended) t.equal(code, 0, stderr);
  const log = await user.json<{ message: string; commit: string; parent: string | null }[]>(["log", ...place]);
  t.strictSame(log.map(({ message }) => message).toSorted(), ["a", "b"]);
  t.equal(log[0]?.parent, log[1]?.commit, "one upon the other");
  for (const [index, { message }] of log.entries()) {
    const out = join(user.home, `out-${message}`);
    t.equal((await user.run(["restore", `head~${index}`, "--to", out, ...place])).code, 0);
    t.equal(differences(join(user.home, message), out), "");
  }
});

t.test("many clients push to projects of their own at a time", async (t) => {
  const names = ["one", "two", "three", "four", "five"];
  const user = new BakUser(t, t.testdir(Object.fromEntries(names.map((name) => [name, { name, same: "the same" }]))));
  const server = await user.serve(join(user.home, "store"));
  const ended = await Promise.all(names.map((name) => user.run(["push", name, "-s", server.url, "-p", name])));
  for (const { code, stderr } of ended) t.equal(code, 0, stderr);
  for (const name of names) {
    await user.run(["restore", "--to", `out-${name}`, "-s", server.url, "-p", name]);
    t.equal(readFileSync(join(user.home, `out-${name}`, "name"), "utf8"), name);
  }
});
