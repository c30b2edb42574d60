/** Messages of every type, drawn by fast-check: each with fields that its layout takes. */
import fc from "fast-check";
import { codecs } from "../../src/objects/member-codec.js";
import { objectIdBytes } from "../../src/objects/object-id.js";
import { layouts, type Message, type MessageType } from "../../src/protocol/messages.js";
import { objectIds, projectIds, texts } from "./arbitraries.js";

const requests = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffffffff }));
const unsigned = fc.oneof(
  fc.nat(300),
  fc.maxSafeNat(),
  fc.constantFrom(0xffffffff, 0x100000000, Number.MAX_SAFE_INTEGER),
);
const binary = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const ids = fc
  .array(objectIds, { minLength: 1, maxLength: 9 })
  .map((each) => Buffer.concat(each.map((id) => objectIdBytes(id))));
/** A grapheme may have many characters. */
const short = texts(20).filter((text) => Buffer.byteLength(text) <= 64);
const orNothing = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

const packCodecLists = fc.constantFrom(["gzip"], ["gzip", "zstd"]);

/** What each field of each message may hold, in the order of the layout. */
const fieldsOf: { [K in MessageType]: { [F in keyof (typeof layouts)[K]["fields"]]: fc.Arbitrary<unknown> } } = {
  hello: {
    version: unsigned,
    agent: short,
    project: projectIds,
    token: orNothing(short),
    have: orNothing(objectIds),
    wantTrees: fc.boolean(),
    reads: packCodecLists,
  },
  welcome: {
    version: unsigned,
    agent: short,
    store: short,
    head: orNothing(objectIds),
    maxPackBytes: unsigned,
    maxPackObjects: unsigned,
    trees: fc.boolean(),
    takes: packCodecLists,
    compression: fc.constantFrom(...codecs),
    incomplete: fc.boolean(),
  },
  has: { ids },
  known: { bitmap: binary },
  get: { ids },
  trees: { root: objectIds, have: orNothing(objectIds) },
  packBegin: {},
  packMember: { member: binary },
  packEnd: { pack: orNothing(objectIds) },
  packKept: { pack: objectIds, objects: unsigned, bytes: unsigned },
  commit: { commit: objectIds, base: orNothing(objectIds) },
  committed: { receivedMs: unsigned },
  log: { skip: unsigned, limit: unsigned },
  logPage: { lines: binary, total: unsigned },
  projects: {},
  projectList: { projects: short },
  error: { code: short, message: short, hint: orNothing(short) },
  progress: { phase: short, done: unsigned, total: unsigned },
  forget: { commits: ids, undo: fc.boolean() },
  forgotten: { count: unsigned },
  replace: { commit: objectIds, by: objectIds },
  replaced: { count: unsigned },
  forgottenLog: { skip: unsigned, limit: unsigned },
  forgottenPage: { lines: binary, total: unsigned, graceMs: unsigned },
  collect: { graceMs: unsigned, isDryRun: fc.boolean() },
  collected: {
    packs: unsigned,
    bytes: unsigned,
    objects: unsigned,
    packsDeleted: unsigned,
    bytesDeleted: unsigned,
    packsRewritten: unsigned,
    bytesRewritten: unsigned,
    packsMade: unsigned,
    bytesMade: unsigned,
    packsSkipped: unsigned,
    packsWaiting: unsigned,
    objectsDropped: unsigned,
    commitsDropped: unsigned,
  },
  check: { readParts: unsigned, repair: fc.boolean() },
  finding: { kind: short, subject: short, why: short },
  checked: {
    packs: unsigned,
    packsRead: unsigned,
    bytesRead: unsigned,
    objects: unsigned,
    commits: unsigned,
    faults: unsigned,
    repaired: unsigned,
    incompleteHeads: unsigned,
  },
  stats: {},
  measure: { growth: unsigned },
  measured: { projects: short, growth: short, contentBytes: unsigned, storedBytes: unsigned, incomplete: fc.boolean() },
  storeStats: {
    projects: unsigned,
    commits: unsigned,
    packs: unsigned,
    packBytes: unsigned,
    objects: unsigned,
    indexBytes: unsigned,
    damagedPacks: unsigned,
    asidePacks: unsigned,
    verifiedPacks: unsigned,
    oldestVerifiedMs: orNothing(unsigned),
  },
  tokenAdd: {
    name: short,
    hash: objectIds,
    projects: short,
    rights: short,
    expiresMs: orNothing(unsigned),
    quotaBytes: orNothing(unsigned),
  },
  tokenAdded: { id: short, createdMs: unsigned },
  tokenList: {},
  tokens: { lines: short },
  tokenRevoke: { name: short },
  tokenRevoked: { id: short, left: unsigned },
  tokenTry: { token: orNothing(short) },
  tokenTried: { line: orNothing(short) },
};

/** Messages of one type. */
export function messagesOf(type: MessageType): fc.Arbitrary<Message> {
  const model = { type: fc.constant(type), request: requests, ...fieldsOf[type] };
  return fc.record(model, { noNullPrototype: true }) as unknown as fc.Arbitrary<Message>;
}

export const messageTypes = Object.keys(layouts) as MessageType[];

/** Messages of any type. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(...messageTypes.map(messagesOf));
