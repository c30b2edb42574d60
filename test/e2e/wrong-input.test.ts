/** What is wrong is said in one line, ends with the right exit code, and leaves nothing behind. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import t, { type Test } from "tap";
import { bakScript, BakUser, environment, start } from "../helpers/bak-process.js";

/** Everything beneath a folder: kinds, modes, sizes, names and what is in them. Only a store's lock may say who had it last. */
function pictureOf(folder: string): string {
  const find = (...args: string[]): string =>
    execFileSync("find", [folder, "!", "-name", "lock", ...args], { encoding: "utf8" });
  const listed = find("-printf", "%y %m %s %p %l\n");
  const sums = find("-type", "f", "-exec", "b3sum", "{}", "+");
  return [...listed.split("\n").toSorted(), ...sums.split("\n").toSorted()].join("\n");
}

interface Wrong {
  args: readonly string[];
  code: number;
  message: RegExp;
  /** The error's code in JSON. */
  name: string;
  env?: NodeJS.ProcessEnv;
}

/** Kinds of failure that have been seen as JSON. */
const seenAsJson = new Set<string>();

/** Runs it, and the first of its kind with --json, too; neither may change anything beneath the home. */
async function refuses(t: Test, user: BakUser, wrong: Wrong): Promise<void> {
  const { args, code, message, name, env = {} } = wrong;
  const words = `bak ${args.join(" ").slice(0, 200)}`;
  const before = pictureOf(user.home);
  const said = await user.run(args, { env });
  t.equal(said.code, code, words);
  t.match(said.stderr, /^bak: [^\n]+\n(?: {5}[^\n]+\n)?$/, `${words}: one line, and a hint at most`);
  t.match(said.stderr, message, words);
  t.equal(said.stdout, "", `${words}: no answer`);
  if (!seenAsJson.has(name)) {
    seenAsJson.add(name);
    const json = await user.run([...args, "--json"], { env });
    t.equal(json.code, code, `${words} --json`);
    t.equal(json.stderr, "", `${words} --json: all of it is on stdout`);
    const { error } = JSON.parse(json.stdout) as { error: { code: string; message: string; exitCode: number } };
    t.match(error, { code: name, exitCode: code }, `${words} --json`);
    t.match(said.stderr, error.message, "the same words");
  }
  t.equal(pictureOf(user.home), before, `${words}: nothing is left behind`);
}

t.test("without a store", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: { a: "a" }, file: "no folder", "no store": { x: "" } }));
  symlinkSync("nowhere", join(user.home, "dangling"));
  const free = createTcpServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address() as AddressInfo;
  free.close();
  const other = createServer((_, response) => response.end("hello")).listen(0, "127.0.0.1");
  await once(other, "listening");
  t.teardown(() => other.close());
  const web = `ws://127.0.0.1:${(other.address() as AddressInfo).port}`;
  const cases: Wrong[] = [
    { args: ["explode"], code: 2, name: "USAGE", message: /explode/ },
    { args: ["push", "nowhere"], code: 1, name: "SOURCE_FAILED", message: /no such folder: '.*nowhere'/ },
    { args: ["push", "dangling"], code: 1, name: "SOURCE_FAILED", message: /no such folder: '.*dangling'/ },
    { args: ["push", "file"], code: 1, name: "SOURCE_FAILED", message: /not a folder: '.*file'/ },
    { args: ["push", "file/x"], code: 1, name: "SOURCE_FAILED", message: /file\/x'/ },
    { args: ["push", "docs", "-p", "../x"], code: 2, name: "BAD_PROJECT_ID", message: /not a project id: '..\/x'/ },
    { args: ["push", "docs", "-p", ""], code: 2, name: "BAD_PROJECT_ID", message: /not a project id: ''/ },
    { args: ["push", "docs", "-s", ""], code: 2, name: "BAD_SERVER_ADDRESS", message: /not a server: ''/ },
    { args: ["push", "docs", "-s", "http://nas"], code: 2, name: "BAD_SERVER_ADDRESS", message: /'http:\/\/nas'/ },
    { args: ["push", "docs", "-s", "ws://"], code: 2, name: "BAD_SERVER_ADDRESS", message: /'ws:\/\/'/ },
    { args: ["push", "docs", "-s", "ws://nas:99999"], code: 2, name: "BAD_SERVER_ADDRESS", message: /99999/ },
    { args: ["push", "docs", "-s", "file"], code: 10, name: "NO_STORE", message: /file'/ },
    { args: ["push", "docs", "-s", "no store"], code: 10, name: "NO_STORE", message: /no store'/ },
    { args: ["push", "docs", "-s", "file/store"], code: 10, name: "NO_STORE", message: /file\/store'/ },
    { args: ["log", "-s", "nowhere"], code: 10, name: "NO_STORE", message: /no store in '.*nowhere'/ },
    { args: ["log"], code: 10, name: "NO_STORE", message: /no store in '.*data\/bak\/store'/ },
    { args: ["restore", "--to", "out", "-s", "nowhere"], code: 10, name: "NO_STORE", message: /no store/ },
    {
      args: ["push", "docs", "-s", `ws://127.0.0.1:${port}`],
      code: 10,
      name: "NO_SERVER",
      message: /cannot reach the server '.*': connection refused/,
    },
    { args: ["push", "docs", "-s", web], code: 10, name: "NO_SERVER", message: /cannot reach the server/ },
    { args: ["push", "--bogus"], code: 2, name: "USAGE", message: /nonexistent flag: --bogus/ },
    { args: ["push", "docs", "another"], code: 2, name: "USAGE", message: /another/ },
    { args: ["restore", "head"], code: 2, name: "USAGE", message: /--to|flag to/ },
    { args: ["log", "--limit", "many"], code: 2, name: "USAGE", message: /integer/ },
    { args: ["log", "--limit", "0"], code: 2, name: "USAGE", message: /greater than or equal to 1/ },
    { args: ["serve", "--port", "65536"], code: 2, name: "USAGE", message: /65535/ },
    { args: ["serve", "--tls-cert", "file"], code: 2, name: "USAGE", message: /tls-key/ },
    {
      args: ["push", "docs"],
      code: 2,
      name: "USAGE",
      message: /BAK_BLAKE3 is 'fast'/,
      env: { BAK_BLAKE3: "fast" },
    },
    {
      args: ["push", "docs", "--message", "a".repeat(70_000)],
      code: 2,
      name: "USAGE",
      message: /the message is longer/,
    },
  ];
  for (const wrong of cases) await refuses(t, user, wrong);
});

t.test("with a store", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: { a: "a" }, file: "no folder", newer: {} }));
  await user.json(["push", "docs", "-s", "store", "-p", "docs"]);
  const config = JSON.stringify({ format: 999, version: 999, id: "x", created: "2026-01-01T00:00:00Z" });
  writeFileSync(join(user.home, "newer", "config.json"), config);
  for (const name of ["packs", "projects", "incoming"]) mkdirSync(join(user.home, "newer", name));
  const place = ["-s", "store", "-p", "docs"];
  const absent = "0".repeat(64);
  const cases: Wrong[] = [
    { args: ["log", "head"], code: 2, name: "USAGE", message: /^bak: 'bak log' takes no arguments: 'head'\n/ },
    { args: ["log", "-s", "store", "-p", "other"], code: 10, name: "NO_PROJECT", message: /no project 'other'/ },
    { args: ["log", "-s", "newer"], code: 1, name: "STORE_VERSION", message: /newer|later/ },
    { args: ["ls", absent, ...place], code: 1, name: "NO_COMMIT", message: /no commit '0{64}'/ },
    { args: ["ls", "head~1", ...place], code: 1, name: "NO_COMMIT", message: /no commit 'head~1'/ },
    { args: ["ls", "@2001-01-01", ...place], code: 1, name: "NO_COMMIT", message: /no commit '@2001-01-01'/ },
    { args: ["ls", "headd", ...place], code: 2, name: "BAD_COMMIT_NAME", message: /not a commit: 'headd'/ },
    { args: ["ls", "abc", ...place], code: 2, name: "BAD_COMMIT_NAME", message: /not a commit: 'abc'/ },
    { args: ["ls", "@2026-02-31", ...place], code: 2, name: "BAD_COMMIT_NAME", message: /not a date/ },
    { args: ["ls", "head", "nowhere", ...place], code: 1, name: "NO_PATH", message: /no path 'nowhere'/ },
    { args: ["ls", "head", "a/b", ...place], code: 1, name: "NO_PATH", message: /no path 'a\/b'/ },
    { args: ["ls", "head", "../a", ...place], code: 2, name: "USAGE", message: /not a path within a commit/ },
    { args: ["restore", "--to", "file", ...place], code: 1, name: "TARGET_FAILED", message: /'.*file'/ },
    { args: ["restore", "--to", "file/x", ...place], code: 1, name: "TARGET_FAILED", message: /'.*file\/x'/ },
    { args: ["restore", "head", "no", "--to", "out", ...place], code: 1, name: "NO_PATH", message: /no path 'no'/ },
    { args: ["restore", "--to", "/", "--delete", ...place], code: 2, name: "USAGE", message: /--delete would delete/ },
    {
      args: ["restore", "--to", "store/packs", "--delete", ...place],
      code: 1,
      name: "TARGET_FAILED",
      message: /in the store itself/,
    },
    { args: ["restore", "head~9", "--to", "out", ...place], code: 1, name: "NO_COMMIT", message: /no commit/ },
    {
      args: ["push", "store", "-s", "store", "-p", "x"],
      code: 2,
      name: "USAGE",
      message: /both the folder and the store/,
    },
  ];
  for (const wrong of cases) await refuses(t, user, wrong);
});

t.test("a store that is being served is locked, and its port is taken", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: { a: "a" } }));
  const server = await user.serve("store");
  const locked = { code: 11, name: "STORE_LOCKED", message: /store' (is|has)/ } as const;
  await refuses(t, user, { args: ["push", "docs", "-s", "store"], ...locked });
  await refuses(t, user, { args: ["serve", "store", "--port", "0"], ...locked });
  await refuses(t, user, {
    args: ["serve", "another", "--port", server.port],
    code: 1,
    name: "CANNOT_LISTEN",
    message: /the port is in use/,
  });
  await server.stop();
  t.match(await user.run(["push", "docs", "-s", "store"]), { code: 0 }, "until it is served no more");
});

t.test("a folder in which nothing can be made", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: { a: "a" }, full: {} }));
  const full = join(user.home, "full");
  if (process.getuid?.() === 0) {
    // root may write anywhere but in the kernel's own folders
    const said = await user.run(["push", "docs", "-s", "/proc/store"]);
    t.equal(said.code, 1);
    t.match(said.stderr, /^bak: [^\n]*'\/proc\/store'[^\n]*\n(?: {5}[^\n]+\n)?$/);
    const restored = await user.run(["push", "docs", "-s", "store", "-p", "docs"]);
    t.equal(restored.code, 0);
    const target = await user.run(["restore", "--to", "/proc/out", "-s", "store", "-p", "docs"]);
    t.match(target, { code: 1, stderr: /^bak: cannot restore into '\/proc\/out': [^\n]*\n(?: {5}[^\n]+\n)?$/ });
    return;
  }
  chmodSync(full, 0o555);
  const wrong = { args: ["push", "docs", "-s", "full/store"], code: 1, name: "STORE_FAILED", message: /full\/store/ };
  await refuses(t, user, wrong);
});

t.test("a current folder that is gone", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: { a: "a" } }));
  for (const args of ["push -s store", "status", "serve"]) {
    const shell = `mkdir gone && cd gone && rmdir ../gone && exec "$@"`;
    const command = ["-c", shell, "bash", process.execPath, bakScript, ...args.split(" ")];
    const { code, stderr } = await start("bash", command, { cwd: user.home, env: environment(user.home) }).ended;
    t.equal(code, 2, args);
    t.equal(stderr, "bak: cannot tell the current folder: no such file or folder\n     change to another one\n", args);
  }
});
