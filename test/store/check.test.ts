/** What a check makes of a store whose files are damaged in any way, and what a repair leaves of it. */
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import t, { type Test } from "tap";
import type { ObjectId } from "../../src/objects/object-id.js";
import { Layout } from "../../src/store/layout.js";
import { openStore } from "../../src/store/open-store.js";
import { membersOffset } from "../../src/store/pack-index.js";
import type { CheckReport, Finding, Store } from "../../src/store/store.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { commitOf, dirEntry, fileEntry, testProject, treeOf, type Made } from "../helpers/small-commit.js";
import { blob, makePack, makeZstdPack, object, send, type TestPack } from "../helpers/store-pack.js";

const lost = object("blob", seededBytes(1, 5000));
const kept = object("blob", seededBytes(2, 5000));
const old = blob("only in the first commit");
const folder = treeOf(fileEntry("lost", lost));
const first = treeOf(dirEntry("deep", folder), fileEntry("old", old));
const second = treeOf(dirEntry("deep", folder), fileEntry("kept", kept));
const firstCommit = commitOf(first);
const secondCommit = commitOf(second, { parent: firstCommit.id });
const other = blob("of another pack");

const short = (commit: Made): string => `laptop ${commit.id.slice(0, 12)}`;
const lostPaths = [`${short(secondCommit)}: deep/lost`, `${short(firstCommit)}: deep/lost`];

interface Prepared {
  layout: Layout;
  /** The pack that is to be damaged. In its members: what is lost, what is kept, all that is no blob. */
  pack: TestPack;
  /** Where its members begin, and where its trailer does. */
  offsets: number[];
}

async function prepare(t: Test, make: typeof makePack = makePack): Promise<Prepared> {
  const store = await openStore(t.testdir(), { create: true, threads: 0 });
  const pack = await make([lost], [kept, old], [folder, first, second, firstCommit, secondCommit]);
  await send(store, pack);
  await send(store, await makePack([other]));
  await store.appendCommit(testProject, firstCommit.id, undefined);
  await store.appendCommit(testProject, secondCommit.id, firstCommit.id);
  await store.close();
  let end = 0;
  const offsets = [0, ...pack.members.map(({ length }) => (end += length))];
  const layout = new Layout(store.folder);
  layout.setCodec(pack.id, make === makePack ? "gzip" : "zstd");
  return { layout, pack, offsets };
}

async function reopen(t: Test, layout: Layout): Promise<Store> {
  const store = await openStore(layout.folder, { create: false, threads: 0 });
  t.teardown(() => store.close());
  return store;
}

async function check(
  store: Store,
  options: { readPermille?: number; repair?: boolean } = {},
): Promise<{ report: CheckReport; findings: Finding[] }> {
  const findings: Finding[] = [];
  const { signal } = new AbortController();
  const report = await store.check({
    readPermille: 1000,
    repair: false,
    signal,
    onProgress: () => undefined,
    onFinding: async (finding) => void findings.push(finding),
    ...options,
  });
  return { report, findings };
}

const subjectsOf = (findings: readonly Finding[], kind: Finding["kind"]): string[] =>
  findings.filter((each) => each.kind === kind).map(({ subject }) => subject);

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 0x10;
  writeFileSync(path, bytes);
}

/** Every file of a store, with its content, save those that are derived. */
function filesOf(layout: Layout): Map<string, string> {
  const files = readdirSync(layout.folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(layout.folder, name))
    .filter((path) => statSync(path).isFile());
  return new Map(files.map((path) => [path, readFileSync(path, "latin1")]));
}

async function hasWhole(t: Test, store: Store, ...objects: Made[]): Promise<void> {
  for (const { id, bytes } of objects) t.ok(Buffer.from(await store.readObject(id)).equals(Buffer.from(bytes)));
}

t.test("a store that is whole has no faults", async (t) => {
  const { layout } = await prepare(t);
  const { report, findings } = await check(await reopen(t, layout));
  t.strictSame(findings, []);
  t.match(report, { packs: 2, packsRead: 2, objects: 9, commits: 2, faults: 0, repaired: 0, incompleteHeads: 0 });
  t.ok(report.bytesRead > 5000);
});

t.test("without reading data, damage within a pack is not seen", async (t) => {
  const { layout, pack } = await prepare(t);
  const store = await reopen(t, layout);
  flip(layout.pack(pack.id), 100);
  t.match((await check(store, { readPermille: 0 })).report, { faults: 0, packsRead: 0, bytesRead: 0 });
});

/** Damages while the store is open; each is one that loses a member, the first. */
const damages: Record<string, (path: string, offsets: number[]) => void> = {
  "a wrong byte in the header of a member": (path) => flip(path, 1),
  "a wrong byte in the data of a member": (path) => flip(path, 2000),
  "a wrong byte in the checksum of a member": (path, offsets) => flip(path, offsets[1]! - 6),
};

for (const [make, codec] of [
  [makePack, "gzip"],
  [makeZstdPack, "zstd"],
] as const) {
  for (const [what, damage] of Object.entries(damages)) {
    t.test(`${what} is named with the paths that it touches, and repaired (${codec})`, async (t) => {
      const { layout, pack, offsets } = await prepare(t, make);
      const path = layout.pack(pack.id);
      const store = await reopen(t, layout);
      damage(path, offsets);
      const damagedBytes = readFileSync(path);
      const before = filesOf(layout);
      const found = await check(store);
      t.match(found.findings[0], { kind: "pack", subject: path, why: /have the hash .*; 2 of 3 members are intact/ });
      t.strictSame(subjectsOf(found.findings, "path"), lostPaths);
      t.match(found.report, { faults: 3, repaired: 0, incompleteHeads: 1 });
      for (const [name, content] of before) t.equal(readFileSync(name, "latin1"), content, "nothing is changed");
      t.match(await store.stats(), { damagedPacks: 1, asidePacks: 0 });
      t.match((await check(store, { readPermille: 0 })).report, { faults: 3 }, "it is remembered");

      const repaired = await check(store, { repair: true });
      t.match(repaired.report, { faults: 3, repaired: 1, incompleteHeads: 1 });
      t.match(subjectsOf(repaired.findings, "repaired"), [path]);
      t.strictSame(readFileSync(join(layout.damaged, basename(path))), damagedBytes);
      t.notOk(existsSync(path));
      t.strictSame(subjectsOf(repaired.findings, "path"), lostPaths);
      t.notOk(store.has(lost.id), "so the next push sends it");
      await hasWhole(t, store, kept, old, folder, first, second, firstCommit, secondCommit, other);
      t.ok(store.isIncomplete(secondCommit.id));
      t.notOk(store.isIncomplete(other.id));
      t.match(await store.stats(), { damagedPacks: 0, asidePacks: 1, packs: 2 });

      await store.close();
      const again = await reopen(t, layout);
      t.ok(again.isIncomplete(secondCommit.id), "that outlives the process");
      t.strictSame(again.damaged, []);
      await send(again, await makePack([lost]));
      t.match(await check(again), { report: { faults: 0 }, findings: [] });
      t.notOk(again.isIncomplete(secondCommit.id), "all of it is there again");
    });
  }
}

t.test("a pack of which only the trailer is damaged loses nothing, and keeps its name", async (t) => {
  const { layout, pack, offsets } = await prepare(t);
  const path = layout.pack(pack.id);
  const whole = readFileSync(path);
  const store = await reopen(t, layout);
  flip(path, offsets.at(-1)! + 5);
  const damagedBytes = readFileSync(path);
  const found = await check(store);
  t.match(found.findings, [{ kind: "pack", subject: path, why: /3 of 3 members are intact/ }]);
  t.match(await check(store, { repair: true }), { report: { faults: 1, repaired: 1, incompleteHeads: 0 } });
  t.strictSame(readFileSync(path), whole);
  t.strictSame(readFileSync(join(layout.damaged, basename(path))), damagedBytes);
  t.match((await check(store)).report, { faults: 0, packsRead: 2 });
  await hasWhole(t, store, lost, kept, secondCommit);
});

const lengths: Record<string, (path: string, offsets: number[]) => void> = {
  "cut short within its last member": (path, offsets) => truncateSync(path, offsets[2]! + 3),
  "cut short before its trailer": (path, offsets) => truncateSync(path, offsets[3]),
  "longer than it was": (path) => writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(100)])),
  missing: (path) => rmSync(path),
};

for (const [what, damage] of Object.entries(lengths)) {
  for (const isOpen of [true, false]) {
    t.test(`a pack that is ${what} is found ${isOpen ? "while the store is open" : "when it is opened"}`, async (t) => {
      const { layout, pack, offsets } = await prepare(t);
      const path = layout.pack(pack.id);
      const early = isOpen ? await reopen(t, layout) : undefined;
      damage(path, offsets);
      const left = existsSync(path) ? readFileSync(path) : undefined;
      const store = early ?? (await reopen(t, layout));
      const found = await check(store, { readPermille: 0 });
      t.match(found.findings[0], { kind: "pack", subject: path, why: /missing|bytes long, not/ });
      t.strictSame((await check(store, { repair: true })).report.repaired, 1);
      if (left !== undefined) t.strictSame(readFileSync(join(layout.damaged, basename(path))), left);
      t.strictSame(store.damaged, []);
      const isCommitLost = !store.has(secondCommit.id);
      t.equal(isCommitLost, what === "missing" || what.includes("last member"));
      if (what !== "missing") await hasWhole(t, store, lost, kept, old);
      await send(store, pack);
      t.match(await check(store), { report: { faults: 0 }, findings: [] });
    });
  }
}

t.test("a pack without an index, with a wrong byte, is saved member by member", async (t) => {
  for (const make of [makePack, makeZstdPack]) {
    const { layout, pack, offsets } = await prepare(t, make);
    flip(layout.pack(pack.id), offsets[1]! + 20);
    rmSync(layout.index(pack.id));
    const store = await reopen(t, layout);
    t.match(store.damaged, [{ path: layout.pack(pack.id) }]);
    const { report, findings } = await check(store, { repair: true });
    t.match(subjectsOf(findings, "path"), [`${short(secondCommit)}: kept`, `${short(firstCommit)}: old`]);
    t.match(report, { faults: 3, repaired: 1 });
    await hasWhole(t, store, lost, folder, secondCommit);
    await store.close();
  }
});

t.test("an index that is damaged or gone while the store is open is made again, byte for byte", async (t) => {
  const { layout, pack } = await prepare(t);
  const store = await reopen(t, layout);
  const path = layout.index(pack.id);
  const whole = readFileSync(path);
  const ways: [string, () => void][] = [
    ["it is damaged", () => flip(path, membersOffset + 3)],
    ["it is damaged", () => truncateSync(path, 1200)],
    ["it is damaged", () => writeFileSync(path, Buffer.concat([whole, Buffer.alloc(44)]))],
    ["it is missing", () => rmSync(path)],
  ];
  for (const [why, damage] of ways) {
    damage();
    const { findings, report } = await check(store, { readPermille: 0 });
    t.match(findings, [
      { kind: "index", subject: path, why },
      { kind: "repaired", subject: path },
    ]);
    t.match(report, { faults: 1, repaired: 1, commits: 2 });
    t.strictSame(readFileSync(path), whole);
    await hasWhole(t, store, lost, kept, secondCommit);
  }
});

t.test("an index that was damaged when the store was opened is told of once", async (t) => {
  const { layout, pack } = await prepare(t);
  flip(layout.index(pack.id), 1100);
  const store = await reopen(t, layout);
  t.match(await check(store), { findings: [{ kind: "index", subject: layout.index(pack.id) }], report: { faults: 1 } });
  t.match(await check(store), { findings: [], report: { faults: 0 } });
});

t.test("lines of a log that are none are named, and the others are looked at", async (t) => {
  const { layout } = await prepare(t);
  const path = layout.log(testProject);
  const text = readFileSync(path, "latin1");
  writeFileSync(path, text.replace(firstCommit.id.slice(0, 5), "xxxxx"));
  const store = await reopen(t, layout);
  t.match(await check(store), { findings: [{ kind: "log", subject: path, why: /^line 1 / }], report: { commits: 1 } });
  writeFileSync(path, `${text.slice(0, -2)}xJ`);
  t.match((await check(store)).findings, [{ kind: "log", subject: path, why: "the last line has no end" }]);
  writeFileSync(path, text + text.slice(0, 50));
  t.match((await check(store)).report, { faults: 0, commits: 2 }, "a crash may leave the beginning of a line");
});

t.test("a wrong byte in a log or the config does no harm, and is put right", async (t) => {
  const { layout } = await prepare(t);
  const path = layout.log(testProject);
  const [log, config] = [readFileSync(path, "latin1"), readFileSync(layout.config, "latin1")];
  writeFileSync(path, log.replace(secondCommit.id.slice(-2), "!" + secondCommit.id.slice(-1)));
  writeFileSync(layout.config, config.replace('"id"', '"ie"'));
  const store = await reopen(t, layout);
  t.match((await store.readLog(testProject)).at(-1), { commit: secondCommit.id }, "it is known what it was");
  const { findings, report } = await check(store, { repair: true });
  t.match(
    findings.map(({ kind, subject }) => [kind, subject]),
    [
      ["file", layout.config],
      ["repaired", layout.config],
      ["log", path],
      ["repaired", path],
    ],
  );
  t.match(report, { faults: 2, repaired: 2, commits: 2 });
  t.same([readFileSync(path, "latin1"), readFileSync(layout.config, "latin1")], [log, config]);
  t.match((await check(store)).findings, []);
});

t.test("a push puts a log right before it appends to it", async (t) => {
  const { layout } = await prepare(t);
  const path = layout.log(testProject);
  const log = readFileSync(path, "latin1");
  writeFileSync(path, `${log.slice(0, -1)}J`);
  const store = await reopen(t, layout);
  await store.appendCommit(testProject, firstCommit.id, secondCommit.id);
  const now = readFileSync(path, "latin1");
  t.equal(now.slice(0, log.length), log);
  t.equal(now.length, (log.length / 2) * 3);
});

t.test("lost lines are found again by what the commits say, as far as that goes", async (t) => {
  const { layout } = await prepare(t);
  const path = layout.log(testProject);
  const log = readFileSync(path, "latin1");
  const [firstLine = "", secondLine = ""] = log.split("\n");
  const lost = "\0".repeat(firstLine.length);
  const cases: { what: string; text: string; kept: ObjectId[]; says: RegExp }[] = [
    {
      what: "the one before another",
      text: `${lost}\n${secondLine}\n`,
      kept: [firstCommit.id, secondCommit.id],
      says: /^every line is there again/,
    },
    {
      what: "the last, of which the id is left",
      text: `${firstLine}\n${secondLine.slice(0, 64)}${"\0".repeat(20)}${secondLine.slice(84)}\n`,
      kept: [firstCommit.id, secondCommit.id],
      says: /^every line is there again/,
    },
    { what: "the last", text: `${firstLine}\n!${lost}\n`, kept: [firstCommit.id], says: /^1 of its lines lost/ },
  ];
  const store = await reopen(t, layout);
  for (const { what, text, kept, says } of cases) {
    writeFileSync(path, text);
    await t.rejects(store.readLog(testProject), { code: "STORE_DAMAGED", hint: /--repair/ });
    const { findings } = await check(store, { repair: true });
    t.match(findings.at(-1), { kind: "repaired", subject: path, why: says }, what);
    t.same(
      (await store.readLog(testProject)).map(({ commit }) => commit),
      kept,
      what,
    );
  }
  const asides = readdirSync(layout.damaged).filter((name) => name.startsWith(`${testProject}.log`));
  t.equal(asides.length, cases.length, "each is kept as it was");
});

t.test("a log that names what is no commit of the project is told of", async (t) => {
  const { layout } = await prepare(t);
  const time = "2026-11-22T08:30:00.000Z";
  const path = layout.log(testProject);
  const absent = "ab".repeat(32) as ObjectId;
  const text = readFileSync(path, "latin1");
  writeFileSync(path, `${absent} ${time}\n${other.id} ${time}\n${text}`);
  const { findings, report } = await check(await reopen(t, layout));
  t.match(findings, [
    { kind: "commit", why: /^malformed commit/ },
    { kind: "commit", why: `commit '${absent}' is missing` },
  ]);
  t.equal(report.commits, 4);
});

t.test("a part is read of what was read longest ago, so that some runs read all", async (t) => {
  const { layout, pack } = await prepare(t);
  const store = await reopen(t, layout);
  utimesSync(layout.pack(pack.id), 1000, 1000);
  t.match((await store.stats()).oldestVerifiedMs, 1_000_000);
  const linesOfVerified = (): string[] => readFileSync(layout.verified, "latin1").split("\n").slice(0, -2);
  const { report } = await check(store, { readPermille: 300 });
  t.match(report, { packsRead: 1, bytesRead: readFileSync(layout.pack(pack.id)).length });
  t.match(linesOfVerified(), [new RegExp(`^${pack.id} `)]);
  await check(store, { readPermille: 1 });
  t.equal(linesOfVerified().length, 2);
  await store.close();
  t.match(await (await reopen(t, layout)).stats(), { verifiedPacks: 2 });
});

t.test("an object that another pack has whole is not lost, though the first is damaged", async (t) => {
  const { layout, pack } = await prepare(t);
  const store = await reopen(t, layout);
  await send(store, await makePack([other, lost]));
  flip(layout.pack(pack.id), 100);
  t.match(await check(store), { findings: [{ kind: "pack" }], report: { faults: 1 } });
  await hasWhole(t, store, lost);
  t.match((await check(store, { repair: true })).report, { faults: 1, repaired: 1, incompleteHeads: 0 });
  await hasWhole(t, store, lost, kept, secondCommit);
});

t.test("whoever has found a member before a repair still reads it", async (t) => {
  const { layout, pack } = await prepare(t);
  const store = await reopen(t, layout);
  const [at] = store.locateMembers([kept.id]);
  flip(layout.pack(pack.id), 100);
  await check(store, { repair: true });
  t.strictSame(Buffer.from(await store.readMember(at!)), pack.members[1]);
});

t.test("a check that is aborted ends, and a repair that was leaves no head trusted", async (t) => {
  const { layout, pack } = await prepare(t);
  const store = await reopen(t, layout);
  flip(layout.pack(pack.id), 100);
  const stop = new AbortController();
  const onFinding = async ({ kind }: Finding): Promise<void> => {
    if (kind === "repaired") stop.abort(new Error("enough"));
  };
  const options = { readPermille: 1000, repair: true, signal: stop.signal, onFinding, onProgress: () => undefined };
  await t.rejects(store.check(options), { message: "enough" });
  t.ok(store.isIncomplete(other.id), "any head");
  await store.close();
  const again = await reopen(t, layout);
  t.ok(again.isIncomplete(other.id));
  await check(again, { repair: true });
  t.notOk(again.isIncomplete(other.id));
  t.ok(again.isIncomplete(secondCommit.id));
});

t.test("a pack that is damaged together with its index, while the store is open, is repaired, too", async (t) => {
  const { layout, pack } = await prepare(t);
  const store = await reopen(t, layout);
  flip(layout.pack(pack.id), 100);
  flip(layout.index(pack.id), 1100);
  const found = await check(store);
  t.match(found.findings, [
    { kind: "index", subject: layout.index(pack.id) },
    { kind: "pack", subject: layout.pack(pack.id), why: /2 of 3 members are intact/ },
    { kind: "index", why: /not looked at/ },
  ]);
  const { report, findings } = await check(store, { repair: true });
  t.strictSame(subjectsOf(findings, "path"), lostPaths);
  t.match(report, { repaired: 1, incompleteHeads: 1 });
  await hasWhole(t, store, kept, old, secondCommit);
});

t.test("two repairs do not run at the same time", async (t) => {
  const { layout } = await prepare(t);
  const store = await reopen(t, layout);
  const one = check(store, { repair: true });
  await t.rejects(check(store, { repair: true }), { code: "LIMIT" });
  await one;
});
