/** The gate of a store, as its file of tokens changes under it. */
import { rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { parseProjectId } from "../../src/objects/project-id.js";
import { parseTokenName } from "../../src/objects/token-name.js";
import { Gate, type GateEvent, type GateOptions } from "../../src/server/gate.js";
import { openStore } from "../../src/store/open-store.js";
import { TokenFile } from "../../src/store/token-file.js";
import { until } from "../helpers/deadline.js";
import { makeToken } from "../helpers/make-token.js";

const project = parseProjectId("laptop-docs");
const peer = "192.0.2.1:5000";

async function openGate(t: Test, folder: string, options: Partial<GateOptions> = {}) {
  const events: GateEvent[] = [];
  const gate = await Gate.open(folder, { mayBeOpen: true, onEvent: (event) => void events.push(event), ...options });
  t.teardown(() => gate.close());
  return { gate, events };
}

async function newStore(t: Test): Promise<string> {
  const folder = t.testdir();
  await (await openStore(folder, { create: true, threads: 0 })).close();
  return folder;
}

t.test("without tokens it is open, where that may be, and else closed", async (t) => {
  const folder = await newStore(t);
  const { gate: open } = await openGate(t, folder);
  const access = await open.authorize({ project, token: undefined }, peer);
  t.match(access, { name: undefined, seesAll: true });
  t.ok(access.may("admin") && access.may("delete") && access.sees(project));
  const { gate: closed, events } = await openGate(t, folder, { mayBeOpen: false });
  await t.rejects(closed.authorize({ project, token: undefined }, peer), { code: "NOT_ALLOWED" });
  t.match(events, [{ type: "locked", why: /there are no tokens/ }, { type: "loginRefused" }]);
});

t.test("an access is to what the token is for, and no more", async (t) => {
  const folder = await newStore(t);
  const token = await makeToken(folder, "laptop", { projects: ["laptop-*", "notes"], rights: ["push"] });
  const all = await makeToken(folder, "all", { projects: ["*"], rights: ["admin"] });
  const { gate } = await openGate(t, folder);
  const access = await gate.authorize({ project, token }, peer);
  t.match(access, { name: "laptop", seesAll: false });
  t.strictSame(
    ["push", "read", "delete", "admin"].map((right) => access.may(right as "push")),
    [true, false, false, false],
  );
  t.strictSame(
    ["laptop-docs", "notes", "notes2", "desktop"].map((id) => access.sees(parseProjectId(id))),
    [true, true, false, false],
  );
  t.match(await gate.authorize({ project, token: all }, peer), { seesAll: true });
});

t.test("who has a token is told what it is good for, and is let in to nothing by that", async (t) => {
  const folder = await newStore(t);
  const { gate: open } = await openGate(t, folder);
  t.equal(await open.tryToken("whatever", peer), undefined, "no token is asked for");
  const wish = { projects: ["desktop"], rights: ["push" as const], quotaBytes: 500, expiresMs: Date.now() + 60_000 };
  const token = await makeToken(folder, "desktop", wish);
  const expired = await makeToken(folder, "old", { expiresMs: Date.now() - 1 });
  const { gate, events } = await openGate(t, folder);
  const told = await gate.tryToken(token, peer);
  t.match(told, { name: "desktop", ...wish, use: undefined });
  t.notOk("hash" in (told ?? {}));
  t.match(await gate.list(), [{ name: "desktop", use: { from: "192.0.2.1" } }, { name: "old" }]);
  for (const wrong of [undefined, "", "bak_x", expired]) {
    await t.rejects(gate.tryToken(wrong, "192.0.2.9:1"), { code: "NOT_ALLOWED", message: /one of its tokens/ });
  }
  t.match(events, [
    { type: "tokenTried", token: "desktop" },
    ...["no token", "unknown token", "unknown token", "expired token"].map((why) => ({ type: "loginRefused", why })),
  ]);
  await t.rejects(gate.authorize({ project, token }, "192.0.2.9:1"), { message: /good for the project/ });
  await t.rejects(gate.tryToken(token, "192.0.2.9:1"), { message: /too many logins/ }, "all failures count together");
});

t.test("a change is seen without notification of the system's, within the time of a poll", async (t) => {
  const folder = await newStore(t);
  const token = await makeToken(folder, "laptop");
  const { gate, events } = await openGate(t, folder, { pollMs: 20 });
  const access = await gate.authorize({ project, token }, peer);
  let isRevoked = false;
  access.revoked.addEventListener("abort", () => (isRevoked = true));
  await new TokenFile(folder).revoke(parseTokenName("laptop"));
  await until(() => isRevoked, "the revocation");
  t.notOk(access.may("push"));
  t.match(events.slice(-2), [
    { type: "tokenRevoked", name: "laptop" },
    { type: "locked", why: "all tokens were revoked" },
  ]);
  await makeToken(folder, "next");
  await until(() => events.at(-1)?.type === "unlocked", "the next");
  access.release();
});

t.test("a file that is gone does not open what had tokens, until somebody starts it again", async (t) => {
  const folder = await newStore(t);
  const token = await makeToken(folder, "laptop");
  const { gate } = await openGate(t, folder);
  unlinkSync(join(folder, "tokens.json"));
  await t.rejects(gate.authorize({ project, token }, peer), { code: "NOT_ALLOWED" });
  await t.rejects(gate.authorize({ project, token: undefined }, "192.0.2.2:1"), { code: "NOT_ALLOWED" });
  const { gate: again } = await openGate(t, folder);
  t.ok(again.isOpen);
});

t.test("when tokens were used is kept for the next who serves, and says nothing of those that are gone", async (t) => {
  const folder = await newStore(t);
  const token = await makeToken(folder, "laptop");
  const gone = await makeToken(folder, "gone");
  const { gate } = await openGate(t, folder);
  await gate.authorize({ project, token }, "[2001:db8::7]:5000");
  await gate.authorize({ project, token: gone }, peer);
  await gate.revoke(parseTokenName("gone"), { token: undefined, peer });
  t.match(await gate.list(), [{ name: "laptop", use: { from: "2001:db8::7" } }]);
  await gate.close();
  t.equal(statSync(join(folder, "token-uses.json")).mode & 0o777, 0o600);
  t.equal((await new TokenFile(folder).readUses()).size, 1);
  const { gate: next } = await openGate(t, folder);
  t.match(await next.list(), [{ name: "laptop", use: { from: "2001:db8::7", atMs: Number } }]);
  t.notOk("hash" in ((await next.list())[0] ?? {}));
});

t.test("uses that can't be written down are told of, and close nothing", async (t) => {
  const folder = await newStore(t);
  const token = await makeToken(folder, "laptop");
  const { gate, events } = await openGate(t, folder);
  await gate.authorize({ project, token }, peer);
  rmSync(join(folder, "incoming"), { recursive: true });
  writeFileSync(join(folder, "incoming"), "");
  await gate.close();
  t.match(events.at(-1), { type: "usesNotKept", error: { code: "STORE_FAILED" } });
});
