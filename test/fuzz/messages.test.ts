/** Messages and lines of a log off the wire: each either is refused, or says the same when it is said again. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import {
  decodeForgottenLines,
  decodeLogLines,
  encodeForgottenLines,
  encodeLogLines,
} from "../../src/protocol/log-lines.js";
import { decodeMessage, encodeMessage } from "../../src/protocol/message-codec.js";
import { objectIds } from "../helpers/arbitraries.js";
import { messagesOf, messageTypes } from "../helpers/arbitrary-messages.js";
import { withBuffers } from "../helpers/arbitrary-bytes.js";
import { fuzz } from "../helpers/fuzz.js";
import { messagePack } from "../helpers/messagepack-shape.js";
import { recordsOf } from "../helpers/mutations.js";

t.test("messages", (t) =>
  fuzz(t, "decodeMessage", {
    seeds: messageTypes.flatMap((type) => fc.sample(messagesOf(type), { seed: 1, numRuns: 8 }).map(encodeMessage)),
    shape: messagePack,
    codes: ["BAD_MESSAGE"],
    judge: (bytes) => {
      const message = decodeMessage(bytes);
      const again = decodeMessage(encodeMessage(message));
      return isDeepStrictEqual(withBuffers(again), withBuffers(message))
        ? undefined
        : `said as ${JSON.stringify(again)}`;
    },
    count: 220_000,
  }),
);

const lines = fc.array(fc.record({ commit: objectIds, receivedMs: fc.nat(8.64e15) }), { maxLength: 6 });

t.test("lines of a log", (t) =>
  fuzz(t, "decodeLogLines", {
    seeds: fc.sample(lines, { seed: 1, numRuns: 20 }).map(encodeLogLines),
    shape: recordsOf(40),
    codes: ["BAD_MESSAGE"],
    judge: (bytes) => (encodeLogLines(decodeLogLines(bytes)).equals(bytes) ? undefined : "other bytes come of it"),
    count: 70_000,
  }),
);

const forgotten = fc.array(
  fc.record({ commit: objectIds, receivedMs: fc.nat(8.64e15), forgottenMs: fc.nat(8.64e15) }),
  { maxLength: 6 },
);

t.test("lines of what was forgotten", (t) =>
  fuzz(t, "decodeForgottenLines", {
    seeds: fc.sample(forgotten, { seed: 1, numRuns: 20 }).map(encodeForgottenLines),
    shape: recordsOf(48),
    codes: ["BAD_MESSAGE"],
    judge: (bytes) =>
      encodeForgottenLines(decodeForgottenLines(bytes)).equals(bytes) ? undefined : "other bytes come of it",
    count: 20_000,
  }),
);
