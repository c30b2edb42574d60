/** The file of tokens, changed by several processes, and by some that die over it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { parseTokenName } from "../../src/objects/token-name.js";
import { openStore } from "../../src/store/open-store.js";
import { TokenFile } from "../../src/store/token-file.js";
import { formatTokenUses, parseTokenUses } from "../../src/store/token-uses.js";
import { makeToken } from "../helpers/make-token.js";

const adder = fileURLToPath(new URL("../helpers/token-adder.js", import.meta.url));

function startAdder(t: Test, ...args: string[]) {
  const child = spawn(process.execPath, [...process.execArgv, adder, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  return { child, ended: once(child, "exit"), lines: createInterface(child.stdout) };
}

const namesIn = async (folder: string): Promise<string[]> =>
  ((await new TokenFile(folder).read()) ?? []).map(({ name }) => name);

t.test("tokens are made, read and revoked while the store has an owner", async (t) => {
  const folder = t.testdir();
  const store = await openStore(folder, { create: true, threads: 0 });
  t.teardown(() => store.close());
  const file = new TokenFile(folder);
  t.equal(await file.read(), undefined, "nobody has ever made one");
  t.equal(await file.stamp(), undefined);
  const secret = await makeToken(folder, "laptop", { projects: ["laptop-*"], rights: ["read"], expiresMs: 4e12 });
  const text = readFileSync(file.path, "latin1");
  t.notOk(text.includes(secret) || text.includes(secret.slice(4)));
  t.equal(statSync(file.path).mode & 0o777, 0o600);
  t.match(await file.read(), [{ name: "laptop", projects: ["laptop-*"], rights: ["read"], expiresMs: 4e12 }]);
  const stamp = await file.stamp();
  await t.rejects(makeToken(folder, "laptop"), { code: "TOKEN_EXISTS" });
  await t.rejects(makeToken(folder, "late", { expiresMs: 8.64e15 }), { code: "USAGE" });
  await t.rejects(file.revoke(parseTokenName("other")), { code: "NO_TOKEN" });
  t.equal(await file.stamp(), stamp, "what is refused changes nothing");
  t.match(await file.revoke(parseTokenName("laptop")), { token: { name: "laptop" }, left: 0 });
  t.not(await file.stamp(), stamp);
  t.strictSame(await file.read(), [], "which is not the same as none ever");
  t.strictSame(readdirSync(join(folder, "incoming")), []);
});

t.test("processes that make tokens at the same time lose none", async (t) => {
  const folder = t.testdir();
  await (await openStore(folder, { create: true, threads: 0 })).close();
  const adders = ["a", "b"].map((prefix) => startAdder(t, folder, prefix, "20"));
  for (let index = 0; index < 20; index += 1) await makeToken(folder, `c${index}`);
  for (const { ended } of adders) t.strictSame(await ended, [0, null]);
  const names = await namesIn(folder);
  t.equal(names.length, 60);
  t.equal(new Set(names).size, 60);
});

t.test("who is killed while making one leaves nothing in the way, and the file whole", async (t) => {
  const folder = t.testdir();
  await (await openStore(folder, { create: true, threads: 0 })).close();
  let known = 0;
  for (let round = 0; round < 4; round += 1) {
    const { child, ended, lines } = startAdder(t, folder, `r${round}-`);
    let seen = 0;
    for await (const _ of lines) if ((seen += 1) === 3 + round * 2) child.kill("SIGKILL");
    await ended;
    const names = await namesIn(folder);
    t.ok(names.length >= known + seen, `${names.length} after ${seen} more than ${known}`);
    const startMs = performance.now();
    await makeToken(folder, `after-${round}`);
    t.ok(performance.now() - startMs < 2000, "at once");
    known = names.length + 1;
  }
  const store = await openStore(folder, { create: false, threads: 0 });
  t.strictSame(readdirSync(join(folder, "incoming")), [], "what was half written goes when the store is opened");
  await store.close();
});

t.test("a folder that is no store has no tokens", async (t) => {
  const folder = t.testdir();
  await t.rejects(new TokenFile(folder).assertStore(), { code: "NO_STORE" });
  await t.rejects(new TokenFile(join(folder, "missing")).assertStore(), { code: "NO_STORE" });
});

t.test("a file that can't be read is no missing one", async (t) => {
  const folder = t.testdir();
  mkdirSync(join(folder, "tokens.json"));
  await t.rejects(new TokenFile(folder).read(), { code: "STORE_FAILED" });
  writeFileSync(join(folder, "token-uses.json"), "half of");
  t.equal((await new TokenFile(folder).readUses()).size, 0);
});

t.test("uses of tokens are read as far as they are sound", (t) => {
  const id = "Uakgb_J5m9g-0JDMbcJqL";
  const uses = new Map([[id, { atMs: 1_700_000_000_000, from: "2001:db8::7" }]]);
  t.strictSame(parseTokenUses(formatTokenUses(uses)), uses);
  for (const text of [
    "",
    "null",
    "[]",
    '{"version":2,"uses":{}}',
    '{"version":1,"uses":7}',
    '{"version":1,"uses":{"x":null}}',
  ])
    t.equal(parseTokenUses(text).size, 0, text);
  const hostile = { [id]: { at: "2026-11-02T08:30:00.000Z", from: "\u001b[2J" } };
  t.equal(parseTokenUses(JSON.stringify({ version: 1, uses: hostile })).size, 0);
  t.end();
});
