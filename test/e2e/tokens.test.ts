/** Tokens as people use them: a NAS that serves a store, laptops that are let in or not, and what is written down of it. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import t from "tap";
import { WebSocketServer } from "ws";
import { BakError } from "../../src/errors.js";
import { errorMessage } from "../../src/protocol/conversation.js";
import { encodeMessage } from "../../src/protocol/message-codec.js";
import { BakUser } from "../helpers/bak-process.js";
import { until } from "../helpers/deadline.js";

interface Made {
  token: string;
  id: string;
}

t.test("from the first token to the last", async (t) => {
  const home = t.testdir({ photos: { hill: "a hill in the rain" } });
  const user = new BakUser(t, home);
  const store = join(home, "store");
  const audit = join(home, "audit");
  const photos = join(home, "photos");

  const refused = await user.run(["serve", store, "--host", "0.0.0.0", "--port", "0"]);
  const made = await user.json<Made>(["token", "add", "laptop", "--project", "laptop-*", "-s", store]);
  t.match(refused, { code: 12, stderr: /a store without tokens is not served on '0\.0\.0\.0'.*\n.*bak token add/ });
  t.match(made, {
    token: /^bak_[0-9A-Za-z]{32}$/,
    name: "laptop",
    rights: ["push", "read"],
    projects: ["laptop-*"],
    expires: null,
  });
  t.match(await user.run(["serve", home, "--port", "0"]), { code: 10, stderr: /has stores in it\n.*--stores/ });
  t.match(await user.run(["token", "add", "spare", "-s", store]), { code: 2, stderr: /see 'bak token add --help'/ });
  const serving = await user.serve(store, "0", ["--audit-log", audit, "--log-level", "debug"]);
  const spare = await user.run([
    "token",
    "add",
    "spare",
    "-p",
    "laptop-photos",
    "--may",
    "read",
    "--expires",
    "1d",
    "-s",
    store,
  ]);
  t.match(spare.stdout, /^bak_[0-9A-Za-z]{32}\n$/, "the secret alone is on stdout");
  t.match(spare.stderr, /made token 'spare' for laptop-photos: read, until .*\n.*not shown again/);
  const secrets = [made.token, spare.stdout.trim()];

  const on = ["-s", serving.url, "-p", "laptop-photos"];
  const withToken = (token: string) => ({ env: { BAK_TOKEN: token } });
  const none = await user.run(["push", photos, ...on]);
  t.match(none, { code: 12, stderr: /^bak: not allowed: this store asks for a token.*\n.*BAK_TOKEN/ });
  const pushed = await user.run(["push", photos, ...on], withToken(made.token));
  t.match(pushed, { code: 0, stderr: "" }, pushed.stderr);
  const results = await Promise.all([
    user.run(["restore", "--to", join(home, "back"), ...on], withToken(secrets[1] as string)),
    user.run(["push", photos, "--allow-empty", ...on], withToken(secrets[1] as string)),
    user.run(["forget", "head", ...on], withToken(made.token)),
    user.run(["token", "list", ...on.slice(0, 2)], withToken(made.token)),
    user.run(["log", "-s", serving.url, "-p", "desktop"], withToken(made.token)),
  ]);
  t.strictSame(
    results.map(({ code }) => code),
    [0, 12, 12, 12, 12],
  );
  t.match(
    results[2]?.stderr,
    /^bak: not allowed: token 'laptop' has no right 'delete' over project 'laptop-photos'\n.*--may delete/,
  );
  t.match(results[3]?.stderr, /^bak: not allowed: .*\n.*as a whole: .*"--may admin --project '\*'"/);
  t.equal(readFileSync(join(home, "back", "hill"), "utf8"), "a hill in the rain");

  renameSync(audit, `${audit}.1`);
  serving.child.kill("SIGHUP");
  await until(() => spawnSync("test", ["-e", audit]).status === 0, "a new file");
  const revoked = await user.run(["token", "revoke", "spare", "-s", store]);
  t.match(revoked, { code: 0, stderr: "revoked token 'spare'\n" }); // and not the last
  await serving.until(/token 'spare' was revoked\n/);
  t.match(await user.run(["log", ...on], withToken(secrets[1] as string)), { code: 12 });
  const stopped = await serving.stop();
  t.match(stopped.stderr, /logged in to 'laptop-photos' with token 'laptop'/);
  const listed = await user.run(["token", "list", "-s", store]);
  t.match(
    listed.stdout,
    /^laptop {2}push,read {2}laptop-\* {2}made .* {2}never expires {2}used .* from 127\.0\.0\.1\n$/,
  );

  const lines = [`${audit}.1`, audit].map((file) =>
    readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>),
  );
  const eventsIn = (file: number): unknown[] => (lines[file] ?? []).map(({ event }) => event);
  for (const event of ["token add", "login", "login refused", "opened", "push", "read", "request refused"])
    t.ok(eventsIn(0).includes(event), event);
  t.match(eventsIn(1), ["token revoke", "login refused"]);
  t.match(
    lines[0]?.find(({ event }) => event === "push"),
    { token: "laptop", project: "laptop-photos", peer: /^127\.0\.0\.1:\d+$/, commit: /^[0-9a-f]{64}$/ },
  );
  t.match(
    lines[0]?.find(({ event, token }) => event === "read" && token === "spare"),
    { objects: 2, bytes: Number },
    "the commit and the file were asked for by their ids",
  );

  writeFileSync(
    join(home, "talk"),
    [none, pushed, ...results, revoked, stopped, listed].map((each) => each.stdout + each.stderr).join(""),
  );
  for (const secret of secrets) {
    const found = spawnSync("grep", ["-rlaF", secret.slice(4), home], { encoding: "utf8" });
    t.equal(found.stdout, "", "no file, and nothing that was said, has the secret");
  }
});

t.test("whoever has to wait is told so by commands about the whole store, too", async (t) => {
  const user = new BakUser(t, t.testdir());
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  t.teardown(() => server.close());
  const wait = new BakError("NOT_ALLOWED", "not allowed: too many logins from your address have failed", {
    hint: "try again in 7 s",
  });
  server.on("connection", (socket) => {
    socket.on("message", () => socket.send(encodeMessage(errorMessage(wait, 1))));
  });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const stats = await user.run(["stats", "-s", `ws://127.0.0.1:${port}`]);
  t.match(stats, { code: 12, stderr: /^bak: not allowed: too many logins .*\n {5}try again in 7 s\n$/ });
});

t.test("who insists may serve to anybody, and is warned each time", async (t) => {
  const user = new BakUser(t, t.testdir());
  const serving = await user.serve("store", "0", ["--host", "0.0.0.0", "--insecure"]);
  await serving.until(/^bak: warning: whoever reaches ws:\/\/0\.0\.0\.0:\d+ may do everything/m);
  const { code } = await user.run(["token", "add", "laptop", "-p", "*", "-s", "store"]);
  t.equal(code, 0);
  await serving.until(/token 'laptop' was made\n/);
  const { code: refused } = await user.run(["log", "-s", `ws://127.0.0.1:${serving.port}`, "-p", "x"]);
  t.equal(refused, 12, "from the first token on, nobody else is let in");
  await serving.stop();
});

t.test("what is wrong with a token's making is said", async (t) => {
  const user = new BakUser(t, t.testdir({ other: { file: "" } }));
  mkdirSync(join(user.home, "s"));
  const add = (...args: string[]) => user.run(["token", "add", ...args, "-s", "s"]);
  const [noProject, badRight, badSpan, badName, noStore] = await Promise.all([
    add("a"),
    add("a", "-p", "*", "--may", "push,root"),
    add("a", "-p", "*", "--expires", "999999y"),
    add("a b", "-p", "*"),
    user.run(["token", "list", "-s", "other"]),
  ]);
  t.match(noProject, { code: 2, stderr: /missing flag: --project/ });
  t.match(badRight, { code: 2, stderr: /not a right: 'root'\n.*push, read, delete, admin/ });
  t.match(badSpan, { code: 2, stderr: /a token can't expire in/ });
  t.match(badName, { code: 2, stderr: /not a name for a token: 'a b'/ });
  t.match(noStore, { code: 10, stderr: /no store in/ });
});
