/** The other end as the client sees it: what can be asked of a store, once hello has been said. */
import { BakError } from "../errors.js";
import type { Codec } from "../objects/member-codec.js";
import { oneLine } from "../objects/one-line.js";
import { encodeObjectIds, objectIdLength, type ObjectId } from "../objects/object-id.js";
import { packCodecs, type PackCodec } from "../objects/pack-format.js";
import { PackHasher } from "../objects/pack-hasher.js";
import { isProjectId, type ProjectId } from "../objects/project-id.js";
import type { TokenName } from "../objects/token-name.js";
import type { TokenTerms } from "../objects/token-terms.js";
import type { Channel } from "../protocol/channel.js";
import { memberHeadroomBytes } from "../protocol/message-codec.js";
import type { Conversation, Exchange } from "../protocol/conversation.js";
import {
  maxFindingsPerCheck,
  maxForgottenLinesPerMessage,
  maxIdsPerMessage,
  maxLogLinesPerMessage,
  protocolVersion,
} from "../protocol/limits.js";
import { decodeForgottenLines, decodeLogLines, type ForgottenLine, type LogLine } from "../protocol/log-lines.js";
import type { MessageOf } from "../protocol/messages.js";
import { decodeGrowth, decodeProjectSizes, type CommitGrowth, type ProjectSizes } from "../protocol/size-lines.js";
import { receivePackStream } from "../protocol/pack-stream.js";
import { decodeTokenLines, type TokenLine } from "../protocol/token-lines.js";
import { openConversation } from "./open-conversation.js";

export interface Hello {
  project: ProjectId;
  /** Names this program and its version. */
  agent: string;
  token?: string | undefined;
  /** The commit whose trees need not be sent. */
  have?: ObjectId | undefined;
  /** Whether the head's trees are wanted at once. */
  wantTrees: boolean;
}

/** What is known of a pack once the store has it on stable storage. */
export interface PackReceipt {
  readonly pack: ObjectId;
  readonly objects: number;
  readonly bytes: number;
}

/** A commit that was forgotten, and can be brought back. */
export interface ForgottenCommit extends ForgottenLine {
  /** Until then it is certain that it can be: milliseconds since 1970, by the store's clock. */
  readonly untilMs: number;
}
/** How far the store is with something that takes long. */
export type StoreProgress = Pick<MessageOf<"progress">, "phase" | "done" | "total">;

/** What has been deleted from the store, or would be: see `Collected` of the store. */
export type Collected = Omit<MessageOf<"collected">, "type" | "request">;
/** Something that the store has found to be wrong with itself. */
export type StoreFinding = Pick<MessageOf<"finding">, "kind" | "subject" | "why">;
/** What a check of the store has come to. */
export type StoreReport = Omit<MessageOf<"checked">, "type" | "request">;
/** The store in numbers. */
export type RemoteStats = Omit<MessageOf<"storeStats">, "type" | "request">;

/** A token that is to be made. */
export interface NewRemoteToken extends TokenTerms {
  /** Of its secret. */
  readonly hash: ObjectId;
}

/** How large a store is that has been measured: see `StoreSizes` of the store. */
export interface RemoteSizes extends Sizes {
  readonly projects: readonly ProjectSizes[];
  readonly growth: readonly CommitGrowth[];
  readonly isIncomplete: boolean;
}
type Sizes = Pick<MessageOf<"measured">, "contentBytes" | "storedBytes">;

/** A pack on its way to the store. */
export interface PackUpload {
  /**
   * Sends one member, `memberHeadroomBytes` bytes behind the beginning of `room`; resolves when there is room for the next.
   * Calls `onSent` when the bytes of `room` are not needed any more; where it rejects, that may never be.
   */
  add(room: Uint8Array, onSent: () => void): Promise<void>;
  /** Resolves once every object of the pack is on stable storage; rejects with what the store refused it for. */
  finish(): Promise<PackReceipt>;
}

export class Remote {
  /** The id of the store at the other end. */
  readonly store: string;
  /** The project's latest commit when the conversation began. */
  readonly head: ObjectId | undefined;
  readonly maxPackBytes: number;
  readonly maxPackObjects: number;
  /** Whether the store knows that it has lost something of the head. */
  readonly isHeadIncomplete: boolean;
  /** What members the store takes, and what it asks for where the user does not say. */
  readonly takes: readonly PackCodec[];
  readonly compression: Codec;
  readonly peer: string;
  /** Whether the store is on this machine, and so shares its processor. */
  readonly isLocal: boolean;
  readonly project: ProjectId;
  readonly #conversation: Conversation;
  #headTrees: AsyncGenerator<Uint8Array, void, undefined> | undefined;

  /**
   * Says hello. Rejects with NOT_ALLOWED, PROTOCOL, CONNECTION_LOST, or NO_SERVER where no answer comes within a minute; the
   * channel is then closed, as it is when the signal is aborted.
   */
  static async open(channel: Channel, hello: Hello, options: { signal?: AbortSignal } = {}): Promise<Remote> {
    const greet = async (exchange: Exchange, conversation: Conversation): Promise<Remote> => {
      const { token, have, ...rest } = hello;
      await exchange.send({ type: "hello", version: protocolVersion, token, have, reads: packCodecs, ...rest });
      const welcome = await exchange.next("welcome");
      if (welcome.version !== protocolVersion) {
        throw new BakError(
          "PROTOCOL",
          `'${channel.peer}' speaks version ${welcome.version} of the protocol, this bak ${protocolVersion}`,
        );
      }
      return new Remote(conversation, hello.project, welcome, exchange);
    };
    return openConversation(channel, greet, options);
  }

  private constructor(
    conversation: Conversation,
    project: ProjectId,
    welcome: Pick<Remote, "store" | "head" | "maxPackBytes" | "maxPackObjects" | "takes" | "compression"> & {
      trees: boolean;
      incomplete: boolean;
    },
    exchange: Exchange,
  ) {
    this.#conversation = conversation;
    this.project = project;
    this.peer = conversation.peer;
    this.isLocal = conversation.isLocal;
    this.store = welcome.store;
    this.head = welcome.head;
    this.maxPackBytes = welcome.maxPackBytes;
    this.maxPackObjects = welcome.maxPackObjects;
    this.isHeadIncomplete = welcome.incomplete;
    this.takes = welcome.takes;
    this.compression = welcome.compression;
    if (welcome.trees) this.#headTrees = receivePackStream(exchange);
    else exchange.end();
  }

  /** The members that the store sent along with its welcome: the head's commit and trees. To be read once, if there are any. */
  takeHeadTrees(): AsyncGenerator<Uint8Array, void, undefined> | undefined {
    const trees = this.#headTrees;
    this.#headTrees = undefined;
    return trees;
  }

  /** For n ids of 32 bytes each, 65,536 at most: a function that says of the i-th whether the store has the object. */
  async hasMany(ids: Uint8Array): Promise<(index: number) => boolean> {
    const { bitmap } = await this.#conversation.ask({ type: "has", ids }, "known");
    if (bitmap.length !== Math.ceil(ids.length / objectIdLength / 8))
      throw new BakError("PROTOCOL", `'${this.peer}' answered for another number of objects`);
    return (index) => (((bitmap[index >> 3] as number) >> (index & 7)) & 1) === 1;
  }

  /** Begins to send a pack, whose members are all of one kind that the store takes. */
  async upload(): Promise<PackUpload> {
    const exchange = this.#conversation.open();
    const hasher = new PackHasher();
    await exchange.send({ type: "packBegin" });
    return {
      add: (room, onSent) => {
        hasher.add(room.subarray(memberHeadroomBytes));
        return exchange.sendMember(room, onSent);
      },
      finish: async () => {
        const pack = hasher.finish();
        try {
          await exchange.send({ type: "packEnd", pack });
          const receipt = await exchange.next("packKept");
          if (receipt.pack !== pack) throw new BakError("PROTOCOL", `'${this.peer}' kept another pack than was sent`);
          return receipt;
        } finally {
          exchange.end();
        }
      },
    };
  }

  /** Makes a commit the project's head. Rejects with HEAD_MOVED if the head is no longer `base`. */
  async commit(commit: ObjectId, base: ObjectId | undefined): Promise<LogLine> {
    const { receivedMs } = await this.#conversation.ask({ type: "commit", commit, base }, "committed");
    return { commit, receivedMs };
  }

  /** The members that hold the objects asked for, at most 65,536, and whatever else lies in them. */
  async *get(ids: readonly ObjectId[]): AsyncGenerator<Uint8Array, void, undefined> {
    const exchange = this.#conversation.open();
    await exchange.send({ type: "get", ids: encodeObjectIds(ids) });
    let left = ids.length; // each member holds one of them, and comes once
    for await (const member of receivePackStream(exchange)) {
      if (left === 0) throw new BakError("PROTOCOL", `'${this.peer}' sent more than was asked for`);
      left -= 1;
      yield member;
    }
  }

  /** The members that hold the trees beneath a commit or tree, the commit itself too. */
  async *trees(root: ObjectId): AsyncGenerator<Uint8Array, void, undefined> {
    const exchange = this.#conversation.open();
    await exchange.send({ type: "trees", root, have: undefined });
    yield* receivePackStream(exchange);
  }

  /** The project's commits, newest first, after skipping some. */
  async *log(options: { skip?: number; limit?: number } = {}): AsyncGenerator<LogLine, void, undefined> {
    let skip = options.skip ?? 0;
    let left = options.limit ?? Number.MAX_SAFE_INTEGER;
    let end: number | undefined; // as long as the log was at first: one that grew for ever would have no end
    while (left > 0 && skip < (end ?? Number.MAX_SAFE_INTEGER)) {
      const limit = Math.min(left, maxLogLinesPerMessage);
      const page = await this.#conversation.ask({ type: "log", skip, limit }, "logPage");
      const lines = decodeLogLines(page.lines);
      if (lines.length > limit)
        throw new BakError("PROTOCOL", `'${this.peer}' answered with more commits than were asked for`);
      yield* lines;
      skip += lines.length;
      left -= lines.length;
      end ??= page.total;
      if (lines.length === 0) return;
    }
  }

  /**
   * Takes commits out of the project's log, or, with `undo`, puts forgotten ones back; any number. Gives how many lines of
   * the log that were. Rejects midway with what the store answers; what was done by then stays.
   */
  async forget(commits: readonly ObjectId[], { undo }: { undo: boolean }): Promise<number> {
    let count = 0;
    for (let from = 0; from < commits.length; from += maxIdsPerMessage) {
      const ids = encodeObjectIds(commits.slice(from, from + maxIdsPerMessage));
      count += (await this.#conversation.ask({ type: "forget", commits: ids, undo }, "forgotten")).count;
    }
    return count;
  }

  /** Puts a commit, which the store has, in the place of one that differs in its tags alone; false where that is not in the log. */
  async replace(commit: ObjectId, by: ObjectId): Promise<boolean> {
    return (await this.#conversation.ask({ type: "replace", commit, by }, "replaced")).count > 0;
  }

  /** What was forgotten of the project and can be brought back, what was forgotten last first. */
  async *forgotten(): AsyncGenerator<ForgottenCommit, void, undefined> {
    let total = 1; // as long as it was at first
    for (let skip = 0; skip < total;) {
      const limit = maxForgottenLinesPerMessage;
      const page = await this.#conversation.ask({ type: "forgottenLog", skip, limit }, "forgottenPage");
      const lines = decodeForgottenLines(page.lines);
      if (lines.length > limit)
        throw new BakError("PROTOCOL", `'${this.peer}' answered with more commits than were asked for`);
      if (lines.length === 0) return;
      for (const line of lines) yield { ...line, untilMs: line.forgottenMs + page.graceMs };
      if (skip === 0) total = page.total;
      skip += lines.length;
    }
  }

  /** The ids of the store's projects, sorted. */
  async projects(): Promise<ProjectId[]> {
    const { projects } = await this.#conversation.ask({ type: "projects" }, "projectList");
    return projects.split("\n").filter(isProjectId);
  }

  /**
   * Has the store delete what nobody needs, of what is older than the grace; with `isDryRun`, only asks what that would be.
   * `onProgress` is told now and then how far the store is. Ending the conversation stops it.
   */
  async collect(
    options: { graceMs: number; isDryRun: boolean },
    onProgress: (progress: StoreProgress) => void,
  ): Promise<Collected> {
    const message = { type: "collect", ...options } as const;
    const { type: _, request: __, ...collected } = await this.#conversation.follow(message, "collected", onProgress);
    return collected;
  }

  /**
   * Has the store checked; `readPermille` thousandths of its packs' bytes are read for that. `onFinding` is told what is wrong,
   * or was repaired.
   */
  async check(
    options: { readPermille: number; repair: boolean },
    on: { progress: (progress: StoreProgress) => void; finding: (finding: StoreFinding) => void },
  ): Promise<StoreReport> {
    let findings = 0;
    const onFinding = (finding: StoreFinding): void => {
      findings += 1;
      if (findings > maxFindingsPerCheck)
        throw new BakError("PROTOCOL", `'${this.peer}' told of more findings than it may`);
      on.finding({ kind: oneLine(finding.kind), subject: oneLine(finding.subject), why: oneLine(finding.why) });
    };
    const ask = { type: "check", readParts: options.readPermille, repair: options.repair } as const;
    return this.#conversation.follow(ask, "checked", on.progress, onFinding);
  }

  /** The store in numbers. */
  stats(): Promise<RemoteStats> {
    return this.#conversation.ask({ type: "stats" }, "storeStats");
  }

  /** Makes a token; its secret is not sent, only the hash of it. */
  async addToken(token: NewRemoteToken): Promise<{ id: string; createdMs: number }> {
    const [projects, rights] = [token.projects.join(" "), token.rights.join(" ")];
    const { id, createdMs } = await this.#conversation.ask(
      { type: "tokenAdd", ...token, projects, rights },
      "tokenAdded",
    );
    return { id, createdMs };
  }

  /** The tokens of the store. */
  async tokens(): Promise<TokenLine[]> {
    return decodeTokenLines((await this.#conversation.ask({ type: "tokenList" }, "tokens")).lines);
  }

  /** Takes a token away, for good and at once; gives its id, and how many are left that have not expired. */
  async revokeToken(name: TokenName): Promise<{ id: string; left: number }> {
    const { id, left } = await this.#conversation.ask({ type: "tokenRevoke", name }, "tokenRevoked");
    return { id, left };
  }

  /** Has the store measure what its commits reach; that reads all its trees. `growth` commits are named that have added most. */
  async measure(growth: number, onProgress: (progress: StoreProgress) => void): Promise<RemoteSizes> {
    const measured = await this.#conversation.follow({ type: "measure", growth }, "measured", onProgress);
    const { contentBytes, storedBytes, incomplete: isIncomplete } = measured;
    const projects = decodeProjectSizes(measured.projects);
    return { projects, growth: decodeGrowth(measured.growth), contentBytes, storedBytes, isIncomplete };
  }

  /** Ends the conversation. Never rejects. */
  close(): Promise<void> {
    return this.#conversation.close();
  }
}

/** The most ids that one call of `has` or `get` takes. */
export const maxIdsPerCall = maxIdsPerMessage;
