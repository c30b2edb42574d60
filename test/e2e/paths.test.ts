/** Folders as people name them, and folders with something in them that cannot be read. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import t, { type Test } from "tap";
import { bakScript, BakUser, differences, environment, start, type PushAnswer } from "../helpers/bak-process.js";

t.test("one folder is one project, however it is named", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: { sub: { a: "a" } } }));
  const docs = join(user.home, "docs");
  chmodSync(docs, 0o750);
  const store = ["-s", join(user.home, "store")];
  const first = await user.json<PushAnswer>(["push", "docs", ...store]);
  t.equal(first.project, `${hostname()}-docs`);
  for (const [cwd, folder] of [
    [user.home, "docs/"],
    [user.home, "./docs//."],
    [user.home, docs],
    [user.home, "docs/sub/.."],
    [docs, "."],
    [join(docs, "sub"), ".."],
  ] as const) {
    const again = await user.json<PushAnswer>(["push", folder, ...store], { cwd });
    t.match(again, { project: first.project, isUpToDate: true, commit: first.commit }, folder);
  }
  const bare = await user.json<PushAnswer>(["push", ...store], { cwd: docs });
  t.match(bare, { project: first.project, isUpToDate: true }, "the folder one stands in");
});

t.test("a link to a folder is pushed as the folder", async (t) => {
  const user = new BakUser(t, t.testdir({ real: { a: "a" } }));
  chmodSync(join(user.home, "real"), 0o700);
  symlinkSync("real", join(user.home, "link"));
  for (const folder of ["link", "link/"]) {
    await user.json(["push", folder, "-s", "store", "-p", "x"]);
    t.equal((await user.run(["restore", "--to", "out", "-s", "store", "-p", "x"])).code, 0);
    t.equal(differences(join(user.home, "real"), join(user.home, "out")), "", "its mode and time are the folder's");
    t.equal(statSync(join(user.home, "out")).mode & 0o777, 0o700);
  }
});

t.test("names that are not ASCII, and a link as the target", async (t) => {
  const user = new BakUser(t, t.testdir({ "Fotos für Zoë 日本": { "naïve.txt": "a" }, elsewhere: {} }));
  const folder = join(user.home, "Fotos für Zoë 日本");
  const { project } = await user.json<PushAnswer>(["push", folder, "-s", "ein Lager ü"]);
  t.match(project, /^[A-Za-z0-9._-]+$/);
  symlinkSync("elsewhere", join(user.home, "way"));
  const restored = await user.run(["restore", "--to", "way", "-s", "ein Lager ü", "-p", project]);
  t.match(restored, { code: 0, stderr: "" });
  t.equal(differences(folder, join(user.home, "elsewhere")), "");
});

t.test("a store within the folder is left out, and pushing again changes nothing", async (t) => {
  const user = new BakUser(t, t.testdir({ all: { docs: { a: "a" } } }));
  const all = join(user.home, "all");
  const store = join(all, "deep", "store");
  mkdirSync(join(all, "deep"));
  const place = ["-s", store, "-p", "all"];
  const env = { XDG_CACHE_HOME: join(all, "cache") };
  t.match(await user.run(["push", all, ...place], { env }), {
    code: 0,
    stderr: `bak: made a new store in '${store}'\nbak: left out 'deep/store': it is bak's own\n`,
  });
  const after = await user.run(["push", all, ...place], { env });
  t.equal(after.code, 0);
  await user.run(["push", all, ...place], { env });
  t.match(await user.run(["push", all, ...place], { env }), { code: 0, stdout: "everything up to date\n" });
  t.equal((await user.run(["restore", "--to", "out", ...place])).code, 0);
  t.strictSame(readdirSync(join(user.home, "out", "deep")), []);
});

t.test("restoring some paths", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: { a: { b: { c: "c", d: "d" }, e: "e" }, f: "f" } }));
  const place = ["-s", "store", "-p", "docs"];
  await user.json(["push", "docs", ...place]);
  const restored = await user.json<{ files: number; dirs: number }>([
    "restore",
    "head",
    "a/b/",
    "/f",
    "./a/b/c",
    "--to",
    "out",
    ...place,
  ]);
  t.match(restored, { files: 3, dirs: 2 });
  const names = readdirSync(join(user.home, "out"), { recursive: true, encoding: "utf8" });
  t.strictSame(names.toSorted(), ["a", "a/b", "a/b/c", "a/b/d", "f"]);
  t.equal((await user.run(["restore", "head", "--to", "out", ...place])).code, 0);
  t.equal(differences(join(user.home, "docs"), join(user.home, "out")), "");
});

t.test("what is in the way", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: { file: "f", folder: { in: "in" }, taken: "t" }, outside: {} }));
  const [docs, out, outside] = ["docs", "out", "outside"].map((name) => join(user.home, name)) as [
    string,
    string,
    string,
  ];
  const place = ["-s", "store", "-p", "docs"];
  await user.json(["push", "docs", ...place]);
  mkdirSync(join(out, "taken", "full"), { recursive: true });
  writeFileSync(join(out, "mine"), "nobody asked for this");
  symlinkSync(outside, join(out, "folder"));
  symlinkSync(join(outside, "file"), join(out, "file"));
  const { code, stderr, stdout } = await user.run(["restore", "--to", out, ...place]);
  t.equal(code, 3);
  t.strictSame(stderr.trimEnd().split("\n").toSorted(), [
    "bak: 1 path could not be restored",
    "bak: cannot restore 'taken': a folder that is not empty is in its place",
    "bak: replaced 'file'",
    "bak: replaced 'folder'",
  ]);
  t.match(stdout, /^restored [0-9a-f]{12} to '.*out': 2 files/);
  t.strictSame(readdirSync(outside), [], "nothing went through a link");
  t.equal(readFileSync(join(out, "mine"), "utf8"), "nobody asked for this");
  t.match(differences(docs, out), /^\S+ +mine\n|taken/);
});

/** A folder that is removed at the end by rm, which can remove more than Node can. */
function temporaryFolder(t: Test): string {
  const folder = execFileSync("mktemp", ["-d"], { encoding: "utf8" }).trim();
  t.teardown(() => spawnSync("rm", ["-rf", folder]));
  return folder;
}

t.test("what lies beyond the longest path that the system takes is kept", async (t) => {
  const user = new BakUser(t, temporaryFolder(t));
  const docs = join(user.home, "docs");
  mkdirSync(join(docs, "deep"), { recursive: true });
  // the kernel takes no path beyond 4,096 bytes from a program, though one can walk there
  const step = "d".repeat(200);
  const walk = `cd docs/deep; for i in $(seq 25); do mkdir ${step}; cd ${step}; done; echo far > file`;
  execFileSync("bash", ["-c", walk], { cwd: user.home });
  t.match(await user.run(["push", docs, "-s", "store", "-p", "docs"]), { code: 0, stdout: /: 1 file,/ });
  t.match(await user.run(["restore", "-s", "store", "-p", "docs", "--to", "out"]), { code: 0, stderr: "" });
  const back = `cd out/deep; for i in $(seq 25); do cd ${step}; done; cat file`;
  t.equal(execFileSync("bash", ["-c", back], { cwd: user.home, encoding: "utf8" }), "far\n");
});

/** Folders of the package's own that another user can read: bak as it would be installed. */
function copyOfBak(folder: string): string {
  const root = dirname(dirname(bakScript));
  for (const name of ["bin", "dist", "package.json"]) cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return join(folder, "bin", "run.js");
}

const isRoot = process.getuid?.() === 0;

t.test("as a user who may not read everything", { skip: !isRoot && "only root can become another user" }, async (t) => {
  const home = temporaryFolder(t);
  const script = copyOfBak(home);
  mkdirSync(join(home, "docs", "closed"), { recursive: true });
  writeFileSync(join(home, "docs", "open"), "open");
  writeFileSync(join(home, "docs", "secret"), "secret");
  writeFileSync(join(home, "docs", "closed", "in"), "in");
  execFileSync("chown", ["-hR", "54321:54321", home]);
  execFileSync("chown", ["0:0", join(home, "docs", "secret"), join(home, "docs", "closed")]);
  chmodSync(join(home, "docs", "secret"), 0o600);
  chmodSync(join(home, "docs", "closed"), 0o700);
  const as = ["--reuid", "54321", "--regid", "54321", "--clear-groups"];
  const run = (...args: string[]): ReturnType<typeof start>["ended"] =>
    start("setpriv", [...as, process.execPath, script, ...args], { cwd: home, env: environment(home) }).ended;
  const place = ["-s", "store", "-p", "docs"];
  const modules = join(home, "node_modules", "@oclif", "core", "package.json");
  if (spawnSync("setpriv", [...as, "test", "-r", modules]).status !== 0) {
    t.pass("not to be tested here: another user cannot read node_modules");
    return;
  }
  const pushed = await run("push", "docs", ...place);
  t.equal(pushed.code, 3);
  t.match(
    pushed.stderr,
    "\nbak: cannot read 'closed': permission denied\nbak: cannot read 'secret': permission denied\n",
  );
  t.match(pushed.stderr, /\nbak: 2 paths could not be read\n$/);
  t.match(pushed.stdout, /: 1 file, 4 B\n/);
  const again = await run("push", "docs", ...place, "--json");
  t.equal(again.code, 3, "and every time, as long as it is so");
  t.match(JSON.parse(again.stdout), {
    isUpToDate: true,
    unreadable: [
      { path: "closed", why: "permission denied" },
      { path: "secret", why: "permission denied" },
    ],
  });
  const log = await run("log", ...place, "--json");
  t.match(JSON.parse(log.stdout), [{ user: "54321" }], "a user without a name goes by number");

  // what may not be replaced is named; and a link that stays is not followed
  mkdirSync(join(home, "out"));
  mkdirSync(join(home, "elsewhere"));
  mkdirSync(join(home, "more", "sub"), { recursive: true });
  writeFileSync(join(home, "more", "sub", "file"), "file");
  execFileSync("chown", ["-R", "54321:54321", join(home, "elsewhere"), join(home, "more")]);
  symlinkSync(join(home, "elsewhere"), join(home, "out", "sub"));
  chmodSync(join(home, "out"), 0o755);
  t.equal((await run("push", "more", "-s", "store", "-p", "more")).code, 0);
  for (const paths of [[], ["head", "sub/file"], ["head", "sub"]]) {
    const restored = await run("restore", ...paths, "--to", "out", "-s", "store", "-p", "more");
    t.equal(restored.code, 3);
    t.match(restored.stderr, /^bak: cannot restore 'sub': [^\n]*\n/);
    t.strictSame(readdirSync(join(home, "elsewhere")), [], "nothing is written outside the target");
  }
});
