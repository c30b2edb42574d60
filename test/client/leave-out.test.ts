/** What a walk leaves out: by files of rules as git does, and by the options of a push. */
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import t from "tap";
import {
  formatReason,
  leaveNothingOut,
  readLeaveOut,
  rulesAsWritten,
  type LeaveOut,
} from "../../src/client/leave-out.js";
import type { SnapshotEvent } from "../../src/client/snapshot-options.js";
import { byteString, bytesOf, type ByteString } from "../../src/objects/byte-string.js";
import { readDirectory } from "../../src/objects/directory.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { readCommit } from "../../src/client/history.js";
import type { PushEvent } from "../../src/client/push-options.js";
import { baselineOf, makeFifo, openWorld, pushFolder, take, told, type Taken } from "./world.js";

const bytes = (text: string): ByteString => text as ByteString;
const asked = (changes: Partial<LeaveOut>): LeaveOut => ({ ...leaveNothingOut, ...changes });

/** The paths of a snapshot's tree that are no folders, or, with `isAll`, all of them; sorted. */
function kept({ snapshot }: Taken, isAll = false): string[] {
  const load = (id: ObjectId): Uint8Array => snapshot.objects.get(id) as Uint8Array;
  const paths: string[] = [];
  const waiting = [{ path: "", tree: snapshot.tree as ObjectId }];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const entry of readDirectory(at.tree, load)) {
      const path = at.path === "" ? entry.name : `${at.path}/${entry.name}`;
      if (entry.kind === "dir") waiting.push({ path, tree: entry.tree });
      if (entry.kind !== "dir" || isAll) paths.push(path);
    }
  }
  return paths.toSorted();
}

/** `path  reason` of each that was left out by a rule. */
function leftOut(events: readonly SnapshotEvent[]): string[] {
  return events.flatMap((event) =>
    event.type === "ruledOut" ? [`${event.path}${event.isContent ? "/*" : ""}  ${formatReason(event.reason)}`] : [],
  );
}

/** Writes a file, and the folders that it is in; the path is of bytes, and a folder or file that is in the way stays. */
function put(root: string, path: string, content: string): void {
  const place = Buffer.concat([Buffer.from(`${root}/`), bytesOf(bytes(path))]);
  try {
    mkdirSync(place.subarray(0, place.lastIndexOf("/")), { recursive: true });
    writeFileSync(place, bytesOf(bytes(content)), { flag: "wx" });
  } catch {
    // another case's name is there already
  }
}

const pieces = [
  "a",
  "b",
  "a",
  "b",
  "*",
  "*",
  "?",
  "[ab]",
  "[!a]",
  "[a-b",
  "\\a",
  "\\*",
  "[]a]",
  "[[:alpha:]]",
  "-",
  "\xe9",
];
const globs = fc.array(fc.constantFrom(...pieces, " "), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(""));
const rules = fc
  .tuple(
    fc.constantFrom("", "", "", "!", "#"),
    fc.constantFrom("", "", "/", "**/"),
    fc.array(fc.oneof({ weight: 4, arbitrary: globs }, fc.constant("**")), { minLength: 1, maxLength: 3 }),
    fc.constantFrom("", "", "/", "/**", " ", "\\ ", "\r"),
  )
  .map(([sign, start, parts, end]) => sign + start + parts.join("/") + end)
  .filter((rule) => !/[^/*!]\*\*+\//.test(rule)); // where git goes beyond its manual
const files = fc.array(rules, { minLength: 1, maxLength: 4 }).map((lines) => lines.join("\n"));
const names = fc.constantFrom(
  "a",
  "b",
  "ab",
  "ba",
  "aab",
  "*",
  "a-b",
  "\xe9",
  "a\xe9",
  "a ",
  "#a",
  "!a",
  "]",
  "A",
  "a\nb",
);
const folders = fc.array(names, { maxLength: 3 });
const cases = fc.record({
  paths: fc.array(fc.tuple(folders, names), { minLength: 5, maxLength: 15 }),
  ignores: fc.array(fc.tuple(fc.option(folders), files), { minLength: 1, maxLength: 3 }),
});

t.test("random rules leave out of random trees what git leaves out of them", async (t) => {
  const root = t.testdir();
  execFileSync("git", ["init", "-q", root]);
  rmSync(join(root, ".git", "info"), { recursive: true, force: true });
  const seed = Number(process.env["FC_SEED"] ?? Date.now() % 0x7fffffff);
  for (const [index, { paths, ignores }] of fc.sample(cases, { numRuns: 400, seed }).entries()) {
    for (const [at, name] of paths) put(root, [`case${index}`, ...at, name].join("/"), "");
    for (const [at, lines] of ignores) put(root, [`case${index}`, ...(at ?? []), ".bakignore"].join("/"), lines);
  }
  const weak = ["[ab]a*", "/case1?/*/*b", "!\xe9", "case5/"];
  const strong = ["!case7*/**/a", "aab", "case8/**/b"];
  writeFileSync(join(root, "weak"), bytesOf(bytes(weak.join("\n"))));
  const perFolder = ["--exclude-per-directory=.bakignore", "--exclude-from=weak"];
  const git = execFileSync(
    "git",
    ["-c", "core.ignoreCase=false", "ls-files", "-o", "-z", ...perFolder, ...strong.map((each) => `--exclude=${each}`)],
    { cwd: root, maxBuffer: 64 << 20, env: { PATH: process.env["PATH"], GIT_CONFIG_NOSYSTEM: "1", HOME: root } },
  );
  const expected = byteString(git).split("\0").filter(Boolean).toSorted();
  const leaveOut = asked({
    patterns: strong.map(bytes),
    files: [{ name: bytes("weak"), content: bytes(weak.join("\n")) }],
  });
  const taken = await take(root, { leaveOut, isLeftOut: ({ path }) => path.endsWith("/.git") });
  t.strictSame(kept(taken), expected, `with the seed ${seed}`);
  t.ok(expected.length > 1000, `${expected.length} files are kept`);
  t.ok(taken.snapshot.ruledOut > 300, `${taken.snapshot.ruledOut} names are left out`);
});

const tree = {
  ".bakignore": "*.o\nbuild/\n!keep.o\n/only-here\n",
  "a.o": "1",
  "keep.o": "2",
  "only-here": "3",
  build: { x: "4", "keep.o": "5" },
  d: {
    ".bakignore": "!a.o\nsecret\n# no rule\n",
    "a.o": "6",
    "b.o": "7",
    build: "a file",
    "only-here": "8",
    secret: { y: "9" },
  },
};

const keptOfTree = [".bakignore", "d/.bakignore", "d/a.o", "d/build", "d/only-here", "keep.o"];

t.test("each name that is left out is told of, with the rule as git check-ignore names it", async (t) => {
  const folder = t.testdir(tree);
  const taken = await take(folder);
  t.strictSame(kept(taken), keptOfTree);
  t.strictSame(leftOut(taken.events), [
    "a.o  .bakignore:1:*.o",
    "build  .bakignore:2:build/",
    "only-here  .bakignore:4:/only-here",
    "d/b.o  .bakignore:1:*.o",
    "d/secret  d/.bakignore:2:secret",
  ]);
  t.equal(taken.snapshot.ruledOut, 5);
  t.match(taken.snapshot.counts, { files: 6, dirs: 1, added: 7, unreadable: 0 });
});

t.test("what a new rule leaves out is removed, and comes back when the rule is gone", async (t) => {
  const folder = t.testdir({ f: "1", "f.o": "2", d: { "x.o": "3", e: { "y.o": "4" } } });
  const first = await take(folder);
  const leaveOut = asked({ patterns: [bytes("*.o"), bytes("e/")] });
  for (const folders of [first.snapshot.folders, new Map()]) {
    const baseline = baselineOf(first, { folders });
    const second = await take(folder, { baseline, leaveOut });
    t.strictSame(told(second.events.filter(({ type }) => type !== "ruledOut")).toSorted(), [
      "removed d/e",
      "removed d/e/y.o",
      "removed d/x.o",
      "removed f.o",
    ]);
    t.match(second.snapshot.counts, { files: 1, dirs: 1, added: 0, changed: 0, removed: 4 });
    t.strictSame(kept(second, true), ["d", "f"]);
    const dry = await take(folder, { baseline, leaveOut, offer: undefined });
    t.strictSame(dry.snapshot.counts, second.snapshot.counts);
    const again = await take(folder, { baseline: baselineOf(second), leaveOut });
    t.equal(again.snapshot.tree, second.snapshot.tree);
    t.strictSame(told(again.events.filter(({ type }) => type !== "ruledOut")), []);
    t.equal(again.progress.filesRead, 0);
    const back = await take(folder, { baseline: baselineOf(second) });
    t.equal(back.snapshot.tree, first.snapshot.tree);
    t.match(back.snapshot.counts, { added: 4, removed: 0 });
  }
});

t.test("a folder that is left out is not looked into", async (t) => {
  const folder = t.testdir({ ".bakignore": "no/", yes: {}, no: { deep: {} } });
  const entered: string[] = [];
  await take(folder, {
    isLeftOut: ({ path }) => {
      entered.push(path.slice(folder.length));
      return false;
    },
  });
  t.strictSame(entered, ["", "/yes"]);
});

t.test("names and rules that are not UTF-8 meet byte by byte", async (t) => {
  const folder = t.testdir({});
  for (const name of ["\xe9", "\xc3\xa9", "\xff\xfe.o", "voil\xc3\xa0"]) put(folder, name, "");
  put(folder, ".bakignore", "\xe9\n\xff*\nvoil\xc3\xa0\n");
  const taken = await take(folder);
  t.strictSame(kept(taken), [".bakignore", "\xc3\xa9"]);
  t.strictSame(leftOut(taken.events), [
    "voil\xc3\xa0  .bakignore:3:voilà",
    "\xe9  .bakignore:1:\\xe9",
    "\xff\xfe.o  .bakignore:2:\\xff*",
  ]);
});

t.test("of caches and of folders that are marked, only the mark is kept", async (t) => {
  const signature = "Signature: 8a477f597d28d172789f06886806bc55";
  const folder = t.testdir({
    cache: { "CACHEDIR.TAG": `${signature}\n# by a test`, x: "1", d: { y: "2" } },
    fake: { "CACHEDIR.TAG": "Signature: something else", x: "1" },
    only: { "CACHEDIR.TAG": signature },
    marked: { ".nobackup": "", x: "1" },
    both: { ".nobackup": "", "CACHEDIR.TAG": signature, "no-more": {}, x: "1" },
    stays: { nobackup: "" },
  });
  t.equal(kept(await take(folder)).length, 12, "by themselves they mean nothing");
  const first = await take(folder);
  const leaveOut = asked({ isWithoutCaches: true, markers: [bytes(".nobackup"), bytes("no-more")] });
  const taken = await take(folder, { leaveOut, baseline: baselineOf(first) });
  t.strictSame(kept(taken, true), [
    "both",
    "both/.nobackup",
    "both/no-more",
    "cache",
    "cache/CACHEDIR.TAG",
    "fake",
    "fake/CACHEDIR.TAG",
    "fake/x",
    "marked",
    "marked/.nobackup",
    "only",
    "only/CACHEDIR.TAG",
    "stays",
    "stays/nobackup",
  ]);
  t.strictSame(leftOut(taken.events), [
    "both/*  --exclude-if-present:.nobackup",
    "cache/*  --exclude-caches",
    "marked/*  --exclude-if-present:.nobackup",
  ]);
  t.equal(taken.snapshot.ruledOut, 2 + 2 + 1);
  t.match(taken.snapshot.counts, { removed: 2 + 3 + 1 });
});

t.test("a file is too large from the first byte beyond the limit on; links and folders never are", async (t) => {
  const folder = t.testdir({ at: "12345", over: "123456", d: { empty: "", over: "" } });
  truncateSync(join(folder, "d", "over"), 1 << 30);
  symlinkSync("a long target", join(folder, "link"));
  const first = await take(folder, { leaveOut: asked({ maxFileBytes: 1 << 20 }) });
  t.strictSame(leftOut(first.events), ["d/over  --exclude-larger-than:1048576"]);
  const leaveOut = asked({ maxFileBytes: 5 });
  for (const folders of [first.snapshot.folders, new Map()]) {
    const second = await take(folder, { leaveOut, baseline: baselineOf(first, { folders }) });
    t.strictSame(kept(second), ["at", "d/empty", "link"]);
    t.strictSame(told(second.events).toSorted(), ["removed over", "ruledOut d/over", "ruledOut over"]);
  }
  t.strictSame(kept(await take(folder, { leaveOut: asked({ maxFileBytes: 0 }) })), ["d/empty", "link"]);
});

const mountPoint = lstatSync("/dev").dev !== lstatSync("/").dev && lstatSync("/dev/shm").dev !== lstatSync("/dev").dev;

t.test(
  "another file system is kept as an empty folder",
  { skip: !mountPoint && "/dev/shm is not on a file system of its own" },
  async (t) => {
    const leaveOut = asked({ isOneFileSystem: true });
    const taken = await take("/dev", { leaveOut });
    t.ok(kept(taken, true).includes("shm"));
    t.notOk(kept(taken, true).some((path) => path.startsWith("shm/")));
    t.ok(leftOut(taken.events).includes("shm/*  --one-file-system"));
  },
);

t.test("rules that cannot be read are told of, and leave out nothing", async (t) => {
  const folder = t.testdir({
    rules: "*",
    a: { x: "1" },
    b: { x: "2" },
    c: { x: "3", ".bakignore": {} },
    d: { x: "4" },
  });
  symlinkSync("../rules", join(folder, "a", ".bakignore"));
  makeFifo(join(folder, "b", ".bakignore"));
  put(folder, "d/.bakignore", `x\n${"# more than anybody writes\n".repeat(200_000)}`);
  const taken = await take(folder);
  t.strictSame(kept(taken), ["a/.bakignore", "a/x", "b/.bakignore", "b/x", "c/x", "d/.bakignore", "d/x", "rules"]);
  t.strictSame(
    taken.events.flatMap((event) => (event.type === "rulesNotRead" ? [`${event.path}: ${event.why}`] : [])),
    [
      "a/.bakignore: it has become a symlink",
      "b/.bakignore: not a file",
      "c/.bakignore: not a file",
      "d/.bakignore: more than 4 MiB",
    ],
  );
});

t.test("the folder that bak init makes is left out at the root, and nothing else of that name", async (t) => {
  const folder = t.testdir({
    ours: { ".bak": { "config.json": "{}", x: "1" }, d: { ".bak": { "config.json": "{}" } } },
    theirs: { ".bak": { x: "1" } },
    file: { ".bak": "1" },
  });
  const world = await openWorld(t, join(folder, "store"));
  const push = async (name: string): Promise<PushEvent[]> =>
    (await pushFolder(world, join(folder, name), { indexFile: join(folder, `${name}.index`) })).events;
  t.strictSame(told(await push("ours")).slice(0, 1), ["leftOut .bak"]);
  const { head } = await world.connect();
  const remote = await world.connect();
  const commit = await readCommit(remote, head as ObjectId);
  t.match(commit, { excludes: ["/.bak"], counts: { files: 1, dirs: 2 } });
  t.match(new Set(told(await push("theirs"))), new Set(["added .bak", "added .bak/x"]));
  t.ok(told(await push("file")).includes("added .bak"));
});

t.test("what was asked for is kept in a commit as it was written", (t) => {
  const folder = t.testdir({ rules: "# nothing\n*.o\n!x \n" });
  const leaveOut = readLeaveOut({
    ...leaveNothingOut,
    files: [join(folder, "rules")],
    patterns: [bytes("#x"), bytes("--one-file-system"), bytes("\xff")],
    isWithoutCaches: true,
    markers: [bytes("no")],
    maxFileBytes: 10,
    isOneFileSystem: true,
  });
  t.strictSame(rulesAsWritten(leaveOut), [
    "*.o",
    "!x",
    "\\#x",
    "\\--one-file-system",
    "\xff",
    "--exclude-caches",
    "--exclude-if-present=no",
    "--exclude-larger-than=10",
    "--one-file-system",
  ]);
  t.strictSame(rulesAsWritten(leaveNothingOut), []);
  t.end();
});

t.test("what cannot be meant, or kept, is refused", (t) => {
  const folder = t.testdir({ many: "x\n".repeat(66_000), long: "x".repeat(1 << 15), huge: "x\n".repeat(3 << 20) });
  const refused: [Partial<Parameters<typeof readLeaveOut>[0]>, { code: string; message?: string | RegExp }][] = [
    [{ patterns: [bytes("")] }, { code: "USAGE", message: "an empty pattern" }],
    [{ markers: [bytes("")] }, { code: "USAGE" }],
    [{ markers: [bytes("a/b")] }, { code: "USAGE", message: "not a name: 'a/b'" }],
    [{ markers: [bytes("..")] }, { code: "USAGE" }],
    [{ files: [join(folder, "none")] }, { code: "SOURCE_FAILED", message: /none': no such file or folder/ }],
    [{ files: [folder] }, { code: "SOURCE_FAILED", message: /it has become a folder|EISDIR/ }],
    [{ files: [join(folder, "many")] }, { code: "USAGE", message: /more than 65000 rules/ }],
    [{ files: [join(folder, "long")] }, { code: "USAGE", message: /a rule of more than 16384 bytes/ }],
    [{ files: [join(folder, "huge")] }, { code: "SOURCE_FAILED", message: /more than 4 MiB/ }],
  ];
  for (const [changes, error] of refused)
    t.throws(() => readLeaveOut({ ...leaveNothingOut, files: [], ...changes }), error);
  t.end();
});
