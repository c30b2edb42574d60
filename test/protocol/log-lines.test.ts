/** Lines of a log as bytes. */
import fc from "fast-check";
import t from "tap";
import type { ObjectId } from "../../src/objects/object-id.js";
import {
  decodeForgottenLines,
  decodeLogLines,
  encodeForgottenLines,
  encodeLogLines,
} from "../../src/protocol/log-lines.js";
import { lengthsNotRefused } from "../helpers/arbitrary-bytes.js";
import { holds } from "../helpers/arbitrary-properties.js";
import { objectIds } from "../helpers/arbitraries.js";

const lines = fc.array(fc.record({ commit: objectIds, receivedMs: fc.nat(8.64e15) }, { noNullPrototype: true }), {
  maxLength: 5,
});

t.test("lines come back as they were", (t) => {
  const property = fc.property(lines, fc.nat(9), (each, shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift), encodeLogLines(each)]); // a view into a larger frame
    return JSON.stringify(decodeLogLines(padded.subarray(shift))) === JSON.stringify(each);
  });
  holds(t, "any lines", property);
  t.end();
});

t.test("golden bytes", (t) => {
  const commit = "cd".repeat(32) as ObjectId;
  const bytes = `${commit}0000018bcfe56800`;
  t.equal(encodeLogLines([{ commit, receivedMs: 1_700_000_000_000 }]).toString("hex"), bytes);
  t.equal(encodeLogLines([]).length, 0);
  t.end();
});

t.test("bytes that are no lines are refused", (t) => {
  const two = encodeLogLines(Array.from({ length: 2 }, () => ({ commit: "cd".repeat(32) as ObjectId, receivedMs: 1 })));
  t.strictSame(lengthsNotRefused(two, decodeLogLines, "BAD_MESSAGE"), [0, 40]);
  const beyond = Buffer.concat([Buffer.alloc(32), Buffer.from("001eb208c2dc0001", "hex")]);
  t.throws(() => decodeLogLines(beyond), { code: "BAD_MESSAGE" }, "a time that no Date can hold");
  t.throws(() => decodeLogLines(Buffer.alloc(40, 0xff)), { code: "BAD_MESSAGE" });
  t.end();
});

t.test("forgotten lines come back as they were, and nothing else is taken for them", (t) => {
  const time = fc.nat(8.64e15);
  const forgotten = fc.array(
    fc.record({ commit: objectIds, receivedMs: time, forgottenMs: time }, { noNullPrototype: true }),
    { maxLength: 5 },
  );
  const property = fc.property(forgotten, fc.nat(9), (each, shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift), encodeForgottenLines(each)]);
    return JSON.stringify(decodeForgottenLines(padded.subarray(shift))) === JSON.stringify(each);
  });
  holds(t, "any forgotten lines", property);
  const line = { commit: "cd".repeat(32) as ObjectId, receivedMs: 1_700_000_000_000, forgottenMs: 1 };
  const bytes = encodeForgottenLines([line]);
  t.equal(bytes.toString("hex"), `${line.commit}0000018bcfe568000000000000000001`);
  t.strictSame(lengthsNotRefused(encodeForgottenLines([line, line]), decodeForgottenLines, "BAD_MESSAGE"), [0, 48]);
  bytes.fill(0xff, 40);
  t.throws(() => decodeForgottenLines(bytes), { code: "BAD_MESSAGE" }, "a time that no Date can hold");
  t.end();
});
