/** Requests and answers that share a channel: each answer comes to its request, and failures to whom they concern. */
import t, { type Test } from "tap";
import { BakError } from "../../src/errors.js";
import { objectIdBytes, type ObjectId } from "../../src/objects/object-id.js";
import type { Channel } from "../../src/protocol/channel.js";
import { Conversation } from "../../src/protocol/conversation.js";
import { openMemoryChannel } from "../../src/protocol/memory-channel.js";
import { decodeMessage, encodeMessage } from "../../src/protocol/message-codec.js";
import type { Message } from "../../src/protocol/messages.js";
import { settle, within } from "../helpers/deadline.js";

const ids = objectIdBytes("ab".repeat(32) as ObjectId);

/** A conversation, and the bare channel at the other end of it. */
function openOne(
  t: Test,
  options: Partial<ConstructorParameters<typeof Conversation>[1]> = {},
): { ours: Conversation; theirs: Channel; hear: () => Promise<Message>; say: (message: Message) => Promise<void> } {
  const { client, server } = openMemoryChannel({ client: "us", server: "them" });
  const ours = new Conversation(client, { opened: true, ...options });
  t.teardown(() => ours.close());
  return {
    ours,
    theirs: server,
    hear: async () => decodeMessage((await within(2000, "a message", server.receive())) as Uint8Array),
    say: (message) => server.send(encodeMessage(message)),
  };
}

const kept = (request: number, bytes: number): Message => ({ type: "committed", request, receivedMs: bytes });

t.test("the side that opened counts in odd numbers, the other in even ones", async (t) => {
  const { client, server } = openMemoryChannel({ client: "us", server: "them" });
  const [ours, theirs] = [new Conversation(client, { opened: true }), new Conversation(server, { opened: false })];
  t.strictSame([ours.open().number, ours.open().number, theirs.open().number, theirs.open().number], [1, 3, 2, 4]);
  await ours.close();
  await theirs.ended;
});

t.test("answers come to their requests, in whatever order they come", async (t) => {
  const { ours, hear, say } = openOne(t);
  const [a, b] = [ours.ask({ type: "has", ids }, "committed"), ours.ask({ type: "has", ids }, "committed")];
  const [first, second] = [await hear(), await hear()];
  await say(kept(second.request, 2));
  await say(kept(first.request, 1));
  t.equal((await a).receivedMs, 1);
  t.equal((await b).receivedMs, 2);
});

t.test("several answers to one request keep their order", async (t) => {
  const { ours, say } = openOne(t);
  const exchange = ours.open();
  for (let index = 0; index < 5; index += 1) await say(kept(exchange.number, index));
  for (let index = 0; index < 5; index += 1) t.equal((await exchange.next("committed")).receivedMs, index);
});

t.test("the other end's error is thrown, with its code, message and hint, on one line", async (t) => {
  const { ours, hear, say } = openOne(t);
  const answer = ours.ask({ type: "has", ids }, "known");
  const { request } = await hear();
  await say({ type: "error", request, code: "STORE_FULL", message: "no\u001b[31m space\nat all", hint: "buy\rmore" });
  await t.rejects(answer, { name: "BakError", code: "STORE_FULL", message: "no [31m space at all", hint: "buy more" });
});

t.test("a code that we do not know is a failure of the protocol", async (t) => {
  const { ours, hear, say } = openOne(t);
  for (const code of ["TOO_NEW", "toString", ""]) {
    const answer = ours.ask({ type: "projects" }, "projectList");
    const { request } = await hear();
    await say({ type: "error", request, code, message: "what", hint: undefined });
    await t.rejects(answer, { code: "PROTOCOL", message: "what" });
  }
});

t.test("an answer of another type is refused", async (t) => {
  const { ours, hear, say } = openOne(t);
  const answer = ours.ask({ type: "has", ids }, "known");
  await say(kept((await hear()).request, 1));
  await t.rejects(answer, { code: "PROTOCOL", message: "'them' answered 'committed' instead of 'known'" });
});

t.test("answers to nothing, and to what has ended, are dropped", async (t) => {
  const { ours, hear, say } = openOne(t);
  await say(kept(77, 1));
  const exchange = ours.open();
  exchange.end();
  await say(kept(exchange.number, 1));
  const answer = ours.ask({ type: "projects" }, "committed");
  await say(kept((await hear()).request, 5));
  t.equal((await answer).receivedMs, 5);
});

t.test("what a handler throws goes back under the request's number, and the conversation goes on", async (t) => {
  const asked: Message[] = [];
  const { hear, say } = openOne(t, {
    opened: false,
    onRequest: async (message) => {
      asked.push(message);
      throw new BakError("NO_OBJECT", "not here", { hint: "look elsewhere" });
    },
  });
  for (const request of [5, 7]) {
    await say({ type: "projects", request });
    t.strictSame(await hear(), {
      type: "error",
      request,
      code: "NO_OBJECT",
      message: "not here",
      hint: "look elsewhere",
    });
  }
  t.equal(asked.length, 2);
});

t.test("a bug in a handler ends the conversation, and the other end does not learn of it", async (t) => {
  const { ours, hear, say, theirs } = openOne(t, {
    opened: false,
    onRequest: () => Promise.reject(new TypeError("secret is undefined")),
  });
  await say({ type: "projects", request: 1 });
  t.match(await hear(), { type: "error", request: 0, code: "INTERNAL", message: "internal error at the other end" });
  await t.rejects(ours.ended, new TypeError("secret is undefined"));
  t.equal(await theirs.receive(), undefined);
});

t.test("requests that nobody takes are refused", async (t) => {
  const { ours, hear, say } = openOne(t);
  await say({ type: "projects", request: 2 });
  t.match(await hear(), { type: "error", request: 0, code: "PROTOCOL" });
  await t.rejects(ours.ended, { code: "PROTOCOL", message: "'them' sent a 'projects' that nobody asked for" });
});

t.test("bytes that are no message end the conversation, and everything that waits", async (t) => {
  const { ours, hear, theirs } = openOne(t);
  const waiting = ours.ask({ type: "projects" }, "projectList");
  await hear();
  await theirs.send(Buffer.from("93c1", "hex"));
  await t.rejects(waiting, { code: "BAD_MESSAGE" });
  await t.rejects(ours.ended, { code: "BAD_MESSAGE" });
  t.match(await hear(), { type: "error", request: 0, code: "BAD_MESSAGE" });
  await t.rejects(ours.ask({ type: "projects" }, "projectList"), { code: "BAD_MESSAGE" }, "and what comes later");
});

t.test("an error under request 0 is the end of all", async (t) => {
  const { ours, say } = openOne(t);
  const waiting = ours.ask({ type: "projects" }, "projectList");
  await say({ type: "error", request: 0, code: "STORE_FAILED", message: "the disk is gone", hint: undefined });
  await t.rejects(waiting, { code: "STORE_FAILED", message: "the disk is gone" });
});

t.test("when the other end closes, what waits fails, and what has come can still be taken", async (t) => {
  const { ours, say, theirs } = openOne(t);
  const exchange = ours.open();
  const waiting = ours.ask({ type: "projects" }, "projectList");
  await say(kept(exchange.number, 9));
  await theirs.close();
  await t.rejects(waiting, { code: "CONNECTION_LOST", message: "'them' closed the connection" });
  await ours.ended;
  t.equal((await exchange.next("committed")).receivedMs, 9);
  await t.rejects(exchange.next("committed"), { code: "CONNECTION_LOST" });
});

t.test("when we close, what waits fails, and the other end sees an end", async (t) => {
  const { ours, theirs, hear } = openOne(t);
  const waiting = ours.ask({ type: "projects" }, "projectList");
  await hear();
  const closing = ours.close();
  await t.rejects(waiting, { code: "CONNECTION_LOST", message: "the connection to 'them' was closed" });
  await closing;
  t.equal(await theirs.receive(), undefined);
  await ours.ended;
});

t.test("answers that nobody takes stop the channel, and do not pile up", async (t) => {
  const { ours, say } = openOne(t);
  const exchange = ours.open();
  let sent = 0;
  const member = Buffer.alloc(1 << 20);
  const writing = (async () => {
    for (; sent < 64; sent += 1) await say({ type: "packMember", request: exchange.number, member });
  })();
  await settle(200);
  t.ok(sent <= 10, `${sent} MiB were taken in`);
  for (let index = 0; index < 64; index += 1) t.equal((await exchange.next("packMember")).member.length, 1 << 20);
  await writing;
});

t.test("ending a request lets go of a channel that was stopped by its answers", async (t) => {
  const { ours, hear, say } = openOne(t);
  const exchange = ours.open();
  const member = Buffer.alloc(1 << 20);
  const writing = (async () => {
    for (let sent = 0; sent < 64; sent += 1) await say({ type: "packMember", request: exchange.number, member });
  })();
  await settle();
  exchange.end();
  await within(5000, "dropping the rest", writing);
  const answer = ours.ask({ type: "projects" }, "committed");
  await say(kept((await hear()).request, 5));
  t.equal((await answer).receivedMs, 5);
});

t.test("a message that is too long to say is clipped, not lost", async (t) => {
  const { hear, say } = openOne(t, {
    opened: false,
    onRequest: () => Promise.reject(new BakError("NO_PATH", "ä".repeat(100_000))),
  });
  await say({ type: "projects", request: 1 });
  t.match(await hear(), { type: "error", request: 1, code: "NO_PATH", message: `${"ä".repeat(1000)}…` });
});

t.test("to dismiss whose connection has broken already does nothing", async (t) => {
  const { ours, theirs } = openOne(t, { opened: false });
  await theirs.send(Buffer.from("no message"));
  await t.rejects(ours.ended, { code: "BAD_MESSAGE" });
  await ours.dismiss(new BakError("NOT_ALLOWED", "go away"));
});
