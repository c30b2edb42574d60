/** Who has no token, the wrong one, or one without the right gets nothing: tried over real sockets, without bak's client. */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { pack, unpack } from "msgpackr";
import t, { type Test } from "tap";
import { objectIdBytes } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import { parseProjectPatterns } from "../../src/objects/project-pattern.js";
import type { Right } from "../../src/objects/rights.js";
import { parseTokenName } from "../../src/objects/token-name.js";
import { openMemoryChannel } from "../../src/protocol/memory-channel.js";
import type { RequestType } from "../../src/protocol/messages.js";
import { serveSession, type SessionEvent } from "../../src/server/session.js";
import { LiveAccess } from "../../src/server/token-access.js";
import { openStore } from "../../src/store/open-store.js";
import type { Token } from "../../src/store/tokens.js";
import { TokenFile } from "../../src/store/token-file.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { until, within } from "../helpers/deadline.js";
import { codeOf, RawConversation, said, type RawMessage } from "../helpers/raw-conversation.js";
import { oneFile } from "../helpers/small-commit.js";
import { serveStore, type Served } from "../helpers/served-store.js";
import { makePack, object, sendObjects } from "../helpers/store-pack.js";
import { makeToken } from "../helpers/make-token.js";

const docs = parseProjectId("laptop-docs");
const others = parseProjectId("desktop-taxes");
const mine = oneFile("what the laptop keeps", { project: docs });
const theirs = oneFile("what nobody else may see", { project: others });

/** A store in which two projects have a commit each. */
async function serveBoth(t: Test): Promise<Served> {
  const served = await serveStore(t, t.testdir());
  for (const { made, project } of [
    { made: mine, project: docs },
    { made: theirs, project: others },
  ]) {
    await sendObjects(served.store, [made.blob]);
    await sendObjects(served.store, [made.tree, made.commit]);
    await served.store.appendCommit(project, made.commit.id, undefined);
  }
  return served;
}

const nobody = randomBytes(32);

/** A message of each type that asks for something, such as it has to be; of things that are not there, as far as it can be. */
const oneOfEach = {
  hello: [1, 3, 2, "evil/1", "laptop-docs", null, null, false, "gzip zstd"],
  has: [3, 3, nobody],
  get: [5, 3, nobody],
  trees: [6, 3, nobody, null],
  packBegin: [7, 3],
  packMember: [8, 3, Buffer.from([1])],
  packEnd: [9, 3, nobody],
  commit: [11, 3, nobody, null],
  log: [13, 3, 0, 10],
  projects: [15, 3],
  forget: [19, 3, nobody, false],
  forgottenLog: [21, 3, 0, 10],
  collect: [23, 3, 1_000_000_000, true],
  check: [25, 3, 0, false],
  stats: [28, 3],
  measure: [32, 3, 5],
  replace: [30, 3, nobody, nobody],
  tokenAdd: [40, 3, "backdoor", nobody, "*", "push read delete admin", null, null],
  tokenList: [42, 3],
  tokenRevoke: [44, 3, "nobody"],
  tokenTry: [46, 3, null],
} as const satisfies Record<RequestType, RawMessage>;

/** A connection to the server, from an address of this machine's. */
function connect(t: Test, { port }: Served, from?: string): Promise<RawConversation> {
  return RawConversation.connect(t, `ws://127.0.0.1:${port}`, from);
}

/** Somebody who has been let in. */
async function enter(t: Test, served: Served, project: string, token: string | null): Promise<RawConversation> {
  const attacker = await connect(t, served);
  const welcome = await attacker.hello(project, token);
  t.equal(welcome?.[0], said.welcome, JSON.stringify(welcome));
  return attacker;
}

t.test(
  "nobody learns anything without a token that is good for the project: not even whether there is one",
  async (t) => {
    const served = await serveBoth(t);
    await makeToken(served.folder, "laptop", { projects: ["laptop-*"] });
    const expired = await makeToken(served.folder, "old", { projects: ["*"], expiresMs: Date.now() - 1 });
    const revoked = await makeToken(served.folder, "gone");
    const desktop = await makeToken(served.folder, "desktop", { projects: ["desktop-*"] });
    const admin = await makeToken(served.folder, "admin", { projects: ["desktop-*"], rights: ["admin"] });
    await new TokenFile(served.folder).revoke(parseTokenName("gone"));
    const tokens = [null, "", "x", `bak_${"0".repeat(32)}`, "x".repeat(1024), expired, revoked, desktop, admin];
    const answers = new Set<string>();
    let from = 10;
    for (const token of tokens) {
      for (const project of [docs, "laptop-unheard-of"]) {
        for (const version of [2, 99]) {
          const attacker = await connect(t, served, `127.0.0.${(from += 1)}`);
          attacker.say([1, 1, version, "evil/1", project, token, null, true, "gzip"]);
          attacker.say([15, 3]);
          attacker.say([13, 5, 0, 10]);
          const bytes = await attacker.hearBytes();
          answers.add(bytes?.toString("hex") ?? "nothing");
          t.strictSame(await attacker.hearAll(), [], "and nothing more");
        }
      }
    }
    t.equal(answers.size, 1, "the bytes of all answers are the same");
    const attacker = await connect(t, served, "127.0.0.9");
    t.match(await attacker.hello(docs), [said.error, 0, "NOT_ALLOWED"]);
    t.notOk(served.events.some(({ type }) => type === "opened"));
  },
);

t.test("before hello, nothing is answered but that", async (t) => {
  const served = await serveBoth(t);
  await makeToken(served.folder, "laptop");
  for (const [type, frame] of Object.entries(oneOfEach)) {
    if (type === "hello" || type === "tokenTry") continue;
    const attacker = await connect(t, served);
    t.match(await attacker.tell(frame), [said.error, 3, "PROTOCOL", "the first message must be hello"], type);
    attacker.close();
  }
});

t.test("a token can be tried before hello, and who has none learns nothing by that", async (t) => {
  const served = await serveBoth(t);
  const projects = Array.from({ length: 64 }, (_, at) => `${String(at).padStart(3, "0")}${"x".repeat(125)}`);
  const secret = await makeToken(served.folder, "x".repeat(64), {
    projects,
    rights: ["push", "read", "delete", "admin"],
  });
  const expired = await makeToken(served.folder, "old", { expiresMs: Date.now() - 1 });
  const attacker = await connect(t, served);
  const told = await attacker.tell([46, 1, secret]);
  t.match(told, [47, 1, new RegExp(`^x{64} \\S{21} ${projects.join(",")} push,read,delete,admin \\d+ - - - -$`)]);
  attacker.say([1, 3, 2, "evil/1", projects[0], secret, null, false, "gzip"]);
  t.equal((await attacker.hear())?.[0], said.welcome, "hello may follow");
  t.match(await attacker.tell([46, 5, secret]), [said.error, 5, "PROTOCOL"], "and not precede");
  const answers = new Set<string>();
  for (const [at, token] of [null, "", "x", `bak_${"0".repeat(32)}`, expired].entries()) {
    const stranger = await connect(t, served, `127.0.1.${at + 1}`);
    stranger.say([46, 1, token]);
    stranger.say([15, 3]);
    answers.add((await stranger.hearBytes())?.toString("hex") ?? "nothing");
    t.strictSame(await stranger.hearAll(), [], "and nothing more");
  }
  t.equal(answers.size, 1, "the bytes of all answers are the same");
  const eager = await connect(t, served, "127.0.2.1");
  for (let request = 1; request < 6000 && !eager.isClosed; request += 2) eager.say([46, request, secret]);
  await eager.hearAll();
  t.ok(eager.isClosed, "who goes on without hello is sent away");
});

/** docs/protocol.md, once more. */
const needed: Record<RequestType, readonly Right[]> = {
  hello: ["push", "read", "delete", "admin"],
  projects: ["push", "read", "delete", "admin"],
  has: ["push"],
  packBegin: ["push"],
  packMember: ["push"],
  packEnd: ["push"],
  commit: ["push"],
  get: ["push", "read"],
  trees: ["push", "read"],
  log: ["push", "read"],
  forget: ["delete"],
  replace: ["delete"],
  forgottenLog: ["read", "delete"],
  collect: ["admin"],
  check: ["admin"],
  stats: ["admin"],
  measure: ["admin"],
  tokenAdd: ["admin"],
  tokenList: ["admin"],
  tokenRevoke: ["admin"],
  tokenTry: ["push", "read", "delete", "admin"],
};

t.test("each request needs its right, and no right stands for another", async (t) => {
  for (const right of ["push", "read", "delete", "admin"] as const) {
    const served = await serveBoth(t);
    const secret = await makeToken(served.folder, `only-${right}`, { projects: ["laptop-*"], rights: [right] });
    for (const [type, frame] of Object.entries(oneOfEach) as [RequestType, RawMessage][]) {
      const attacker = await enter(t, served, docs, secret);
      const answer = type === "packBegin" ? await begin(attacker) : await attacker.tell(frame);
      if (needed[type].includes(right)) t.not(codeOf(answer), "NOT_ALLOWED", `${right}: ${type}`);
      else t.match(answer, [said.error, 3, "NOT_ALLOWED", /only-/], `${right}: ${type}`);
      attacker.close();
    }
    const tokens = await new TokenFile(served.folder).read();
    t.same(
      tokens?.map(({ name }) => name),
      right === "admin" ? ["only-admin", "backdoor"] : [`only-${right}`],
    );
    t.same((await served.store.readLog(docs)).length, 1);
    await served.close();
  }
});

/** What is answered to the beginning of an upload is nothing, unless it is refused. */
async function begin(attacker: RawConversation): Promise<RawMessage | undefined> {
  attacker.say(oneOfEach.packBegin);
  return attacker.tell([15, 5]);
}

t.test("hello gives no trees to who may not have them", async (t) => {
  const served = await serveBoth(t);
  for (const right of ["delete", "admin"] as const) {
    const attacker = await connect(t, served);
    const token = await makeToken(served.folder, right, { rights: [right] });
    t.match(await attacker.hello(docs, token, { wantTrees: true }), [
      said.error,
      1,
      "NOT_ALLOWED",
      /no right 'read' or 'push'/,
    ]);
    t.match(await attacker.tell([15, 3]), [said.error, 3, "PROTOCOL"], "and is not said");
  }
});

t.test("a laptop's token cannot destroy its own history, nor see that of others", async (t) => {
  const served = await serveBoth(t);
  const secret = await makeToken(served.folder, "laptop", { projects: ["laptop-*"] });
  const attacker = await enter(t, served, docs, secret);
  t.match(await attacker.tell([15, 3]), [16, 3, "laptop-docs"]);
  t.equal(codeOf(await attacker.tell([19, 5, objectIdBytes(mine.commit.id), false])), "NOT_ALLOWED");
  t.equal(codeOf(await attacker.tell([23, 7, 0, false])), "NOT_ALLOWED");
  const emptier = oneFile("nothing", { project: docs, tags: ["x"] });
  t.equal(
    codeOf(await attacker.tell([30, 9, objectIdBytes(mine.commit.id), objectIdBytes(emptier.commit.id)])),
    "NOT_ALLOWED",
  );
  t.equal(codeOf(await attacker.tell([1, 11, 2, "evil/1", others, secret, null, false, "gzip"])), "PROTOCOL");
  t.same(await served.store.head(docs), mine.commit.id);
  t.equal(served.events.filter(({ type }) => type === "requestRefused").length, 3);
});

t.test("who may push and not read gets trees, and no content of files by any way", async (t) => {
  const served = await serveBoth(t);
  const secret = await makeToken(served.folder, "writer", { projects: ["laptop-*"], rights: ["push"] });
  // a member in which a tree lies beside a blob, as no client of bak's makes it
  const mixed = oneFile("hidden beside a tree", { project: docs });
  await sendObjects(served.store, [mixed.blob, mixed.tree], docs);
  const attacker = await enter(t, served, docs, secret);
  t.match(await attacker.tell([5, 3, objectIdBytes(mine.blob.id)]), [17, 3, "NOT_ALLOWED"]);
  t.match(
    await attacker.tell([5, 5, Buffer.concat([mine.tree, mine.blob].map(({ id }) => objectIdBytes(id)))]),
    [17, 5, "NOT_ALLOWED"],
    "nor among others",
  );
  for (const [request, frame] of [
    [7, [5, 7, objectIdBytes(mixed.tree.id)]],
    [9, [6, 9, objectIdBytes(mixed.tree.id), null]],
  ] as const) {
    t.same(await attacker.tell(frame), [7, request]);
    const [number, , member] = (await attacker.hear()) as [number, number, Buffer];
    t.equal(number, said.packMember);
    const tar = gunzipSync(member).toString("latin1");
    t.ok(tar.includes(`tree/${mixed.tree.id}`));
    t.notOk(tar.includes("hidden beside a tree"));
    t.match(await attacker.hear(), [said.packEnd, request]);
  }
  await makeToken(served.folder, "reader", { projects: ["laptop-*"], rights: ["read"] });
});

t.test(
  "a session ends when its token is revoked, in the folder or over the network, and so does its upload",
  async (t) => {
    const served = await serveBoth(t);
    const admin = await enter(t, served, docs, await makeToken(served.folder, "me", { rights: ["admin"] }));
    for (const way of ["folder", "network"]) {
      const name = `laptop-${way}`;
      const secret = await makeToken(served.folder, name);
      const attacker = await enter(t, served, docs, secret);
      const idle = await enter(t, served, docs, secret);
      const { members, id } = await makePack([oneFile(`sent ${way}`, { project: docs }).blob]);
      attacker.say([7, 3]);
      for (const member of members) attacker.say([8, 3, member]);
      t.equal((await attacker.tell([15, 5]))?.[0], 16, "it is in the middle of it");
      if (way === "folder") await new TokenFile(served.folder).revoke(parseTokenName(name));
      else t.match(await admin.tell([44, 3, name]), [45, 3]);
      attacker.say([9, 3, objectIdBytes(id)]);
      attacker.say([11, 7, objectIdBytes(mine.commit.id), null]);
      for (const each of [attacker, idle]) {
        const last = await each.hearAll();
        t.match(last[0], [17, 0, "NOT_ALLOWED", `not allowed any more: token '${name}' was revoked`]);
        t.ok(last.every((frame) => codeOf(frame) === "NOT_ALLOWED"));
      }
      const again = await connect(t, served);
      t.match(await again.hello(docs, secret), [17, 0, "NOT_ALLOWED"]);
    }
    const dismissed = served.events.filter(({ type }) => type === "dismissed");
    t.equal(dismissed.length, 4);
    t.match(
      served.events.filter(({ type }) => type === "tokenRevoked"),
      [{ name: "laptop-folder" }, { name: "laptop-network", by: { token: "me" } }],
    );
    t.notOk("by" in (served.events.find(({ type }) => type === "tokenRevoked") ?? {}));
  },
);

t.test("who is sent away and does not listen is cut off all the same, and is not listened to meanwhile", async (t) => {
  const served = await serveBoth(t);
  const big = oneFile("x".repeat(4 << 20), { project: docs });
  await sendObjects(served.store, [big.blob]);
  const secret = await makeToken(served.folder, "laptop", { rights: ["push", "read", "delete"] });
  const attacker = await enter(t, served, docs, secret);
  attacker.deafen();
  for (let request = 3; request < 2003; request += 2) attacker.say([5, request, objectIdBytes(big.blob.id)]);
  attacker.say([19, 2005, objectIdBytes(mine.commit.id), false]);
  await new TokenFile(served.folder).revoke(parseTokenName("laptop"));
  await until(() => served.events.some(({ type }) => type === "closed" || type === "failed"), "the end", 15_000);
  t.same(await served.store.head(docs), mine.commit.id);
});

t.test("a token ends a session when it expires", async (t) => {
  const served = await serveBoth(t);
  const secret = await makeToken(served.folder, "short", { expiresMs: Date.now() + 1500 });
  const attacker = await enter(t, served, docs, secret);
  t.match(await within(10_000, "the end", attacker.hearAll()), [[17, 0, "NOT_ALLOWED", /'short' has expired/]]);
});

t.test("a token whose rights are taken away by hand ends its sessions; one that gets more goes on", async (t) => {
  const served = await serveBoth(t);
  const secret = await makeToken(served.folder, "laptop", { rights: ["push", "read"] });
  const other = await makeToken(served.folder, "other", { rights: ["read"] });
  const attacker = await enter(t, served, docs, secret);
  const honest = await enter(t, served, docs, other);
  const path = join(served.folder, "tokens.json");
  const content = JSON.parse(readFileSync(path, "utf8")) as { check?: string; tokens: { rights: string[] }[] };
  delete content.check;
  content.tokens[0]!.rights = ["read"];
  content.tokens[1]!.rights = ["read", "push"];
  writeFileSync(path, JSON.stringify(content));
  t.match(await within(10_000, "the end", attacker.hearAll()), [[17, 0, "NOT_ALLOWED"]]);
  t.equal((await honest.tell([13, 3, 0, 10]))?.[0], 14);
});

t.test("who guesses has to wait, whatever he then says; nobody else has to", async (t) => {
  const served = await serveBoth(t);
  const secret = await makeToken(served.folder, "laptop");
  const tryFrom = async (from: string, token: string): Promise<RawMessage | undefined> => {
    const attacker = await connect(t, served, from);
    const answer = await attacker.hello(docs, token);
    attacker.close();
    return answer;
  };
  for (let count = 0; count < 5; count += 1) {
    t.match(await tryFrom("127.0.0.7", `guess ${count}`), [17, 0, "NOT_ALLOWED", /asks for a token/]);
  }
  const startMs = performance.now();
  const refused = await tryFrom("127.0.0.7", "one more");
  t.match(refused, [17, 0, "NOT_ALLOWED", /too many logins/, /try again in 1 s/]);
  t.same(await tryFrom("127.0.0.7", secret), refused, "the right one is not looked at either");
  t.equal((await tryFrom("127.0.0.8", secret))?.[0], said.welcome);
  let answer = refused;
  while (codeOf(answer) === "NOT_ALLOWED") answer = await tryFrom("127.0.0.7", secret);
  t.equal(answer?.[0], said.welcome);
  t.ok(performance.now() - startMs > 800, "after a second");
  t.match(await tryFrom("127.0.0.7", "x"), [17, 0, "NOT_ALLOWED", /asks for a token/], "it begins anew");
  t.equal(served.events.filter(({ type }) => type === "loginDelayed").length, 1, "told once");
  t.equal(served.events.filter(({ type }) => type === "loginRefused").length, 6);
});

t.test("many at once are counted one by one", async (t) => {
  const served = await serveBoth(t);
  await makeToken(served.folder, "laptop");
  const attackers = await Promise.all(Array.from({ length: 30 }, () => connect(t, served)));
  const answers = await Promise.all(attackers.map((attacker) => attacker.hello(docs, "guess")));
  t.equal(answers.filter((answer) => /asks for a token/.test(String(answer?.[3]))).length, 5);
});

t.test("where tokens.json is damaged, unreadable or gone, nobody is let in, and who is in is sent away", async (t) => {
  const served = await serveBoth(t);
  const secret = await makeToken(served.folder, "laptop");
  const path = join(served.folder, "tokens.json");
  const good = readFileSync(path);
  const flipped = Buffer.from(good);
  flipped[good.indexOf("push")]! ^= 1;
  const damages: Record<string, Buffer | undefined> = {
    flipped,
    "cut off": good.subarray(0, 100),
    empty: Buffer.alloc(0),
    "of a later version": Buffer.from('{"version": 2, "tokens": []}\n'),
    "too long": Buffer.alloc(2 << 20, " "),
    "without tokens": Buffer.from('{"version": 1, "tokens": []}\n'),
    gone: undefined,
  };
  let from = 20;
  for (const [what, damage] of Object.entries(damages)) {
    const live = await enter(t, served, docs, secret);
    if (damage === undefined) rmSync(path);
    else writeFileSync(path, damage);
    const attacker = await connect(t, served, `127.0.0.${(from += 1)}`);
    t.match(await attacker.hello(docs, secret), [17, 0, "NOT_ALLOWED", /asks for a token/], what);
    t.match((await live.hearAll()).at(-1), [17, 0, "NOT_ALLOWED"], what);
    const stranger = await connect(t, served, `127.0.0.${(from += 1)}`);
    t.match(await stranger.hello(docs), [17, 0, "NOT_ALLOWED"], what);
    writeFileSync(path, good);
  }
  await enter(t, served, docs, secret);
  t.ok(served.events.filter(({ type }) => type === "locked").length >= 5, "which is told");
});

t.test(
  "a server that was open to its own machine asks for tokens from the first one on, of who is in already too",
  async (t) => {
    const served = await serveBoth(t);
    const early = await enter(t, served, docs, null);
    t.match(await early.tell([40, 3, "mine", Buffer.alloc(32, 7), "*", "read", null, null]), [41, 3]);
    t.match(await early.hearAll(), [[17, 0, "NOT_ALLOWED", "not allowed any more: this store asks for a token now"]]);
    const late = await connect(t, served);
    t.match(await late.hello(docs), [17, 0, "NOT_ALLOWED"]);
    await new TokenFile(served.folder).revoke(parseTokenName("mine"));
    const later = await connect(t, served);
    t.match(await later.hello(docs), [17, 0, "NOT_ALLOWED"], "and when all are revoked, nobody is let in");
  },
);

t.test("a token keeps no more than its quota, in all its projects together", async (t) => {
  const served = await serveStore(t, t.testdir());
  const secret = await makeToken(served.folder, "laptop", { projects: ["laptop-*"], quotaBytes: 50_000 });
  const send = async (project: string, seed: number): Promise<RawMessage | undefined> => {
    const attacker = await enter(t, served, project, secret);
    const { members, id } = await makePack([object("blob", seededBytes(seed, 30_000))]);
    attacker.say([7, 3]);
    for (const member of members) attacker.say([8, 3, member]);
    attacker.say([9, 3, objectIdBytes(id)]);
    return attacker.hear();
  };
  t.match(await send("laptop-docs", 1), [10, 3]);
  t.match(await send("laptop-photos", 2), [17, 3, "LIMIT", /^token 'laptop' has no room for that: /]);
  t.match(await new TokenFile(served.folder).read(), [{ quotaBytes: 50_000 }]);
});

t.test("names that are none, and too many tokens, are refused over the network", async (t) => {
  const served = await serveBoth(t);
  const admin = await enter(t, served, docs, await makeToken(served.folder, "me", { rights: ["admin"] }));
  const hash = Buffer.alloc(32, 9);
  const wrong: Record<string, unknown[]> = {
    "a name": ["a b", hash, "*", "read", null],
    "a project": ["x", hash, "../x", "read", null],
    "no project": ["x", hash, "", "read", null],
    "a right": ["x", hash, "*", "root", null],
    "no right": ["x", hash, "*", "", null],
    "a time beyond all calendars": ["x", hash, "*", "read", 2n ** 52n],
  };
  for (const [what, fields] of Object.entries(wrong)) {
    t.equal(codeOf(await admin.tell([40, 3, ...fields, null])), "USAGE", what);
  }
  t.equal(codeOf(await admin.tell([40, 3, "me", hash, "*", "read", null, null])), "TOKEN_EXISTS");
  t.equal(codeOf(await admin.tell([44, 3, "nobody"])), "NO_TOKEN");
  t.equal((await new TokenFile(served.folder).read())?.length, 1);
  const [{ hash: known }] = (await new TokenFile(served.folder).read()) as [Token];
  const twice = await admin.tell([40, 3, "twin", Buffer.from(known, "hex"), "*", "read", null, null]);
  t.equal(codeOf(twice), "TOKEN_EXISTS", "which would make the file one that lets nobody in");
});

t.test("who breaks off just as the token expires, before anybody has looked, breaks nothing else", async (t) => {
  const { client, server } = openMemoryChannel({ client: "the client", server: "the server" });
  const store = await openStore(t.testdir(), { create: true, threads: 0 });
  t.teardown(() => store.close());
  const token: Token = {
    name: parseTokenName("short"),
    id: "x".repeat(21),
    hash: "ab".repeat(32),
    projects: parseProjectPatterns(["*"]),
    rights: ["push"],
    createdMs: Date.now(),
    expiresMs: Date.now() + 200,
    quotaBytes: undefined,
  };
  const access = new LiveAccess(
    token,
    () => true,
    () => undefined,
  );
  const events: SessionEvent[] = [];
  const session = serveSession(server, store, {
    agent: "store/1",
    authorize: () => Promise.resolve(access),
    onEvent: (event) => void events.push(event),
  });
  await client.send(pack([1, 1, 2, "evil/1", docs, "secret", null, false, "gzip zstd"]));
  t.equal((unpack((await client.receive())!) as RawMessage)[0], said.welcome);
  await until(() => Date.now() >= token.expiresMs!);
  await client.send(Buffer.from("no message"));
  await t.rejects(session, { code: "BAD_MESSAGE" });
  await until(() => access.revoked.aborted);
  t.notOk(
    events.some(({ type }) => type === "dismissed"),
    "he has gone by himself",
  );
});
