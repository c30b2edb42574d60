/** What a push makes of a store that has lost something, and of folders that are not what they seem. */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { WebSocket } from "ws";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { BakUser, differences, type PushAnswer } from "../helpers/bak-process.js";

/** The packs of a store, largest first. */
function packsOf(store: string): string[] {
  const packs = join(store, "packs");
  return readdirSync(packs, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".tar.gz"))
    .map((path) => join(packs, path))
    .toSorted((a, b) => statSync(b).size - statSync(a).size);
}

async function restoresTo(t: Test, user: BakUser, store: string, docs: string): Promise<void> {
  const out = join(user.home, "out");
  rmSync(out, { recursive: true, force: true });
  t.match(await user.run(["restore", "-s", store, "-p", "x", "--to", out]), {
    code: 0,
    stderr: /^(?:bak: left out [^\n]+\n)*$/,
  });
  t.equal(differences(docs, out), "");
}

const lose: Record<string, (pack: string) => void> = {
  "that is gone": (pack) => rmSync(pack),
  "that was cut short": (pack) => truncateSync(pack, statSync(pack).size - 100),
};

for (const [how, act] of Object.entries(lose)) {
  t.test(`what was in a pack ${how} is sent again by the next push that changes something`, async (t) => {
    const user = new BakUser(t, t.testdir({ docs: { deep: { large: seededBytes(1, 3 << 20) }, a: "a" } }));
    const [docs, store] = [join(user.home, "docs"), join(user.home, "store")];
    const place = ["push", docs, "-s", store, "-p", "x"];
    await user.json<PushAnswer>(place);
    act(packsOf(store)[0] as string);
    writeFileSync(join(docs, "b"), "b");
    const healed = await user.run([...place, "--json"]);
    t.match(healed, { code: 0, stderr: /left out '[^\n]+'[^\n]*\nbak: [^\n]+; reading everything again/ });
    await restoresTo(t, user, store, docs);
  });
}

t.test("a chunk that the store has lost is sent again, though the file is cut by what it was", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: {} }));
  const [docs, store] = [join(user.home, "docs"), join(user.home, "store")];
  const place = ["push", docs, "-s", store, "-p", "x"];
  const bytes = seededBytes(3, 80 << 20); // more than a pack, and than what is cut without asking
  writeFileSync(join(docs, "large"), bytes);
  await user.json<PushAnswer>(place);
  rmSync(packsOf(store)[0] as string);
  bytes.set([1, 2, 3], 79 << 20);
  writeFileSync(join(docs, "large"), bytes);
  const healed = await user.run([...place, "--json"]);
  t.match(healed, { code: 0, stderr: /; reading everything again/ });
  await restoresTo(t, user, store, docs);
});

t.test("what a store has lost is sent again by a push that reads everything, though nothing has changed", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: { deep: { large: seededBytes(2, 3 << 20) } } }));
  const [docs, store] = [join(user.home, "docs"), join(user.home, "store")];
  const place = ["push", docs, "-s", store, "-p", "x"];
  await user.json<PushAnswer>(place);
  writeFileSync(join(docs, "small"), "so that the head's trees and the large file are in two packs");
  await user.json<PushAnswer>(place);
  rmSync(packsOf(store)[0] as string);
  const full = await user.json<PushAnswer>([...place, "--full"]);
  t.ok(full.sent.objects.blob > 0, "the file's chunks");
  await restoresTo(t, user, store, docs);
});

t.test("a file of another folder with the same size and time is read, not taken for ours", async (t) => {
  const user = new BakUser(t, t.testdir({ a: { docs: { file: "AAAA" } }, b: { docs: { file: "BBBB" } } }));
  const store = join(user.home, "store");
  const [ours, theirs] = ["a", "b"].map((name) => join(user.home, name, "docs")) as [string, string];
  for (const docs of [ours, theirs]) for (const path of [join(docs, "file"), docs]) utimesSync(path, 1e9, 1e9);
  await user.json(["push", theirs, "-s", store, "-p", "x"]);
  const env = { XDG_CACHE_HOME: join(user.home, "another-cache") };
  const pushed = await user.run(["push", ours, "-s", store, "-p", "x"], { env });
  t.match(pushed, { code: 0, stdout: /1 changed/, stderr: /last commit is of '[^\n]*b\/docs'/ });
  await restoresTo(t, user, store, ours);
});

t.test("a store that lies in the pushed folder is left out, also where a server serves it", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: { a: "a" } }));
  const docs = join(user.home, "docs");
  const server = await user.serve(join(docs, "store"));
  const first = await user.run(["push", docs, "-s", server.url]);
  t.match(first, { code: 0, stderr: /left out 'store'/ });
  t.match(await user.run(["push", docs, "-s", server.url]), { code: 0, stdout: "everything up to date\n" });
  await server.stop();
});

t.test(
  "what ran as its owner comes back running as its owner, where root restores it",
  { skip: process.getuid?.() !== 0 && "needs root" },
  async (t) => {
    const user = new BakUser(t, t.testdir({ docs: { theirs: "x", ours: "y" } }));
    const docs = join(user.home, "docs");
    chownSync(join(docs, "theirs"), 1000, 1000);
    for (const name of ["theirs", "ours"]) chmodSync(join(docs, name), 0o6755);
    await user.json(["push", docs, "-s", "store", "-p", "x"]);
    await user.json(["restore", "-s", "store", "-p", "x", "--to", "out"]);
    const { mode, uid, gid } = statSync(join(user.home, "out", "theirs"));
    t.same({ mode: mode & 0o7777, uid, gid }, { mode: 0o6755, uid: 1000, gid: 1000 });
    t.match(statSync(join(user.home, "out", "ours")), { uid: 0, gid: 0 });
  },
);

t.test("a web page in somebody's browser cannot speak to a store", async (t) => {
  const user = new BakUser(t, t.testdir());
  const server = await user.serve(join(user.home, "store"));
  const answerTo = (origin?: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = new WebSocket(server.url, "bak.v2", origin === undefined ? {} : { origin });
      socket.once("open", () => (socket.close(), resolve("open")));
      socket.once("error", (error) => resolve(error.message));
    });
  t.match(await answerTo("https://example.org"), /403/);
  t.equal(await answerTo(), "open");
  await server.stop();
});

t.test("folders a thousand deep are kept", async (t) => {
  const user = new BakUser(t, t.testdir());
  const docs = join(user.home, "docs");
  // names of one letter, since the system has a limit for the length of a path
  const deepest = join(docs, ...Array.from({ length: 1700 }, () => "n"));
  mkdirSync(deepest, { recursive: true });
  writeFileSync(join(deepest, "f"), "deep");
  const pushed = await user.json<PushAnswer>(["push", docs, "-s", "store", "-p", "x"]);
  t.match(pushed.counts, { files: 1, dirs: 1700 });
  t.match(await user.run(["push", docs, "-s", "store", "-p", "x"]), { code: 0, stdout: "everything up to date\n" });
});
