/** Pushes and restores that are killed, or whose connection is cut again and again: the next goes on where they had come to. */
import { cpSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { BakUser, differences, type PushAnswer, type Serving } from "../helpers/bak-process.js";
import { openCutter } from "../helpers/cutting-proxy.js";
import { until, within } from "../helpers/deadline.js";
import { fastFolder } from "../helpers/fast-folder.js";
import { openProxy, type HeldProxy } from "../helpers/held-proxy.js";

const mib = 1 << 20;

interface Place {
  readonly user: BakUser;
  readonly source: string;
  readonly server: Serving;
  readonly proxy: HeldProxy;
}

async function placeOf(t: Test): Promise<Place> {
  const user = new BakUser(t, fastFolder(t, { roomBytes: 2048 * mib }));
  mkdirSync(join(user.home, "source"));
  const server = await user.serve(join(user.home, "store"));
  return { user, source: join(user.home, "source"), server, proxy: await openProxy(t, server.port) };
}

/** Sizes of the journals in the user's cache. */
function journals({ user }: Place): number[] {
  const cache = join(user.home, "cache");
  try {
    return readdirSync(cache, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith("+journal"))
      .map((path) => statSync(join(cache, path)).size);
  } catch {
    return []; // there is no cache yet
  }
}

/** Kills a push, without a chance to say goodbye, after so many bytes, and once the store has acknowledged a pack. */
async function kill(place: Place, bytes: number): Promise<void> {
  const { user, source, proxy } = place;
  const before = journals(place)[0] ?? 0;
  const held = proxy.hold("up", bytes);
  const push = user.start(["push", source, "-s", proxy.url, "-p", "x"]);
  await within(60_000, `${bytes} bytes`, held);
  await until(() => (journals(place)[0] ?? 0) > before, "the journal", 30_000);
  push.child.kill("SIGKILL");
  await push.ended;
  proxy.release();
}

/** How many bytes the store has in packs, once it has given up those that came half. */
async function bytesKept({ user }: Place): Promise<number> {
  const store = join(user.home, "store");
  await until(() => readdirSync(join(store, "incoming")).length === 0, "the end of half a pack");
  const paths = readdirSync(join(store, "packs"), { recursive: true, encoding: "utf8" });
  return paths
    .filter((path) => path.endsWith(".tar.gz"))
    .reduce((sum, path) => sum + statSync(join(store, "packs", path)).size, 0);
}

const pushAgain = ({ user, source, proxy }: Place): Promise<PushAnswer> =>
  user.json<PushAnswer>(["push", source, "-s", proxy.url, "-p", "x"]);

async function restoresRight(t: Test, { user, source, server }: Omit<Place, "proxy">): Promise<void> {
  const out = join(user.home, "out");
  t.equal((await user.run(["restore", "--to", out, "-s", server.url, "-p", "x"])).code, 0);
  t.equal(differences(source, out), "");
}

t.test("a push that was killed twice is not read nor sent again where it was acknowledged", async (t) => {
  const place = await placeOf(t);
  const [files, each] = [4000, 50_000];
  for (let index = 0; index < files; index += 1)
    writeFileSync(join(place.source, `file ${index}`), seededBytes(index, each));
  await kill(place, 75 * mib);
  await kill(place, 75 * mib);
  const kept = await bytesKept(place);
  t.ok(kept > 64 * mib, `${kept} bytes acknowledged`);
  const last = await pushAgain(place);
  t.equal(last.counts.files, files);
  const left = files - Math.floor(kept / each);
  // of the last pack the push may not have heard any more; a pack has 64 MiB at most
  t.ok(last.filesRead < left + (70 * mib) / each, `${last.filesRead} of ${files} files read, ${left} were left`);
  t.equal(last.bytesRead, last.filesRead * each);
  t.ok(last.sent.packedBytes < left * each + 3 * mib, `${last.sent.packedBytes} bytes sent, ${left} files were left`);
  t.strictSame(journals(place), []);
  await restoresRight(t, place);
  t.match(await pushAgain(place), { isUpToDate: true, filesRead: 0 });
});

t.test("large files that were acknowledged are not read again", async (t) => {
  const place = await placeOf(t);
  const [files, each] = [30, 5 * mib];
  for (let index = 0; index < files; index += 1)
    writeFileSync(join(place.source, `file ${index}`), seededBytes(index, each));
  await kill(place, 80 * mib);
  const last = await pushAgain(place);
  t.equal(last.counts.files, files);
  // of the 12 that fit into a pack, the last two or three may have had their lists in the next
  t.ok(last.filesRead <= files - 9, `${last.filesRead} of ${files} files read`);
  t.ok(last.sent.packedBytes < 90 * mib, `${last.sent.packedBytes} bytes sent`);
  await restoresRight(t, place);
});

t.test(
  "a large file whose push was killed is read again, and of what was acknowledged nothing is sent again",
  async (t) => {
    const place = await placeOf(t);
    writeFileSync(join(place.source, "large"), seededBytes(1, 150 * mib));
    const held = place.proxy.hold("up", 100 * mib);
    const push = place.user.start(["push", place.source, "-s", place.proxy.url, "-p", "x"]);
    await within(60_000, "the first pack", held);
    const packs = join(place.user.home, "store", "packs");
    await until(
      () => readdirSync(packs, { recursive: true }).some((path) => String(path).endsWith(".tar.gz")),
      "a pack",
      30_000,
    );
    push.child.kill("SIGKILL");
    await push.ended;
    place.proxy.release();
    const last = await pushAgain(place);
    t.equal(last.bytesRead, 150 * mib);
    t.ok(last.sent.packedBytes < 90 * mib, `${last.sent.packedBytes} bytes sent`);
    await restoresRight(t, place);
  },
);

t.test(
  "a link that drops five times during one push ends with all of it in the store, and tells each time",
  async (t) => {
    const { user, source, server } = await placeOf(t);
    const [files, each] = [300, 500_000];
    for (let index = 0; index < files; index += 1)
      writeFileSync(join(source, `file ${index}`), seededBytes(index, each));
    // at the first words; before the end of a pack; behind two, since packs are smaller then; behind one; before one
    const cutter = await openCutter(t, server.port, { up: [700, 60 * mib, 40 * mib, 30 * mib, 5 * mib + 1] });
    const pushed = await within(120_000, "the push", user.run(["push", source, "-s", cutter.url, "-p", "x", "--json"]));
    t.equal(pushed.code, 0, pushed.stderr);
    t.equal(cutter.cuts, 5);
    const lines = pushed.stderr.trimEnd().split("\n");
    t.equal(lines.length, 5, pushed.stderr);
    for (const line of lines) t.match(line, /^bak: lost the connection to 'ws:[^']+': .*; trying again in \d+\.\d s$/);
    const { filesRead } = JSON.parse(pushed.stdout) as PushAnswer;
    t.ok(filesRead < files * 0.75, `the last attempt read ${filesRead} of ${files} files`);
    await restoresRight(t, { user, source, server });
  },
);

t.test("a link that never lasts for a whole pack is given smaller ones", async (t) => {
  const { user, source, server } = await placeOf(t);
  for (let index = 0; index < 100; index += 1) writeFileSync(join(source, `file ${index}`), seededBytes(index, mib));
  const cutter = await openCutter(t, server.port, { up: Array.from({ length: 30 }, () => 25 * mib) });
  const pushed = await within(120_000, "the push", user.run(["push", source, "-s", cutter.url, "-p", "x"]));
  t.equal(pushed.code, 0, pushed.stderr);
  t.ok(cutter.cuts >= 4, `${cutter.cuts} cuts`);
  await restoresRight(t, { user, source, server });
});

t.test("a restore over a link that drops goes on, and fetches nothing twice that was right already", async (t) => {
  const { user, source, server } = await placeOf(t);
  const [files, each] = [120, mib];
  for (let index = 0; index < files; index += 1) writeFileSync(join(source, `file ${index}`), seededBytes(index, each));
  await user.json(["push", source, "-s", server.url, "-p", "x"]);
  const out = join(user.home, "out");
  mkdirSync(out);
  cpSync(join(source, "file 7"), join(out, "file 7"), { preserveTimestamps: true });
  writeFileSync(join(out, "file 8"), "another");
  const cutter = await openCutter(t, server.port, { down: [5000, 40 * mib, 30 * mib, 20 * mib, 10 * mib] });
  const args = ["restore", "--to", out, "-s", cutter.url, "-p", "x", "--json"];
  const restored = await within(120_000, "the restore", user.run(args));
  t.equal(restored.code, 0, restored.stderr);
  t.equal(cutter.cuts, 5);
  t.equal(restored.stderr.match(/; trying again in \d+\.\d s\n/g)?.length, 5, restored.stderr);
  t.equal(restored.stderr.match(/replaced 'file 8'\n/g)?.length, 1);
  t.match(JSON.parse(restored.stdout), { files, bytes: files * each, replaced: 1, failed: 0 });
  t.equal(differences(source, out), "");
  t.strictSame(readdirSync(out).length, files, "and nothing unfinished is left");
});
