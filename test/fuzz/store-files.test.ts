/** The files of a store, and the client's index: whatever they hold, they either are refused, or are what they say. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import { decodePushIndex, writePushIndex, readPushIndex, type PushIndex } from "../../src/client/push-index.js";
import { BakError, isBakError } from "../../src/errors.js";
import { blake3, hashLength } from "../../src/objects/hash.js";
import { objectKinds } from "../../src/objects/object-kind.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { formatConfig, parseConfig } from "../../src/store/config.js";
import {
  decodeMember,
  decodePackIndex,
  decodeRecord,
  memberLength,
  membersOffset,
  recordLength,
  recordsOffset,
} from "../../src/store/pack-index.js";
import { PackIndexBuilder } from "../../src/store/pack-index-builder.js";
import {
  auditForgotten,
  auditLog,
  formatForgottenLine,
  formatLogLine,
  logLineLength,
  parseForgotten,
  parseLog,
  type Audited,
} from "../../src/store/project-log.js";
import { formatTokens, parseTokens } from "../../src/store/tokens.js";
import { formatVerified, parseVerified } from "../../src/store/verified.js";
import { byteStrings, objectIds } from "../helpers/arbitraries.js";
import { tokens } from "../helpers/arbitrary-tokens.js";
import { fuzz } from "../helpers/fuzz.js";
import { recordsOf, type Shape } from "../helpers/mutations.js";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const sample = <T>(arbitrary: fc.Arbitrary<T>, numRuns: number): T[] => fc.sample(arbitrary, { seed: 1, numRuns });

/** Lines, with their ends. */
const lines: Shape = {
  partsOf: (bytes) => {
    const starts = bytes.length === 0 ? [] : [0];
    for (let at = bytes.indexOf(10); at >= 0 && at + 1 < bytes.length; at = bytes.indexOf(10, at + 1))
      starts.push(at + 1);
    return starts;
  },
};

const times = fc.integer({ min: 0, max: 253402300799999 });
const logs = fc.array(fc.record({ commit: objectIds, receivedMs: times }), { minLength: 1, maxLength: 6 });

t.test("logs of projects", (t) =>
  fuzz(t, "parseLog", {
    seeds: sample(logs, 30).map((log) => Buffer.from(log.map(formatLogLine).join(""))),
    shape: lines,
    codes: ["STORE_DAMAGED"],
    judge: (bytes) => {
      const text = bytes.toString("latin1");
      const { lines: parsed, length, isMended } = parseLog(text, "log");
      const again = parsed.map(formatLogLine).join("");
      if (isMended)
        return bytesChanged(again, text.slice(0, length)) <= parsed.length ? undefined : `mended to ${again}`;
      const left = text.slice(length);
      const isHalf = left.length === logLineLength && left.endsWith("\n") && hasZerosAtOneEnd(left.slice(0, -1));
      if (left.includes("\n") && !isHalf) return "a whole line is left out";
      return again === text.slice(0, length) ? undefined : `read as ${again}`;
    },
    count: 80_000,
  }),
);

const forgottenLogs = fc.array(fc.record({ commit: objectIds, receivedMs: times, forgottenMs: times }), {
  minLength: 1,
  maxLength: 6,
});

t.test("what projects have forgotten", (t) =>
  fuzz(t, "parseForgotten", {
    seeds: sample(forgottenLogs, 30).map((log) => Buffer.from(log.map(formatForgottenLine).join(""))),
    shape: lines,
    codes: ["STORE_DAMAGED"],
    judge: (bytes) => {
      const text = bytes.toString("latin1");
      const parsed = parseForgotten(text, "forgotten");
      const again = parsed.map(formatForgottenLine).join("");
      return bytesChanged(again, text) <= parsed.length ? undefined : `read as ${again}`;
    },
    count: 30_000,
  }),
);

t.test("logs that are looked through in spite of their faults", (t) =>
  fuzz(t, "auditLog", {
    seeds: [
      ...sample(logs, 15).map((log) => Buffer.from(log.map(formatLogLine).join(""))),
      ...sample(forgottenLogs, 15).map((log) => Buffer.from(log.map(formatForgottenLine).join(""))),
    ],
    shape: lines,
    codes: ["STORE_DAMAGED"],
    judge: (bytes) => {
      const text = bytes.toString("latin1");
      const [live, forgotten] = [auditLog(text), auditForgotten(text)];
      // of a rest that is no shorter than a line, parseLog cannot know that it is not what a crash has left
      const isTorn = live.faults.some(({ why }) => why === "the last line has no end");
      const read = isTorn ? undefined : readOrNot(() => parseLog(text, "log").lines);
      if (!isDeepStrictEqual(read, isSound(live))) return "parseLog differs";
      if (
        !isDeepStrictEqual(
          readOrNot(() => parseForgotten(text, "log")),
          isSound(forgotten),
        )
      )
        return "so does the other";
      if (isSound(live) === undefined && isSound(forgotten) === undefined)
        throw new BakError("STORE_DAMAGED", "neither");
      return undefined;
    },
    count: 30_000,
  }),
);

/** What a power cut leaves of a line that stands in two sectors. */
function hasZerosAtOneEnd(line: string): boolean {
  const from = line.indexOf("\0");
  const to = line.lastIndexOf("\0") + 1;
  const isRun = from >= 0 && line.slice(from, to) === "\0".repeat(to - from);
  return isRun && (from === 0 || to === line.length);
}

/** What is read, unless it is refused. */
function readOrNot<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isBakError(error, "STORE_DAMAGED")) return undefined;
    throw error;
  }
}

/** The lines, if none of them is lost. */
function isSound<T>(audited: Audited<T>): readonly T[] | undefined {
  return audited.faults.every(({ isMended }) => isMended) ? audited.lines : undefined;
}

/** How many bytes of a text are others in another. */
function bytesChanged(from: string, to: string): number {
  let count = Math.abs(from.length - to.length);
  for (let at = 0; at < Math.min(from.length, to.length); at += 1) if (from[at] !== to[at]) count += 1;
  return count;
}

const verifications = fc.array(
  fc.tuple(objectIds, fc.record({ atMs: times, isDamaged: fc.boolean() }, { noNullPrototype: true })),
  { maxLength: 5 },
);

/** Most get the last line that they should have. */
const checkedLines: Shape = {
  ...lines,
  finish: (bytes, next) => {
    const end = bytes.lastIndexOf(10, bytes.length - 2) + 1;
    if (next() % 4 === 0 || bytes.length === 0) return bytes;
    const body = bytes.subarray(0, end);
    return Buffer.concat([body, Buffer.from(`blake3 ${blake3().hashHex(body)}\n`)]);
  },
};

t.test("when packs were verified", (t) =>
  fuzz(t, "parseVerified", {
    seeds: sample(verifications, 30).map((each) => formatVerified(new Map(each))),
    shape: checkedLines,
    codes: ["STORE_DAMAGED"],
    judge: (bytes) => {
      const packs = parseVerified(bytes.toString("latin1"));
      if (packs === undefined) throw new BakError("STORE_DAMAGED", "none"); // to be counted
      return isDeepStrictEqual(parseVerified(formatVerified(packs).toString("latin1")), packs)
        ? undefined
        : `read as ${formatVerified(packs).toString("latin1")}`;
    },
    count: 30_000,
  }),
);

/** JSON as a sequence of words, and what stands between them. */
const json: Shape = {
  partsOf: (bytes) =>
    [...bytes.toString("latin1").matchAll(/"[^"]*"|[a-z0-9.]+|[^a-z0-9."]/g)].map(({ index }) => index),
  disguise: (_, next) => Buffer.from(words[next() % words.length] as string),
};
const words = [
  "null",
  "[]",
  "{}",
  "1e999",
  "-1",
  '"__proto__"',
  '"version"',
  "2",
  "3",
  '""',
  "[[[[[",
  "true",
  "1.5",
  '"zstd"',
];

const configs = fc.record({
  version: fc.constantFrom(1 as const, 2 as const),
  id: fc.stringMatching(/^[A-Za-z0-9_-]{21}$/),
  createdMs: times,
  compression: fc.constantFrom("gzip" as const, "zstd" as const, "none" as const),
});

t.test("config.json", (t) =>
  fuzz(t, "parseConfig", {
    seeds: sample(configs, 20).map((config) => Buffer.from(formatConfig(config))),
    shape: json,
    codes: ["STORE_DAMAGED", "STORE_VERSION"],
    judge: (bytes) => {
      const text = bytes.toString("latin1");
      const { config, isMended } = parseConfig(text, "config.json");
      const again = formatConfig(config);
      if (isMended && bytesChanged(again, text) !== 1) return `mended to ${again}`;
      return isDeepStrictEqual(parseConfig(again, "config.json").config, config) ? undefined : `read as ${again}`;
    },
    count: 50_000,
  }),
);

const pack = "99".repeat(32) as ObjectId;
const members = fc.array(
  fc.array(
    fc.record({
      kind: fc.constantFrom(...objectKinds),
      id: objectIds,
      offset: fc.nat(9 << 20),
      length: fc.nat(8 << 20),
    }),
    {
      minLength: 1,
      maxLength: 6,
    },
  ),
  { minLength: 1, maxLength: 5 },
);

/** Every other index gets the checksum that it should have, so that the rest of it is looked at, too. */
function withChecksum(bytes: Buffer, next: () => number): Buffer {
  if (next() % 4 === 0 || bytes.length < hashLength) return bytes;
  const body = bytes.subarray(0, -hashLength);
  return Buffer.concat([body, blake3().hash(body)]);
}

t.test("indexes of packs", (t) =>
  fuzz(t, "decodePackIndex", {
    seeds: sample(members, 30).map((each) => {
      const builder = new PackIndexBuilder();
      for (const objects of each) builder.addMember(1000, 2000, objects);
      return builder.finish(pack);
    }),
    shape: { ...recordsOf(4, 6), finish: withChecksum },
    codes: ["STORE_DAMAGED"],
    judge: (bytes) => {
      const index = decodePackIndex(bytes, pack);
      for (let at = membersOffset, left = index.memberCount; left > 0; left -= 1, at += memberLength) {
        decodeMember(index.bytes.subarray(at, at + memberLength));
      }
      for (let at = recordsOffset(index), left = index.recordCount; left > 0; left -= 1, at += recordLength) {
        decodeRecord(index.bytes.subarray(at, at + recordLength));
      }
      return undefined;
    },
    count: 60_000,
  }),
);

const stats = fc
  .array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 6 })
  .map((each) => BigInt64Array.from(each.length % 2 === 0 ? each : each.slice(1)));
const pushIndexes: fc.Arbitrary<PushIndex> = fc.record({
  store: fc.string({ maxLength: 21 }),
  commit: objectIds,
  startedMs: fc.nat(Number.MAX_SAFE_INTEGER),
  attributes: fc.string(),
  folders: fc
    .array(fc.tuple(byteStrings(0, 20), fc.record({ tree: objectIds, stats })), { maxLength: 4 })
    .map((pairs) => new Map(pairs)),
  objects: fc
    .array(fc.tuple(objectIds, fc.uint8Array({ maxLength: 40 })), { maxLength: 4 })
    .map((pairs) => new Map<ObjectId, Uint8Array>(pairs)),
});

/** The bytes of a file that holds the index. */
function encodePushIndex(file: string, index: PushIndex): Buffer {
  writePushIndex(file, index).put();
  return readFileSync(file);
}

t.test("the client's index", async (t) => {
  const file = join(t.testdir(), "index");
  const again = join(t.testdirName, "again");
  await fuzz(t, "decodePushIndex", {
    seeds: sample(pushIndexes, 30).map((index) => encodePushIndex(file, index)),
    shape: { ...recordsOf(8), finish: withChecksum },
    codes: ["STORE_DAMAGED"],
    judge: (bytes) => {
      const index = decodePushIndex(bytes);
      if (index === undefined) throw new BakError("STORE_DAMAGED", "not an index"); // to be counted
      writePushIndex(again, index).put();
      return isDeepStrictEqual(readPushIndex(again), index) ? undefined : "another index comes of it";
    },
    count: 30_000,
  });
});

t.test("tokens.json", (t) =>
  fuzz(t, "parseTokens", {
    seeds: sample(tokens, 20).map((each) => Buffer.from(formatTokens(each))),
    // without their checks, so that what is in them is looked at, too
    material: sample(tokens, 5).map((each) => Buffer.from(formatTokens(each))),
    shape: { ...json, finish: (bytes, next) => (next() % 4 === 0 ? bytes : withoutCheck(bytes)) },
    codes: ["STORE_DAMAGED", "STORE_VERSION"],
    judge: (bytes) => {
      const parsed = parseTokens(bytes.toString("latin1"), "tokens.json");
      const again = formatTokens(parsed);
      return isDeepStrictEqual(parseTokens(again, "tokens.json"), parsed) ? undefined : `read as ${again}`;
    },
    count: 30_000,
  }),
);

function withoutCheck(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString("latin1").replace(/,\s*"check":\s*"[0-9a-f]*"/, ""), "latin1");
}
