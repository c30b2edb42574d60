/** Requests that take long: how far they are is told, their end is answered, and a session that ends stops them. */
import t from "tap";
import { BakError } from "../../src/errors.js";
import type { Message } from "../../src/protocol/messages.js";
import { LongRequests, type LongWork } from "../../src/server/long-requests.js";

function begin(): { sent: Message[]; long: LongRequests } {
  const sent: Message[] = [];
  return { sent, long: new LongRequests({ send: async (message) => void sent.push(message) }) };
}

const answer: Message = { type: "projectList", request: 5, projects: "" };

t.test("progress comes before the answer", async (t) => {
  const { sent, long } = begin();
  long.begin(5, async ({ onProgress }) => {
    onProgress({ phase: "reading", done: 1, total: 2 });
    onProgress({ phase: "reading", done: 2, total: 2 }); // too soon after the first
    return answer;
  });
  await long.abort();
  t.strictSame(sent, [{ type: "progress", request: 5, phase: "reading", done: 1, total: 2 }, answer]);
});

t.test("what fails is answered by an error", async (t) => {
  const { sent, long } = begin();
  long.begin(5, () => Promise.reject(new BakError("STORE_FULL", "no space left on the store")));
  long.begin(7, () => Promise.reject(new Error("of which the other end need not know")));
  await long.abort();
  t.match(sent, [
    { type: "error", request: 5, code: "STORE_FULL", message: "no space left on the store" },
    { type: "error", request: 7, code: "INTERNAL", message: /^internal error/ },
  ]);
});

t.test("no more than two at a time, and the end of the session stops them", async (t) => {
  const { sent, long } = begin();
  const untilStopped = async ({ signal }: LongWork): Promise<Message> => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    throw signal.reason;
  };
  long.begin(1, untilStopped);
  long.begin(3, untilStopped);
  t.throws(() => long.begin(5, untilStopped), { code: "LIMIT" });
  await long.abort();
  t.match(sent, [
    { request: 1, code: "CONNECTION_LOST" },
    { request: 3, code: "CONNECTION_LOST" },
  ]);
});
