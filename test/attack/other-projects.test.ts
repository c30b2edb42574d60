/** What somebody tries who may see one project of a store, and wants to see another. Nothing here uses bak's client. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import t, { type Test } from "tap";
import { byteStringFromText } from "../../src/objects/byte-string.js";
import type { Entry, FileContent } from "../../src/objects/entry.js";
import { encodeList } from "../../src/objects/list.js";
import { unpackMember } from "../../src/objects/member-codec.js";
import { decodeMemberTar } from "../../src/objects/member-tar.js";
import { objectIdBytes, type ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId, type ProjectId } from "../../src/objects/project-id.js";
import { acceptWebSockets } from "../../src/protocol/websocket-accept.js";
import { fullAccess } from "../../src/server/access.js";
import { serveSession } from "../../src/server/session.js";
import { openStore } from "../../src/store/open-store.js";
import type { Sees, Store } from "../../src/store/store.js";
import { cleanAll } from "../helpers/clean-all.js";
import { RawConversation, said, type RawMessage } from "../helpers/raw-conversation.js";
import { commitOf, dirEntry, fileEntry, plainAttributes, treeOf, type Made } from "../helpers/small-commit.js";
import { blob, makePack, object, send, type TestPack } from "../helpers/store-pack.js";

const [alice, bob] = [parseProjectId("alice"), parseProjectId("bob")];
const absent = "ab".repeat(32) as ObjectId;

/** A store behind a socket: whoever asks for `/PROJECT` may see that project alone, and whoever asks for `/` all of it. */
async function serve(t: Test): Promise<{ store: Store; connect: (project: ProjectId) => Promise<RawConversation> }> {
  const store = await openStore(t.testdir(), { create: true });
  const http = createServer().listen(0, "127.0.0.1");
  await once(http, "listening");
  const mays = new Map<string, Sees>([alice, bob].map((own) => [`/${own}`, (project) => project === own]));
  const sessions: Promise<void>[] = [];
  const stop = acceptWebSockets(http, {
    onChannel: (channel, { url = "/" }) => {
      const sees = mays.get(url);
      const access = sees === undefined ? fullAccess : { ...fullAccess, sees, seesAll: false };
      const session = serveSession(channel, store, { agent: "store/1", authorize: () => Promise.resolve(access) });
      sessions.push(session.catch(() => undefined));
    },
  });
  t.teardown(async () => {
    stop();
    http.closeAllConnections();
    http.close();
    await Promise.all(sessions);
    await store.close();
  });
  const { port } = http.address() as AddressInfo;
  const connect = async (project: ProjectId): Promise<RawConversation> => {
    const client = await RawConversation.connect(t, `ws://127.0.0.1:${port}/${project}`);
    if ((await client.hello(project))?.[0] !== said.welcome) throw new Error("no welcome");
    return client;
  };
  return { store, connect };
}

const bytesOf = (each: Made | ObjectId): Buffer => objectIdBytes(typeof each === "string" ? each : each.id);

async function upload(client: RawConversation, ...members: Made[][]): Promise<TestPack> {
  const pack = await makePack(...members);
  const [number, , ...why] = await client.upload(pack.members, objectIdBytes(pack.id));
  if (number !== said.packKept) throw new Error(`refused: ${why.join(" ")}`);
  return pack;
}

/** The entry of a file with any content. */
const fileOf = (size: number, content: FileContent): Entry => ({
  name: byteStringFromText("disk.img"),
  ...plainAttributes,
  kind: "file",
  size,
  content,
});

/** What Bob keeps: a folder with a file, and a large file of chunks. */
function secrets() {
  const [file, chunk] = [blob("a secret of Bob's"), blob("a chunk of a secret ".repeat(50))];
  const list = object("list", encodeList({ level: 0, children: [{ id: chunk.id, size: chunk.bytes.length }] }));
  const inner = treeOf(fileEntry("secret.txt", file));
  const large = fileOf(chunk.bytes.length, { list: list.id, fileHash: chunk.id });
  const tree = treeOf(large, dirEntry("inner", inner));
  const commit = commitOf(tree, { project: bob });
  return { file, chunk, list, inner, tree, commit, all: [file, chunk, list, inner, tree, commit] };
}

async function pushSecrets(connect: (project: ProjectId) => Promise<RawConversation>) {
  const made = secrets();
  const client = await connect(bob);
  const pack = await upload(client, [made.file, made.chunk], [made.list], [made.inner, made.tree], [made.commit]);
  const [number] = await client.ask(said.commit, bytesOf(made.commit), null);
  if (number !== said.committed) throw new Error("Bob's push failed");
  return { ...made, pack };
}

/** What is left of an answer when the id that was asked for is taken out of it. */
const without = (message: RawMessage | undefined, ...ids: ObjectId[]): unknown =>
  message &&
  ids.reduce((text, id) => text.replaceAll(id, "ID"), JSON.stringify([message[0], ...message.slice(2)].map(String)));

async function idsIn(members: readonly Uint8Array[]): Promise<ObjectId[]> {
  const tars = await Promise.all(members.map(async (member) => unpackMember(Buffer.from(member))));
  return tars.flatMap((tar) => decodeMemberTar(tar).map(({ id }) => id)).toSorted();
}

const ids = (...made: Made[]): ObjectId[] => made.map(({ id }) => id).toSorted();

t.test("what another project keeps can't be asked for", async (t) => {
  const { connect } = await serve(t);
  const secret = await pushSecrets(connect);
  const client = await connect(alice);
  const known = await client.ask(said.has, Buffer.concat([...secret.all, absent].map(bytesOf)));
  t.strictSame([known[0], ...(known[2] as Uint8Array)], [said.known, 0], "has");
  for (const each of secret.all) {
    for (const [ask, more] of [
      [said.get, []],
      [said.trees, [null]],
    ] as const) {
      const { members, error } = await client.askPack(ask, bytesOf(each), ...more);
      const { error: none } = await client.askPack(ask, bytesOf(absent), ...more);
      t.equal(members.length, 0);
      t.match(error?.slice(2), ["NO_OBJECT", `no object '${each.id}' in the store`, null]);
      t.equal(without(error, each.id), without(none, absent), `${each.kind} by ${ask}`);
    }
    const [number, , ...why] = await client.ask(said.commit, bytesOf(each), null);
    t.strictSame([number, why[0]], [said.error, "INCOMPLETE_COMMIT"]);
    t.equal(
      without([number, 0, ...why], each.id),
      without(await client.ask(said.commit, bytesOf(absent), null), absent),
      `${each.kind} as a commit`,
    );
  }
});

t.test(
  "a tree, list or commit that names what another project keeps is refused as if that were not there",
  async (t) => {
    const { connect } = await serve(t);
    const secret = await pushSecrets(connect);
    /** Asks for a commit, and for its trees, as a new client does; once it names `id`, and once what is nowhere. */
    const attempt = async (id: ObjectId, make: (id: ObjectId) => Made[]): Promise<string[]> => {
      const client = await connect(alice);
      const made = make(id);
      await upload(client, made);
      const commit = made.at(-1)!;
      const committed = await client.ask(said.commit, bytesOf(commit), null);
      const trees = await client.askPack(said.trees, bytesOf(commit), null);
      const got = await client.askPack(said.get, bytesOf(id));
      const sent = (await idsIn([...trees.members, ...got.members])).includes(id);
      const all = [id, ...made.map((each) => each.id)];
      return [
        `sent: ${sent}`,
        ...[committed, trees.error, got.error].map((each) =>
          String(without(each && [each[0], 0, ...each.slice(2)], ...all)),
        ),
        `${trees.members.length} members`,
      ];
    };
    const mine = { project: alice };
    const asFile = (id: ObjectId, size: number): Made[] => {
      const tree = treeOf(fileOf(size, { blob: id }));
      return [tree, commitOf(tree, mine)];
    };
    const asList = (id: ObjectId, size: number): Made[] => {
      const list = object("list", encodeList({ level: 0, children: [1, 2].map(() => ({ id, size })) }));
      const tree = treeOf(fileOf(2 * size, { list: list.id, fileHash: id }));
      return [list, tree, commitOf(tree, mine)];
    };
    const asDir = (id: ObjectId): Made[] => {
      const tree = treeOf(dirEntry("mine", id));
      return [tree, commitOf(tree, mine)];
    };
    const asPage = (id: ObjectId): Made[] => {
      const tree = object(
        "tree",
        Buffer.concat([Buffer.from("9301019192c4086469736b2e696d67c420", "hex"), bytesOf(id)]),
      );
      return [tree, commitOf(tree, mine)];
    };
    const asRoot = (id: ObjectId): Made[] => [commitOf(id, mine)];
    const { file, chunk, list, inner, tree, commit } = secret;
    const tries: readonly (readonly [string, ObjectId, (id: ObjectId) => Made[]])[] = [
      ["a file", file.id, (id) => asFile(id, file.bytes.length)],
      ["a file of another length", file.id, (id) => asFile(id, 1)],
      ["a tree as a file", inner.id, (id) => asFile(id, inner.bytes.length)],
      ["a commit as a file", commit.id, (id) => asFile(id, commit.bytes.length)],
      ["a chunk", chunk.id, (id) => asList(id, chunk.bytes.length)],
      ["a list as a chunk", list.id, (id) => asList(id, list.bytes.length)],
      ["a folder", inner.id, asDir],
      ["a page", tree.id, asPage],
      ["a root", tree.id, asRoot],
    ];
    for (const [what, id, make] of tries) {
      const answers = await attempt(id, make);
      t.strictSame(answers, await attempt(absent, make), what);
      t.match(answers, ["sent: false", /INCOMPLETE_COMMIT/, /NO_OBJECT|undefined/, /NO_OBJECT/], what);
    }
  },
);

t.test("what is said to be known already hides nothing", async (t) => {
  const { connect } = await serve(t);
  const secret = await pushSecrets(connect);
  const client = await connect(alice);
  const own = blob("mine");
  const tree = treeOf(fileEntry("mine", own));
  const first = commitOf(tree, { project: alice });
  await upload(client, [own, tree, first]);
  t.equal((await client.ask(said.commit, bytesOf(first), null))[0], said.committed);
  const answers: unknown[][] = [];
  for (const id of [secret.inner.id, absent]) {
    const root = treeOf(dirEntry("x", id), fileEntry("y", own));
    const [base, next] = [commitOf(root, { project: alice }), commitOf(root, { project: alice, message: "next" })];
    const claimed = commitOf(root, { project: alice, parent: base.id });
    const upon = commitOf(root, { project: alice, parent: first.id });
    await upload(client, [root, base, next, claimed, upon]);
    const heard = [
      await client.ask(said.commit, bytesOf(claimed), bytesOf(base)),
      await client.ask(said.commit, bytesOf(upon), bytesOf(first)),
      await client.ask(said.replace, bytesOf(base), bytesOf(next)),
      await client.ask(said.replace, bytesOf(first), bytesOf(upon)),
      (await client.askPack(said.trees, bytesOf(next), bytesOf(base))).error,
      (await client.askPack(said.trees, bytesOf(root), bytesOf(root))).error,
    ];
    const all = [id, ...[root, base, next, claimed, upon].map((each) => each.id)];
    answers.push(heard.map((each) => without(each, ...all)));
    t.match(heard[1], [said.error, Number, "INCOMPLETE_COMMIT"]);
    for (const each of heard.slice(0, 4)) t.equal(each![0], said.error);
  }
  t.strictSame(answers[0], answers[1]);
  for (const have of [secret.commit, secret.tree, absent]) {
    const { members, error } = await client.askPack(said.trees, bytesOf(first), bytesOf(have));
    t.strictSame([error, await idsIn(members)], [undefined, ids(own, tree, first)], "as without it");
    const greeted = await RawConversation.connect(t, client.url);
    await greeted.hello(alice, null, { have: bytesOf(have), wantTrees: true });
    t.strictSame(await idsIn((await greeted.hearPack(1)).members), ids(own, tree, first));
  }
  t.match(
    await client.ask(said.forget, bytesOf(secret.commit), true),
    [said.forgotten, Number, 0],
    "nothing to bring back",
  );
});

t.test("to replace a commit that was never accepted shows nothing of what it names", async (t) => {
  const { connect } = await serve(t);
  const secret = await pushSecrets(connect);
  const client = await connect(alice);
  const answers: unknown[] = [];
  for (const id of [secret.inner.id, absent]) {
    const root = treeOf(dirEntry("x", id));
    const before = commitOf(root, { project: alice });
    const after = commitOf(root, { project: alice, tags: ["other"] });
    await upload(client, [root, before, after]);
    t.ok((await client.askPack(said.get, bytesOf(id))).error, "all that there is to know is known");
    const replaced = await client.ask(said.replace, bytesOf(before), bytesOf(after));
    t.match(replaced, [said.error, Number, "INCOMPLETE_COMMIT"]);
    const got = await client.askPack(said.get, bytesOf(id));
    t.match(got.error, [said.error, Number, "NO_OBJECT"]);
    answers.push([replaced, got.error].map((each) => without(each, id, before.id, after.id)));
  }
  t.strictSame(answers[0], answers[1]);
});

t.test("members of others are cut, before and after the store is cleaned", async (t) => {
  const { store, connect } = await serve(t);
  const shared = blob("what both have");
  const old = blob("what both had before there were owners");
  const mine = blob("what Alice has alone");
  const secret = blob("what Bob has alone");
  const oldSecret = blob("what Bob had alone before");
  const hers = treeOf(fileEntry("a", shared), fileEntry("b", old), fileEntry("c", mine));
  const his = treeOf(fileEntry("a", shared), fileEntry("b", old), fileEntry("c", secret), fileEntry("d", oldSecret));
  const [herCommit, hisCommit] = [commitOf(hers, { project: alice }), commitOf(his, { project: bob })];
  await send(store, await makePack([old, oldSecret, hers, his])); // whose that is nobody knows
  const bobs = await connect(bob);
  await upload(bobs, [shared, secret, his, hisCommit, old, oldSecret]);
  t.equal((await bobs.ask(said.commit, bytesOf(hisCommit), null))[0], said.committed);
  const client = await connect(alice);
  t.strictSame(
    [...((await client.ask(said.has, Buffer.concat([shared, old, hers].map(bytesOf))))[2] as Uint8Array)],
    [0],
  );
  await upload(client, [shared, mine, hers], [old, herCommit]);
  t.equal((await client.ask(said.commit, bytesOf(herCommit), null))[0], said.committed);

  const look = async (): Promise<void> => {
    const session = await connect(alice);
    const all = [shared, old, mine, hers, herCommit];
    const got = await session.askPack(said.get, Buffer.concat(all.map(bytesOf)));
    t.strictSame([...new Set(await idsIn(got.members))], ids(...all));
    for (const each of all) {
      const { members } = await session.askPack(said.get, bytesOf(each));
      t.ok((await idsIn(members)).includes(each.id));
      for (const other of await idsIn(members)) t.ok(ids(...all).includes(other), "only what is hers");
      t.equal(members.length, 1);
    }
    const trees = await session.askPack(said.trees, bytesOf(herCommit), null);
    for (const other of await idsIn(trees.members)) t.ok(ids(...all).includes(other), "only what is hers");
    for (const each of [secret, oldSecret, his, hisCommit]) {
      t.match((await session.askPack(said.get, bytesOf(each))).error, [said.error, Number, "NO_OBJECT"]);
    }
  };
  await look();
  for (let round = 0; round < 2; round += 1) {
    for (let at = 0; at < 5; at += 1) {
      await upload(client, [blob(`waste ${round} ${at}`)]);
      await upload(bobs, [blob(`more waste ${round} ${at}`)]);
    }
    await store.collectGarbage(cleanAll);
    await look();
  }
});

t.test("to send what another has is to have it; to claim it is not", async (t) => {
  const { store, connect } = await serve(t);
  const secret = await pushSecrets(connect);
  const client = await connect(alice);
  const other = await makePack([blob("something else")]);
  t.match(await client.upload(other.members, objectIdBytes(secret.pack.id)), [said.error, Number, "BAD_PACK"]);
  t.match(await client.upload([], objectIdBytes(secret.pack.id)), [said.error, Number, "BAD_PACK"]);
  t.match(await client.upload(secret.pack.members.slice(0, 2), objectIdBytes(secret.pack.id)), [
    said.error,
    Number,
    "BAD_PACK",
  ]);
  for (const each of secret.all) t.ok((await client.askPack(said.get, bytesOf(each))).error);
  await upload(client, [secret.file]);
  t.strictSame(
    await idsIn((await client.askPack(said.get, bytesOf(secret.file))).members),
    ids(secret.file),
    "cut out of Bob's",
  );
  t.match(await client.upload(secret.pack.members, objectIdBytes(secret.pack.id)), [said.packKept], "the very pack");
  t.strictSame(
    [...((await client.ask(said.has, Buffer.concat(secret.all.map(bytesOf))))[2] as Uint8Array)],
    [0b111111],
  );
  t.equal((await store.stats()).packs, 2);
});
