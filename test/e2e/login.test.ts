/** A NAS with a key of its own: it is pinned once, and the token is kept, and shown nowhere. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { bakScript, BakUser, environment, type Finished, type Serving } from "../helpers/bak-process.js";
import { makeToken } from "../helpers/make-token.js";

const secret = "bak_S3cretS3cretS3cretS3cretS3cret00";

/** Types on a terminal of its own: each answer once its question is there. Gives all that the terminal showed. */
async function atTerminal(
  t: Test,
  user: BakUser,
  args: readonly string[],
  answers: readonly (readonly [question: string, typed: string])[],
): Promise<{ code: number | null; shown: string }> {
  const script = `
import json, os, pty, signal, sys
signal.alarm(60)
args, answers = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(args[0], args)
shown = b""
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        piece = b""
    if piece == b"":
        break
    shown += piece
    if answers and answers[0][0].encode() in shown:
        os.write(terminal, answers.pop(0)[1].encode())
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;
  const input = JSON.stringify([[process.execPath, bakScript, ...args], answers]);
  const child = spawn("/usr/bin/python3", ["-c", script, input], {
    cwd: user.home,
    env: environment(user.home),
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  let shown = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (shown += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, shown };
}

/** `bak ARGS < input`, with everything that DEBUG brings out. */
async function withInput(user: BakUser, args: readonly string[], input: string): Promise<Finished> {
  const file = join(user.home, "input");
  writeFileSync(file, input);
  const child = spawn("sh", ["-c", 'exec "$0" "$@" < input', process.execPath, bakScript, ...args], {
    cwd: user.home,
    env: { ...environment(user.home), DEBUG: "*" },
  });
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) child[name].on("data", (bytes: Buffer) => (written[name] += bytes));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, signal: null, ...written };
}

async function serve(user: BakUser): Promise<Serving & { fingerprint: string }> {
  const serving = await user.serve(join(user.home, "store"), "0", ["--tls-self-signed"]);
  const [, fingerprint = ""] = await serving.until(/^bak: its key is (SHA256:\S{43})$/m);
  return { ...serving, fingerprint };
}

t.test("who sits at a terminal is asked about the key, and for the token, which is not shown", async (t) => {
  const user = new BakUser(t, t.testdir({ folder: { file: "content" } }));
  const serving = await serve(user);
  const { url, fingerprint } = serving;
  const question = "yes or no)? ";
  const refused = await atTerminal(t, user, ["login", url], [[question, "y\r"]]);
  t.equal(refused.code, 12, refused.shown);

  const { code, shown } = await atTerminal(
    t,
    user,
    ["login", url],
    [
      [question, "yes\r"],
      ["token (none: Enter): ", `bak_X\u007f${secret.slice(4)}\r`],
    ],
  );
  t.equal(code, 0, shown);
  t.ok(shown.includes(`its key is ${fingerprint}`), shown);
  t.notOk(shown.includes("S3cret"), shown);
  const file = join(user.home, "config", "bak", "servers.json");
  t.strictSame(JSON.parse(readFileSync(file, "utf8")), {
    version: 1,
    servers: { [url]: { key: fingerprint, token: secret } },
  });
  t.equal(statSync(file).mode & 0o777, 0o600);

  const pushed = await user.run(["push", "folder", "-s", url], { env: { DEBUG: "*" } });
  t.match(pushed, { code: 0, stdout: /is the head of/ });
  t.notOk(`${pushed.stdout}${pushed.stderr}`.includes("S3cret"));
  const interrupted = await atTerminal(t, user, ["login", url], [["token (none: Enter): ", "abc\u0003"]]);
  t.equal(interrupted.code, 130, interrupted.shown);
  const log = await serving.stop();
  t.notOk(`${log.stdout}${log.stderr}`.includes("S3cret"));
});

t.test(
  "a script says the fingerprint; a server with another key is refused loudly, until it is logged out of",
  async (t) => {
    const user = new BakUser(t, t.testdir({ folder: { file: "content" } }));
    const serving = await serve(user);
    const { url, port, fingerprint } = serving;
    const push = ["push", "folder", "-s", url];
    t.match(await user.run(push), { code: 12, stderr: /self-signed[^]*bak login wss:/ });
    t.match(await withInput(user, ["login", url], secret), { code: 12, stderr: /add --fingerprint SHA256:/ });
    const other = `SHA256:${"a".repeat(42)}A`;
    t.match(await withInput(user, ["login", url, "--fingerprint", other], secret), {
      code: 12,
      stderr: /is SHA256:.*not SHA256:aaa/,
    });
    t.match(await withInput(user, ["login", url, "--fingerprint", "abc"], secret), { code: 2 });
    const login = await withInput(user, ["login", url, "--fingerprint", fingerprint, "--json"], `${secret}\n`);
    t.equal(login.code, 0, login.stderr);
    t.strictSame(JSON.parse(login.stdout), { server: url, fingerprint, hasToken: true, token: null });
    t.notOk(`${login.stdout}${login.stderr}`.includes("S3cret"), "not with DEBUG either");
    t.match(await user.run(push), { code: 0 });
    await serving.stop();

    const again = await user.serve(join(user.home, "store"), port, ["--tls-self-signed"]);
    t.match(await user.run(push), { code: 0, stdout: /up to date/ });
    await again.stop();
    rmSync(join(user.home, "store", "tls-key.pem"));
    const changed = await user.serve(join(user.home, "store"), port, ["--tls-self-signed"]);
    for (const args of [push, [...push, "--json"], ["login", url]]) {
      const { code, stdout, stderr } = await user.run(args);
      const told = `${stdout}${stderr}`;
      t.equal(code, 12, told);
      t.match(told, /has another key than before/);
      t.ok(told.includes(fingerprint), "with the key that it had");
      t.match(told, /bak logout/);
    }
    t.match(await user.run(["logout", `${url}/`]), { code: 0, stdout: `logged out of '${url}'\n` });
    t.match(await user.run(["logout", url]), { code: 0, stdout: /nothing was kept/ });
    t.match(await user.run(push), { code: 12, stderr: /self-signed/ });
    await changed.stop();
  },
);

t.test("a token is not sent to another machine in clear text; without one, that is warned of", async (t) => {
  const user = new BakUser(t, t.testdir({ folder: { file: "content" } }));
  const { port } = await user.serve(join(user.home, "store"), "0", ["--host", "0.0.0.0", "--insecure"]);
  const push = ["push", "folder", "-s", `ws://0.0.0.0:${port}`]; // not a name of this machine alone
  const env = { BAK_TOKEN: secret };
  t.match(await user.run(push, { env }), { code: 12, stderr: /token is not sent[^]*--insecure/ });
  t.match(await user.run([...push, "--insecure", "--json"], { env }), {
    code: 0,
    stderr: /^bak: what is sent to .*\n$/,
  });
  t.match(await user.run(push), { code: 0, stderr: /^bak: what is sent to .* can be read.*\n$/ });
  const near = await user.run(["log", "-s", `ws://127.0.0.1:${port}`], { env, cwd: join(user.home, "folder") });
  t.match(near, { code: 0, stderr: "" });
  const command = await user.run(
    ["push", "--stdin-from-command", "--name", "env", "-s", "local", "-p", "x", "--", "env"],
    { env },
  );
  t.equal(command.code, 0, command.stderr);
  const kept = await user.run(["cat", "head:env", "-s", "local", "-p", "x"]);
  t.match(kept.stdout, /^HOME=/m);
  t.notOk(kept.stdout.includes("S3cret"), "a command that bak starts is not given the token");
});

t.test(
  "a token is kept for whatever projects it is good, which is said; one that is good for none is not",
  async (t) => {
    const user = new BakUser(t, t.testdir());
    const store = join(user.home, "store");
    const { url } = await user.serve(store, "0");
    const expiresMs = Date.UTC(2100, 0, 1);
    const wish = { projects: ["desktop", "notes-*"], rights: ["push" as const], expiresMs, quotaBytes: 500_000_000 };
    const token = await makeToken(store, "desk", wish);
    const login = await withInput(user, ["login", url], token);
    t.match(login, {
      code: 0,
      stdout: `logged in to '${url}': token kept\ntoken 'desk' is for desktop, notes-*: push; `,
    });
    t.match(login.stdout, /; quota 500 MB, expires (2100-01-01|2099-12-31) \d\d:\d\d\n$/);
    const { stdout } = await withInput(user, ["login", url, "--json"], token);
    t.match((JSON.parse(stdout) as { token: unknown }).token, {
      name: "desk",
      projects: wish.projects,
      rights: ["push"],
      expires: "2100-01-01T00:00:00.000Z",
      quota: 500_000_000,
    });
    t.match(await withInput(user, ["login", url], secret), {
      code: 12,
      stderr: /does not take this token[^]*nothing was kept/,
    });
    t.match(await withInput(user, ["login", url], ""), { code: 12, stderr: /lets in nobody without a token/ });
    t.match(await user.run(["push", ".", "-s", url, "-p", "desktop"]), { code: 0 }, "the first is still kept");
    await makeToken(store, "expired", { expiresMs: 1 });
    t.match(await user.run(["token", "revoke", "desk", "-s", store]), {
      code: 0,
      stderr: /^revoked token 'desk'\nno token is left: .* lets in nobody any more, until 'bak token add' makes one\n$/,
    });
    t.match(await user.run(["log", "-s", url, "-p", "desktop"]), { code: 12 });
  },
);
