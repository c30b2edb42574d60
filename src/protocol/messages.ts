/**
 * The messages of the conversation. Each is one MessagePack array `[number, request, field, …]` with the fields in the
 * order in which they stand here; docs/protocol.md says when each is sent. Requests are numbered by whoever begins them,
 * with odd numbers by the side that opened the connection and even ones by the other.
 */
import { maxPackedMemberBytes } from "../objects/pack-format.js";
import { maxProjectPatterns } from "../objects/project-pattern.js";
import * as field from "./fields.js";
import type { Field } from "./fields.js";
import {
  maxFindingBytes,
  maxForgottenLinesPerMessage,
  maxGrowthLinesBytes,
  maxIdsPerMessage,
  maxLogLinesPerMessage,
  maxSizeLinesBytes,
  maxTokenLineBytes,
  maxTokenLinesBytes,
} from "./limits.js";

/** Number and fields of every message. A number is never given to another message. */
export const layouts = {
  /** The first message: who speaks, about which project, and what it has of it already. */
  hello: {
    number: 1,
    fields: {
      version: field.unsigned,
      agent: field.text(200),
      project: field.projectId,
      token: field.optional(field.text(1024)),
      have: field.optional(field.objectId),
      wantTrees: field.boolean,
      reads: field.packCodecList,
    },
  },
  /** Answers hello. A pack stream of the same request follows where `trees` says so. */
  welcome: {
    number: 2,
    fields: {
      version: field.unsigned,
      agent: field.text(200),
      store: field.text(64),
      head: field.optional(field.objectId),
      maxPackBytes: field.unsigned,
      maxPackObjects: field.unsigned,
      trees: field.boolean,
      takes: field.packCodecList,
      compression: field.codec,
      incomplete: field.boolean,
    },
  },
  has: { number: 3, fields: { ids: field.objectIds } },
  /** Answers has: bit i (counted from the lowest bit of the first byte) says whether the i-th object is there. */
  known: { number: 4, fields: { bitmap: field.binary(maxIdsPerMessage / 8) } },
  /** Asks for objects; a pack stream answers. */
  get: { number: 5, fields: { ids: field.objectIds } },
  /** Asks for all trees beneath a commit or tree, save those beneath another; a pack stream answers. */
  trees: { number: 6, fields: { root: field.objectId, have: field.optional(field.objectId) } },
  /** A pack stream: begin, any number of members, end. As a request it is an upload, else it answers get and trees. */
  packBegin: { number: 7, fields: {} },
  packMember: { number: 8, fields: { member: field.binary(maxPackedMemberBytes) } },
  /** `pack` is the id of the pack that an upload makes; nil in an answer. */
  packEnd: { number: 9, fields: { pack: field.optional(field.objectId) } },
  /** Answers an upload: every object of it is on stable storage. */
  packKept: { number: 10, fields: { pack: field.objectId, objects: field.unsigned, bytes: field.unsigned } },
  /** Makes a commit the head of the project, if the head is still `base`. */
  commit: { number: 11, fields: { commit: field.objectId, base: field.optional(field.objectId) } },
  committed: { number: 12, fields: { receivedMs: field.unsigned } },
  /** Asks for a page of the project's log, newest first. */
  log: { number: 13, fields: { skip: field.unsigned, limit: field.unsigned } },
  /** Answers log: 40 bytes a commit, its id and the time received in ms since 1970 (64 bits, big-endian). */
  logPage: { number: 14, fields: { lines: field.binary(maxLogLinesPerMessage * 40), total: field.unsigned } },
  /** Asks for the ids of the store's projects. */
  projects: { number: 15, fields: {} },
  /** Answers projects: sorted, one a line. */
  projectList: { number: 16, fields: { projects: field.text(8 << 20) } },
  /** Answers any request that failed; with request 0, the connection as a whole has, and ends. */
  error: {
    number: 17,
    fields: { code: field.text(64), message: field.text(4096), hint: field.optional(field.text(4096)) },
  },
  /** Comes any number of times before the answer to a request that takes long: how far it is; `total` is 0 where nobody knows. */
  progress: { number: 18, fields: { phase: field.text(64), done: field.unsigned, total: field.unsigned } },
  /** Takes commits out of the project's log, or, with `undo`, puts back what was taken out. */
  forget: { number: 19, fields: { commits: field.objectIds, undo: field.boolean } },
  /** Answers forget: how many lines of the log that took away or added. */
  forgotten: { number: 20, fields: { count: field.unsigned } },
  /** Asks for a page of what was forgotten of the project and can be brought back, what was forgotten last first. */
  forgottenLog: { number: 21, fields: { skip: field.unsigned, limit: field.unsigned } },
  /**
   * Answers forgottenLog: 48 bytes a commit, its id and the times received and forgotten in ms since 1970 (64 bits,
   * big-endian), and for how many ms after it was forgotten each can be brought back at least.
   */
  forgottenPage: {
    number: 22,
    fields: {
      lines: field.binary(maxForgottenLinesPerMessage * 48),
      total: field.unsigned,
      graceMs: field.unsigned,
    },
  },
  /** Asks the store to delete what nobody needs; see `Store.collectGarbage`. Progress comes before the answer. */
  collect: { number: 23, fields: { graceMs: field.unsigned, isDryRun: field.boolean } },
  /** Answers collect: what there was, and what has been done, or would be. */
  collected: {
    number: 24,
    fields: {
      packs: field.unsigned,
      bytes: field.unsigned,
      objects: field.unsigned,
      packsDeleted: field.unsigned,
      bytesDeleted: field.unsigned,
      packsRewritten: field.unsigned,
      bytesRewritten: field.unsigned,
      packsMade: field.unsigned,
      bytesMade: field.unsigned,
      packsSkipped: field.unsigned,
      packsWaiting: field.unsigned,
      objectsDropped: field.unsigned,
      commitsDropped: field.unsigned,
    },
  },
  /** Asks for the store to be checked: `readParts` thousandths of its packs' bytes are read, and what is damaged is repaired. */
  check: { number: 25, fields: { readParts: field.unsigned, repair: field.boolean } },
  /** Comes any number of times before the answer to check: something that is wrong, or was put in order. */
  finding: {
    number: 26,
    fields: { kind: field.text(64), subject: field.text(maxFindingBytes), why: field.text(maxFindingBytes) },
  },
  /** Answers check: what was looked at, and what came out. */
  checked: {
    number: 27,
    fields: {
      packs: field.unsigned,
      packsRead: field.unsigned,
      bytesRead: field.unsigned,
      objects: field.unsigned,
      commits: field.unsigned,
      faults: field.unsigned,
      repaired: field.unsigned,
      incompleteHeads: field.unsigned,
    },
  },
  /** Asks for the store in numbers. */
  stats: { number: 28, fields: {} },
  /** Answers stats. Times are in ms since 1970. */
  storeStats: {
    number: 29,
    fields: {
      projects: field.unsigned,
      commits: field.unsigned,
      packs: field.unsigned,
      packBytes: field.unsigned,
      objects: field.unsigned,
      indexBytes: field.unsigned,
      damagedPacks: field.unsigned,
      asidePacks: field.unsigned,
      verifiedPacks: field.unsigned,
      oldestVerifiedMs: field.optional(field.unsigned),
    },
  },
  /** Puts a commit in the place of one in the project's log that has the same content but for its tags. */
  replace: { number: 30, fields: { commit: field.objectId, by: field.objectId } },
  /** Answers replace: how many lines of the log that changed. */
  replaced: { number: 31, fields: { count: field.unsigned } },
  /** Asks how large all is that commits reach, and what so many of them have added; see `Store.measure`. Progress comes before the answer. */
  measure: { number: 32, fields: { growth: field.unsigned } },
  /** Answers measure; the lines are those of `size-lines.ts`. */
  measured: {
    number: 33,
    fields: {
      projects: field.text(maxSizeLinesBytes),
      growth: field.text(maxGrowthLinesBytes),
      contentBytes: field.unsigned,
      storedBytes: field.unsigned,
      incomplete: field.boolean,
    },
  },
  /**
   * Makes a token. `hash` is the BLAKE3 of its secret, which stays with whoever asks; `projects` and `rights` are names with
   * spaces between them.
   */
  tokenAdd: {
    number: 40,
    fields: {
      name: field.text(64),
      hash: field.objectId,
      projects: field.text(maxProjectPatterns * 130),
      rights: field.text(64),
      expiresMs: field.optional(field.unsigned),
      quotaBytes: field.optional(field.unsigned),
    },
  },
  /** Answers tokenAdd. */
  tokenAdded: { number: 41, fields: { id: field.text(64), createdMs: field.unsigned } },
  /** Asks for what may be known of the store's tokens. */
  tokenList: { number: 42, fields: {} },
  /** Answers tokenList: see token-lines.ts. */
  tokens: { number: 43, fields: { lines: field.text(maxTokenLinesBytes) } },
  /** Takes a token away, for good and at once. */
  tokenRevoke: { number: 44, fields: { name: field.text(64) } },
  /** Answers tokenRevoke: which that was, and how many are left that have not expired. */
  tokenRevoked: { number: 45, fields: { id: field.text(64), left: field.unsigned } },
  /** Before hello, or in its place: asks what a token is good for. */
  tokenTry: { number: 46, fields: { token: field.optional(field.text(1024)) } },
  /** Answers tokenTry: one line as `tokens` has it, without its last use; nil where the store asks for no token. */
  tokenTried: { number: 47, fields: { line: field.optional(field.text(maxTokenLineBytes)) } },
} as const;

export type MessageType = keyof typeof layouts;

/** The messages that only ever answer one. */
export const answerTypes = [
  "welcome",
  "known",
  "packKept",
  "committed",
  "logPage",
  "projectList",
  "error",
  "progress",
  "forgotten",
  "forgottenPage",
  "collected",
  "finding",
  "checked",
  "storeStats",
  "replaced",
  "measured",
  "tokenAdded",
  "tokens",
  "tokenRevoked",
  "tokenTried",
] as const satisfies readonly MessageType[];

/** The messages with which a client asks for something, or sends a part of it. */
export type RequestType = Exclude<MessageType, (typeof answerTypes)[number]>;

type FieldsOf<F> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** A message of one type: its fields by name. */
export type MessageOf<K extends MessageType> = K extends MessageType
  ? { type: K; request: number } & FieldsOf<(typeof layouts)[K]["fields"]>
  : never;

/** Any message. */
export type Message = { [K in MessageType]: MessageOf<K> }[MessageType];

/** A message before it is given the number of its request. */
export type Unnumbered<M extends Message = Message> = M extends Message ? Omit<M, "request"> : never;
