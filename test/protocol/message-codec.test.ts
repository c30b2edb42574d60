/** The bytes of every message, and what is refused instead of being believed. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { Packr, unpack } from "msgpackr";
import t from "tap";
import { isBakError } from "../../src/errors.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import { maxFrameBytes, maxIdsPerMessage } from "../../src/protocol/limits.js";
import {
  decodeMessage,
  encodeMemberInPlace,
  encodeMessage,
  memberHeadroomBytes,
} from "../../src/protocol/message-codec.js";
import { layouts, type Message } from "../../src/protocol/messages.js";
import { hexBytes, lengthsNotRefused, mutationsOf, misreading, withBuffers } from "../helpers/arbitrary-bytes.js";
import { anyMessage, messagesOf, messageTypes } from "../helpers/arbitrary-messages.js";
import { holds } from "../helpers/arbitrary-properties.js";

const ab = "ab".repeat(32) as ObjectId;

/** Whatever bytes it is given, the decoder gives a message, or this. */
const isRefused = (bytes: Uint8Array): boolean => {
  try {
    decodeMessage(bytes);
    return false;
  } catch (error) {
    return isBakError(error, "BAD_MESSAGE");
  }
};

t.test("every message comes back as it was", (t) => {
  for (const type of messageTypes) {
    const property = fc.property(messagesOf(type), (message) => {
      const back = decodeMessage(encodeMessage(message));
      return isDeepStrictEqual(withBuffers(back), withBuffers(message));
    });
    holds(t, type, property);
  }
  t.end();
});

t.test("golden bytes", (t) => {
  const golden: [Message, Buffer][] = [
    [{ type: "packBegin", request: 3 }, hexBytes("92 07 03")],
    [{ type: "packMember", request: 0x1234, member: Buffer.from("hi") }, hexBytes("93 08 cd1234 c402 6869")],
    [{ type: "packEnd", request: 3, pack: undefined }, hexBytes("93 09 03 c0")],
    [{ type: "packEnd", request: 3, pack: ab }, hexBytes("93 09 03 c420", ab)],
    [{ type: "commit", request: 0xffffffff, commit: ab, base: undefined }, hexBytes("94 0b ceffffffff c420", ab, "c0")],
    [{ type: "committed", request: 1, receivedMs: 1_700_000_000_000 }, hexBytes("93 0c 01 d3 0000018bcfe56800")],
    [
      {
        type: "hello",
        request: 1,
        version: 2,
        agent: "bak/1",
        project: parseProjectId("laptop"),
        token: undefined,
        have: undefined,
        wantTrees: true,
        reads: ["gzip", "zstd"],
      },
      hexBytes("99 01 01 02 a5 62616b2f31 a6 6c6170746f70 c0 c0 c3 a9 677a6970207a737464"),
    ],
    [
      { type: "error", request: 5, code: "NO_OBJECT", message: "no", hint: undefined },
      hexBytes("95 11 05 a9 4e4f5f4f424a454354 a2 6e6f c0"),
    ],
  ];
  for (const [message, bytes] of golden) {
    t.equal(encodeMessage(message).toString("hex"), bytes.toString("hex"), `${message.type} as bytes`);
    t.strictSame(withBuffers(decodeMessage(bytes)), withBuffers(message), `${message.type} from bytes`);
  }
  t.end();
});

t.test("a member that is encoded where it lies is the same message, whatever its number and length", (t) => {
  const requests = fc.oneof(
    fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0xffffffff),
    fc.integer({ min: 0, max: 0xffffffff }),
  );
  const members = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.constantFrom(0, 0xff, 0x100, 0xffff, 0x10000, 300_000).map((length) => new Uint8Array(length).fill(0xc4)),
  );
  const same = fc.property(requests, members, fc.nat(20), (request, member, before) => {
    const whole = Buffer.alloc(before + memberHeadroomBytes + member.length + 5, 0x11);
    const room = whole.subarray(before, whole.length - 5);
    room.set(member, memberHeadroomBytes);
    const frame = encodeMemberInPlace(request, room);
    const message: Message = { type: "packMember", request, member: Buffer.from(member) };
    return (
      isDeepStrictEqual(withBuffers(decodeMessage(frame)), message) &&
      isDeepStrictEqual(withBuffers(decodeMessage(encodeMessage(message))), message) &&
      frame.buffer === whole.buffer &&
      frame.byteOffset >= room.byteOffset &&
      whole.subarray(0, before).every((byte) => byte === 0x11) &&
      whole.subarray(-5).every((byte) => byte === 0x11)
    );
  });
  holds(t, "the message, and nothing beside its room", same, 500);
  const room = Buffer.concat([Buffer.alloc(memberHeadroomBytes), Buffer.from("hi")]);
  t.equal(Buffer.from(encodeMemberInPlace(0x1234, room)).toString("hex"), "9308cd1234c6000000026869", "golden bytes");
  t.end();
});

t.test("numbers of messages are for ever", (t) => {
  t.strictSame(Object.fromEntries(messageTypes.map((type) => [type, layouts[type].number])), {
    hello: 1,
    welcome: 2,
    has: 3,
    known: 4,
    get: 5,
    trees: 6,
    packBegin: 7,
    packMember: 8,
    packEnd: 9,
    packKept: 10,
    commit: 11,
    committed: 12,
    log: 13,
    logPage: 14,
    projects: 15,
    projectList: 16,
    error: 17,
    progress: 18,
    forget: 19,
    forgotten: 20,
    forgottenLog: 21,
    forgottenPage: 22,
    collect: 23,
    collected: 24,
    check: 25,
    finding: 26,
    checked: 27,
    stats: 28,
    storeStats: 29,
    replace: 30,
    replaced: 31,
    measure: 32,
    measured: 33,
    tokenAdd: 40,
    tokenAdded: 41,
    tokenList: 42,
    tokens: 43,
    tokenRevoke: 44,
    tokenRevoked: 45,
    tokenTry: 46,
    tokenTried: 47,
  });
  t.end();
});

t.test("any MessagePack library reads what we write", (t) => {
  const property = fc.property(anyMessage, (message) => {
    const values = unpack(encodeMessage(message)) as unknown[];
    const { number, fields } = layouts[message.type];
    return values[0] === number && values[1] === message.request && values.length === 2 + Object.keys(fields).length;
  });
  holds(t, "an array of number, request and fields", property);
  t.end();
});

t.test("numbers may be written longer than they need to be", (t) => {
  for (const number of [
    "05",
    "cc05",
    "cd0005",
    "ce00000005",
    "cf0000000000000005",
    "d005",
    "d10005",
    "d200000005",
    "d30000000000000005",
  ]) {
    const message = decodeMessage(hexBytes("93 d20000000c cd0001", number));
    t.strictSame(message, { type: "committed", request: 1, receivedMs: 5 }, number);
  }
  t.end();
});

t.test("bytes that are no message are refused", (t) => {
  const id = `c420${ab}`;
  const refused: [string, Buffer][] = [
    ["nothing", Buffer.alloc(0)],
    ["no array", hexBytes("07")],
    ["an empty array", hexBytes("90")],
    ["no request", hexBytes("91 07")],
    ["an unknown type", hexBytes("92 12 01")],
    ["type zero", hexBytes("92 00 01")],
    ["a negative type", hexBytes("92 ff 01")],
    ["a type that is text", hexBytes("92 a1 37 01")],
    ["a negative request", hexBytes("92 07 ff")],
    ["a request beyond 32 bits", hexBytes("92 07 cf 0000000100000000")],
    ["a request that is nil", hexBytes("92 07 c0")],
    ["a field too many", hexBytes("93 07 01 c0")],
    ["a field too few", hexBytes("92 09 01")],
    ["a field twice over", hexBytes("94 09 01 c0 c0")],
    ["an array of 16 bits' length", hexBytes("dc 0002 07 01")],
    ["an array of 32 bits' length", hexBytes("dd 00000002 07 01")],
    ["a nested array", hexBytes("93 09 01 90")],
    ["a nested array of ids", hexBytes("93 03 01 91", id)],
    ["a map", hexBytes("82 00 07 01 01")],
    ["a nested map", hexBytes("93 09 01 80")],
    ["a map of 32 bits' length", hexBytes("93 09 01 df ffffffff")],
    ["an extension", hexBytes("93 09 01 d4 01 00")],
    ["an extension of 32 bits' length", hexBytes("93 09 01 c9 ffffffff 01")],
    ["a timestamp", hexBytes("93 0c 01 d6 ff 00000000")],
    ["a float of 32 bits", hexBytes("93 0c 01 ca 3f800000")],
    ["a float of 64 bits", hexBytes("93 0c 01 cb 3ff0000000000000")],
    ["the byte that is never used", hexBytes("93 09 01 c1")],
    ["a negative number", hexBytes("93 0c 01 ff")],
    ["a number beyond 2^53", hexBytes("93 0c 01 cf 0020000000000000")],
    ["text for a number", hexBytes("93 0c 01 a1 31")],
    ["a number for binary", hexBytes("93 08 01 05")],
    ["text for binary", hexBytes("93 08 01 a2 6869")],
    ["true for an id", hexBytes("93 09 01 c3")],
    ["an id of 31 bytes", hexBytes("93 09 01 c41f", "ab".repeat(31))],
    ["an id of 33 bytes", hexBytes("93 09 01 c421", "ab".repeat(33))],
    ["no ids", hexBytes("93 03 01 c400")],
    ["ids that are cut", hexBytes("93 03 01 c421", "ab".repeat(33))],
    ["nil for ids", hexBytes("93 03 01 c0")],
    ["codecs without gzip", hexBytes("99 01 01 01 a0 a1 61 c0 c0 c3 a4 7a737464")],
    ["nil for codecs", hexBytes("99 01 01 01 a0 a1 61 c0 c0 c3 c0")],
    ["1 for true", hexBytes("99 01 01 01 a0 a1 61 c0 c0 01 a4 677a6970")],
    ["a project that climbs", hexBytes("99 01 01 01 a0 a2 2e2e c0 c0 c3 a4 677a6970")],
    ["a project with a slash", hexBytes("99 01 01 01 a0 a3 612f62 c0 c0 c3 a4 677a6970")],
    ["text that is not UTF-8", hexBytes("99 01 01 01 a2 c328 a1 61 c0 c0 c3 a4 677a6970")],
    ["half a surrogate", hexBytes("95 11 01 a3 eda080 a0 c0")],
    ["a byte after the end", hexBytes("92 07 01 00")],
    ["two messages", hexBytes("92 07 01 92 07 01")],
    ["binary that claims 4 GiB", hexBytes("93 08 01 c6 ffffffff 00")],
    ["text that claims 4 GiB", hexBytes("93 08 01 db ffffffff 00")],
  ];
  for (const [what, bytes] of refused) t.ok(isRefused(bytes), what);
  t.end();
});

t.test("codecs that we do not know are passed over", (t) => {
  const packr = new Packr({ useRecords: false });
  const reads = (text: string): unknown => decodeMessage(packr.pack([1, 1, 2, "a", "p", null, null, true, text]));
  t.match(reads("lz5 zstd gzip brotli"), { reads: ["gzip", "zstd"] });
  t.match(reads("gzip"), { reads: ["gzip"] });
  const compression = (text: string): unknown =>
    decodeMessage(packr.pack([2, 1, 2, "a", "s", null, 1, 1, false, "gzip", text, false]));
  t.match(compression("zstd"), { compression: "zstd" });
  t.match(compression("lz5"), { compression: "gzip" }, "which every end can deal with");
  t.end();
});

t.test("texts and binaries have limits", (t) => {
  const packr = new Packr({ useRecords: false });
  const isRefusedAs = (values: unknown[]): boolean => isRefused(packr.pack(values));
  t.notOk(isRefusedAs([1, 1, 1, "a".repeat(200), "p", null, null, true, "gzip"]));
  t.ok(isRefusedAs([1, 1, 1, "a".repeat(201), "p", null, null, true, "gzip"]));
  t.ok(isRefusedAs([1, 1, 1, "ä".repeat(101), "p", null, null, true, "gzip"]), "in bytes, not characters");
  t.notOk(isRefusedAs([3, 1, Buffer.alloc(maxIdsPerMessage * 32)]));
  t.ok(isRefusedAs([3, 1, Buffer.alloc((maxIdsPerMessage + 1) * 32)]));
  t.ok(isRefusedAs([4, 1, Buffer.alloc(maxIdsPerMessage / 8 + 1)]));
  const largest = Buffer.alloc(maxFrameBytes - 9);
  t.notOk(isRefused(encodeMessage({ type: "packMember", request: 1, member: largest.subarray(55) })));
  t.ok(isRefusedAs([8, 1, largest]), "a member longer than any");
  t.ok(isRefused(Buffer.alloc(maxFrameBytes + 1, 0x92)), "a frame longer than any");
  t.end();
});

t.test("a message that was damaged anywhere is refused, or is another message of the same bytes", (t) => {
  const seeds = fc.sample(anyMessage, { numRuns: 40, seed: 1 });
  const wrong: unknown[] = [];
  for (const message of seeds) {
    const bytes = encodeMessage(message);
    const slips = lengthsNotRefused(bytes, decodeMessage, "BAD_MESSAGE");
    if (slips.length > 0) wrong.push({ message, slips });
    for (const mutation of mutationsOf(bytes)) {
      // what is read may have been written less tersely than we write it, but it is read as it was meant
      const problem = misreading(mutation, () => (encodeMessage(decodeMessage(mutation)), mutation), "BAD_MESSAGE");
      if (problem !== undefined) wrong.push({ message, mutation: mutation.toString("hex"), problem });
    }
  }
  t.strictSame(wrong, []);
  t.end();
});

t.test("random bytes are refused and nothing else happens", (t) => {
  const anything = fc.uint8Array({ maxLength: 400 });
  const arrays = fc.tuple(fc.integer({ min: 0x90, max: 0x9f }), fc.integer({ min: 1, max: 17 }), anything);
  const safe = (bytes: Uint8Array): boolean => {
    try {
      decodeMessage(bytes);
      return true;
    } catch (error) {
      return isBakError(error, "BAD_MESSAGE");
    }
  };
  holds(t, "any bytes", fc.property(anything, safe), 2000);
  holds(
    t,
    "any bytes after a good beginning",
    fc.property(arrays, ([marker, type, rest]) => safe(Buffer.from([marker, type, ...rest]))),
    5000,
  );
  t.end();
});

t.test("few bytes that declare much make nothing large", (t) => {
  const before = process.memoryUsage();
  for (const head of [
    "93 08 01 c6 7fffffff",
    "93 08 01 db 7fffffff",
    "9f dd 7fffffff",
    "93 df 7fffffff",
    "dd 7fffffff",
  ]) {
    t.ok(
      Array.from({ length: 1000 }).every(() => isRefused(hexBytes(head))),
      head,
    );
  }
  const after = process.memoryUsage();
  t.ok(after.rss + after.arrayBuffers - before.rss - before.arrayBuffers < 256 << 20);
  t.end();
});

t.test("binary is a view of the frame, not a copy", (t) => {
  const frame = encodeMessage({ type: "packMember", request: 1, member: Buffer.alloc(100, 7) });
  const message = decodeMessage(frame);
  t.equal(message.type === "packMember" && message.member.buffer, frame.buffer);
  t.end();
});
