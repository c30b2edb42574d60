/** Several stores behind one server: nobody gets from one to another, nor out of their folder, nor learns which there are. */
import { mkdirSync, readFileSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import t, { type Test } from "tap";
import { Remote } from "../../src/client/remote.js";
import { newTokenSecret } from "../../src/client/new-token.js";
import type { ProjectPattern } from "../../src/objects/project-pattern.js";
import type { TokenName } from "../../src/objects/token-name.js";
import { hashOfSecret } from "../../src/objects/token-secret.js";
import { decodeMessage, encodeMessage } from "../../src/protocol/message-codec.js";
import { dialWebSocket } from "../../src/protocol/websocket-dial.js";
import {
  listenForStores,
  type HouseListener,
  type ListenerEvent,
  type ListenOptions,
} from "../../src/server/listener.js";
import { openStore } from "../../src/store/open-store.js";
import { TokenFile } from "../../src/store/token-file.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { until, within } from "../helpers/deadline.js";
import { handshake, rawFrame, rawSocket } from "../helpers/raw-client.js";
import { hello } from "../helpers/speaker.js";
import { testProject } from "../helpers/small-commit.js";
import { makePack, object } from "../helpers/store-pack.js";

/** A store with one token; gives its secret. */
async function makeStore(folder: string): Promise<string> {
  await (await openStore(folder, { create: true, threads: 0 })).close();
  const secret = newTokenSecret();
  const hash = hashOfSecret(secret).toString("hex") as ObjectId;
  const projects = ["*" as ProjectPattern];
  await new TokenFile(folder).add({
    name: "laptop" as TokenName,
    hash,
    projects,
    rights: ["push", "read"],
    expiresMs: undefined,
    quotaBytes: undefined,
  });
  return secret;
}

type House = HouseListener & { events: (ListenerEvent & { store?: string | undefined })[]; port: string };

async function serveHouse(t: Test, folder: string, options: Partial<ListenOptions> = {}): Promise<House> {
  const events: House["events"] = [];
  const listener = await listenForStores(folder, {
    host: "127.0.0.1",
    port: 0,
    agent: "house/1",
    house: { threads: 0 },
    ...options,
    onEvent: (event, store) => void events.push({ ...event, store }),
  });
  t.teardown(() => listener.close());
  return { ...listener, events, port: new URL(listener.url).port };
}

async function enter(house: House, path: string, token: string | undefined): Promise<Remote> {
  const channel = await dialWebSocket(`${house.url}${path}`);
  return Remote.open(channel, { project: testProject, agent: "t", wantTrees: false, token });
}

/** What a raw client is answered to a hello at a path, which goes out exactly as it stands here. */
async function answerAt(t: Test, house: House, { path, token }: { path: string; token: string | undefined }) {
  const socket = await rawSocket(t, house.port);
  const upgraded = once(socket, "data");
  socket.write(handshake.replace("GET / ", `GET ${path} `));
  const [answer] = (await within(5000, `an upgrade at ${path}`, upgraded)) as [Buffer];
  if (!answer.toString("latin1").startsWith("HTTP/1.1 101 ")) return answer.toString("latin1").split("\r\n")[0];
  const told = once(socket, "data");
  socket.write(rawFrame(encodeMessage({ ...hello, token })));
  const [frame] = (await within(5000, `an answer at ${path}`, told)) as [Buffer];
  socket.destroy();
  const isShort = ((frame[1] ?? 0) & 0x7f) < 126; // what may follow is the close
  const [at, length] = isShort ? [2, frame[1] ?? 0] : [4, frame.readUInt16BE(2)];
  return decodeMessage(frame.subarray(at, at + length));
}

t.test("a token of one store is good for that alone, and nothing tells a store from none", async (t) => {
  const root = t.testdir({ outside: {}, stores: { plain: { file: "x" }, empty: {} } });
  const folder = join(root, "stores");
  const alice = await makeStore(join(folder, "alice"));
  const bob = await makeStore(join(folder, "bob"));
  const outside = await makeStore(join(root, "outside"));
  symlinkSync(join(root, "outside"), join(folder, "link"));
  symlinkSync("alice", join(folder, "alias"));
  await makeStore(join(folder, "odd name"));
  mkdirSync(join(folder, "linked-config"));
  symlinkSync(join(folder, "alice", "config.json"), join(folder, "linked-config", "config.json"));
  writeFileSync(join(folder, "file"), "x");
  const house = await serveHouse(t, folder);
  t.strictSame(await house.names(), ["alice", "bob"]);
  const leftOut = (await house.leftOut()).map(({ name, why }) => `${name}: ${why}`).toSorted();
  t.match(leftOut, [
    /^alias: it is a link/,
    /^link: it is a link/,
    /^linked-config: it is a link/,
    /^odd name: .*letters/,
  ]);
  t.equal(leftOut.length, 4);

  const remote = await enter(house, "/alice", alice);
  const other = await enter(house, "/bob/", bob);
  t.not(remote.store, other.store);
  await Promise.all([remote.close(), other.close()]);
  t.match(
    house.events.filter(({ type }) => type === "opened"),
    [{ store: "alice" }, { store: "bob" }],
  );

  // good logins in between, or whoever tries so often would have to wait
  const paths = [
    "/bob",
    "/none",
    "/",
    "",
    "/alice/..",
    "/alice/../alice",
    "/./alice",
    "/../outside",
    "/..",
    "/.",
    "//alice",
  ];
  const tricks = [
    "/%61lice",
    "/alice%2f..",
    "/alice%00",
    "/%2e%2e/outside",
    "/..%2foutside",
    "/alice/packs",
    "/ALICE",
    "/alice\\..",
    "/link",
    "/alias",
    "/linked-config",
    "/plain",
    "/empty",
    "/file",
    "/.nowhere",
    "/alice;x",
    "/alice//",
  ];
  const refused = await answerAt(t, house, { path: "/bob", token: alice });
  t.match(refused, { type: "error", request: 0, code: "NOT_ALLOWED" });
  for (const path of [...paths, ...tricks]) {
    await (await enter(house, "/alice", alice)).close();
    if (path === "") continue;
    t.strictSame(await answerAt(t, house, { path, token: alice }), refused, path);
    if (/outside|link/.test(path)) t.strictSame(await answerAt(t, house, { path, token: outside }), refused, path);
  }
  t.strictSame(await answerAt(t, house, { path: "/none", token: undefined }), refused);
  t.match(await answerAt(t, house, { path: "/alice?x=/bob", token: alice }), { type: "welcome" });
});

t.test("who tries names has to wait, as who tries tokens does", async (t) => {
  const folder = t.testdir();
  const secret = await makeStore(join(folder, "alice"));
  const house = await serveHouse(t, folder);
  for (let count = 0; count < 6; count += 1) await answerAt(t, house, { path: `/name${count}`, token: secret });
  t.match(await answerAt(t, house, { path: "/alice", token: secret }), {
    code: "NOT_ALLOWED",
    message: /too many logins/,
  });
  t.ok(house.events.some(({ type }) => type === "loginDelayed"));
});

t.test("a store that is made while the server runs is served; one that is not used is let go of", async (t) => {
  const folder = t.testdir();
  const house = await serveHouse(t, folder, { house: { threads: 0, idleMs: 100 } });
  const secret = await makeStore(join(folder, "new"));
  const remote = await enter(house, "/new", secret);
  await t.rejects(openStore(join(folder, "new"), { create: false }), { code: "STORE_LOCKED" });
  await remote.close();
  await until(() => house.events.some(({ type }) => type === "closed"), "the end");
  for (let left = 100; left > 0; left -= 1) {
    const opened = await openStore(join(folder, "new"), { create: false, threads: 0 }).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (opened === undefined) continue;
    const locked = {
      code: "STORE_LOCKED",
      message: "the store is locked by another process",
      hint: /^try again later/,
    };
    await t.rejects(enter(house, "/new", secret), locked, "and says so to who may know");
    await opened.close();
    break;
  }
  await (await enter(house, "/new", secret)).close();
});

t.test("a store is not let go of while somebody is being let in to it", async (t) => {
  const folder = t.testdir();
  const secret = await makeStore(join(folder, "busy"));
  const house = await serveHouse(t, folder, { house: { threads: 0, idleMs: 1 } });
  for (let count = 0; count < 10; count += 1) {
    const remote = await enter(house, "/busy", secret);
    t.strictSame(await remote.projects(), [], "it is open");
    await remote.close();
  }
  const remote = await enter(house, "/busy", secret);
  await new TokenFile(join(folder, "busy")).revoke("laptop" as TokenName);
  await until(() => house.events.some(({ type }) => type === "dismissed"), "tokens are still watched");
  await remote.close();
  await house.close();
  await (await openStore(join(folder, "busy"), { create: false, threads: 0 })).close();
});

t.test("no more stores are open than may be: one that is in use is not closed for another", async (t) => {
  const folder = t.testdir();
  const secrets = new Map<string, string>();
  for (const name of ["a", "b", "c"]) secrets.set(name, await makeStore(join(folder, name)));
  const house = await serveHouse(t, folder, { house: { threads: 0, maxOpen: 2 } });
  const go = (name: string): Promise<Remote> => enter(house, `/${name}`, secrets.get(name));
  const [a, b] = [await go("a"), await go("b")];
  await t.rejects(go("c"), { code: "LIMIT", message: /stores are in use/ });
  t.strictSame(await a.projects(), []);
  await b.close();
  await until(() => house.events.some(({ type, store }) => type === "closed" && store === "b"), "the end");
  const c = await go("c");
  t.strictSame(await a.projects(), []);
  await Promise.all([a.close(), c.close()]);
});

t.test(
  "a store without tokens lets in nobody from elsewhere; a folder that is a store, or none, is no folder of stores",
  async (t) => {
    const folder = t.testdir();
    await (await openStore(join(folder, "open"), { create: true, threads: 0 })).close();
    const local = await serveHouse(t, folder);
    await (await enter(local, "/open", undefined)).close();
    const wide = await serveHouse(t, folder, { host: "0.0.0.0" });
    await t.rejects(enter(wide, "/open", undefined), { code: "NOT_ALLOWED" });
    await t.rejects(serveHouse(t, join(folder, "open")), { code: "NO_STORE", message: /is a store itself/ });
    await t.rejects(serveHouse(t, join(folder, "none")), { code: "NO_STORE", message: /no folder/ });
  },
);

/** A store with a token and a pack; both are so old that the pack is to be read again. */
async function makeOldStore(folder: string): Promise<{ token: string; pack: string }> {
  const token = await makeStore(folder);
  const store = await openStore(folder, { create: false, threads: 0 });
  const pack = await makePack([object("blob", folder)]);
  const receiver = store.receivePack();
  for (const member of pack.members) await receiver.add(member);
  await receiver.finish(pack.id);
  await store.close();
  const path = join(folder, "packs", pack.id.slice(0, 2), `${pack.id}.tar.gz`);
  utimesSync(path, 0, 0);
  return { token, pack: path };
}

t.test("what is damaged in each is found without anybody asking, one store after the other", async (t) => {
  const folder = t.testdir();
  const whole = await makeOldStore(join(folder, "a"));
  const bad = await makeOldStore(join(folder, "b"));
  const locked = await makeOldStore(join(folder, "c"));
  await makeStore(join(folder, "d"));
  const bytes = readFileSync(bad.pack);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
  writeFileSync(bad.pack, bytes);
  utimesSync(bad.pack, 0, 0);
  const holder = await openStore(join(folder, "c"), { create: false, threads: 0 });
  t.teardown(() => holder.close());

  const house = await serveHouse(t, folder, { scrub: { bytesPerSecond: 1e9 }, house: { threads: 0, maxOpen: 1 } });
  const told = (store: string) => house.events.filter((event) => event.store === store && event.type !== "locked");
  const remote = await enter(house, "/b", bad.token); // which is the one that may be open beside the one that is read
  t.strictSame(await remote.projects(), [], "who comes is served meanwhile");
  await until(() => told("c").length > 0, "the scrub of three");
  t.match(told("a"), [{ type: "scrubbed", packs: 1, bytes: statSync(whole.pack).size, damaged: 0 }]);
  t.match(
    told("b").filter(({ type }) => type === "packDamaged" || type === "scrubbed"),
    [
      { type: "packDamaged", path: bad.pack, why: /./ },
      { type: "scrubbed", packs: 1, damaged: 1 },
    ],
  );
  t.match(told("c"), [{ type: "scrubFailed", error: { code: "STORE_LOCKED" } }], locked.pack);
  t.strictSame(told("d"), [], "where nothing is due, nothing is told");
  await remote.close();
  await house.close();
  for (const name of ["a", "b", "d"]) {
    const opened = await openStore(join(folder, name), { create: false, threads: 0 });
    t.strictSame(await opened.packsToVerify(Date.now() - 1000 * 3600), [], "what was read is not due again");
    await opened.close();
  }
});

t.test("a store that is being read again is let go of when the server stops, in the middle of a pack", async (t) => {
  const folder = t.testdir();
  await makeOldStore(join(folder, "a"));
  const lock = join(folder, "a", "lock");
  truncateSync(lock); // whoever has it writes into it
  const house = await serveHouse(t, folder, { scrub: { bytesPerSecond: 1 } }); // which is at least half an hour
  await until(() => statSync(lock).size > 0, "the lock");
  await within(5000, "the end", house.close());
  await (await openStore(join(folder, "a"), { create: false, threads: 0 })).close();
  t.strictSame(
    house.events.filter(({ type }) => type === "scrubFailed" || type === "scrubbed"),
    [],
  );
});

t.test("the server tells why a store cannot be opened for somebody who has a token", async (t) => {
  const folder = t.testdir({});
  const token = await makeStore(join(folder, "alice"));
  const house = await serveHouse(t, folder);
  writeFileSync(join(folder, "alice", "config.json"), "{");
  await t.rejects(enter(house, "/alice", token), { code: "STORE_DAMAGED", message: /^damaged store: 'config\.json' / });
  await t.rejects(enter(house, "/none", token), { code: "NOT_ALLOWED" });
  t.match(
    house.events.filter(({ type }) => type === "storeFailed" || type === "loginRefused"),
    [
      {
        type: "storeFailed",
        store: "alice",
        error: { code: "STORE_DAMAGED", message: new RegExp(`'${folder}/alice/`) },
      },
      { type: "loginRefused", store: undefined, why: /names no store/ },
    ],
  );
});
