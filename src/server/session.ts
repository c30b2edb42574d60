/**
 * The store's side of one conversation: one match over what the other end asks for. The first message is `hello`; what it
 * says about the project holds for all that follow.
 */
import { BakError, isBakError, unreachable, type ErrorCode } from "../errors.js";
import { decodeCommit, encodeCommit } from "../objects/commit.js";
import { decodeObjectIds, type ObjectId } from "../objects/object-id.js";
import { maxPackBytes, maxPackObjects, packCodecs } from "../objects/pack-format.js";
import type { ProjectId } from "../objects/project-id.js";
import type { Channel } from "../protocol/channel.js";
import { Conversation, errorMessage } from "../protocol/conversation.js";
import {
  maxFindingBytes,
  helloTimeoutMs,
  maxLogLinesPerMessage,
  maxUnacknowledgedPacks,
  protocolVersion,
} from "../protocol/limits.js";
import { encodeLogLines } from "../protocol/log-lines.js";
import type { Message, MessageOf, MessageType } from "../protocol/messages.js";
import { assertComplete } from "../store/reachable.js";
import type { Collected, Finding, Lease, ObjectSource, Quota, ReceiveOptions, Sees, Store } from "../store/store.js";
import { fullAccess, type Access, type Authorize } from "./access.js";
import { answerForget, answerForgottenLog } from "./forgetting.js";
import { answerMeasure } from "./measuring.js";
import { LongRequests, type LongWork } from "./long-requests.js";
import { assertMay } from "./request-rights.js";
import { answerTokens, type TokenKeeper } from "./token-requests.js";
import { Sending } from "./sending.js";
import { Uploads } from "./uploads.js";
import { errorWithoutPlaces, withoutPlaces } from "./without-places.js";

/** What a session is told beside its channel and its store. */
export interface SessionOptions {
  /** Names this program and its version in `welcome`. */
  agent: string;
  /** Told of what a person watching the server wants to know. */
  onEvent?: (event: SessionEvent) => void;
  /** How long a client may take to say hello; a minute if nothing is said. */
  helloTimeoutMs?: number | undefined;
  /** Says what whoever says hello may do; everything, unless given. */
  authorize?: Authorize | undefined;
  /** What is asked to make and revoke tokens; nobody may, unless given. */
  tokens?: TokenKeeper | undefined;
  /** How many bytes of packs any one project may keep. */
  projectQuotaBytes?: number | undefined;
  /** Whether the other end is elsewhere, and is not told where the store lies. */
  isRemote?: boolean;
}

/** What a session tells of; `token` is the name of what it was let in with, if anything. */
export type SessionEvent = { token?: string } & (
  | { type: "opened"; project: ProjectId; agent: string }
  | { type: "committed"; project: ProjectId; commit: ObjectId }
  | { type: "replaced"; project: ProjectId; commit: ObjectId; by: ObjectId }
  | { type: "forgotten" | "broughtBack"; project: ProjectId; count: number; commits: readonly ObjectId[] }
  /** At the end of a session that was sent anything: how many objects it has asked for by their ids, and all that it was sent. */
  | { type: "read"; project: ProjectId; objects: number; bytes: number }
  | { type: "collected"; project: ProjectId; collected: Collected }
  | { type: "repaired"; project: ProjectId; faults: number; repaired: number }
  /** A request that there was no right to, or that went beyond a limit; told once for each kind of request. */
  | { type: "requestRefused"; project: ProjectId; request: MessageType; code: ErrorCode; why: string }
  /** A request that the store failed at, with all that is known of it; told once for each kind of request and failure. */
  | { type: "requestFailed"; project: ProjectId; request: MessageType; error: unknown }
  /** The session was ended since its token was revoked, or has expired. */
  | { type: "dismissed"; project: ProjectId; why: string }
);

/** Whoever is sent away has so long to hear why. */
const dismissTimeoutMs = 2_000;

/** Serves one channel from a store until it ends. Resolves when the other end closes; rejects with what broke it off. */
export async function serveSession(channel: Channel, store: Store, options: SessionOptions): Promise<void> {
  const session = new Session(channel, store, options);
  await session.ended;
}

class Session {
  readonly ended: Promise<void>;
  readonly #store: Store;
  readonly #options: SessionOptions;
  readonly #conversation: Conversation;
  readonly #uploads: Uploads;
  /** What takes long is answered through this. */
  readonly #long: LongRequests;
  #project: ProjectId | undefined;
  /** What it may do, from hello on. */
  #access: Access = fullAccess;
  #isEnded = false;
  #changingTokens: Promise<void> | undefined;
  readonly #refusals = new Set<string>();
  /** From hello on nothing is deleted that the client may rely on. */
  #lease: Lease | undefined;
  /** From hello on. */
  #sending: Sending | undefined;

  constructor(channel: Channel, store: Store, options: SessionOptions) {
    this.#store = store;
    this.#options = options;
    this.#uploads = new Uploads(store);
    this.#conversation = new Conversation(channel, { opened: false, onRequest: (message) => this.#take(message) });
    this.#long = new LongRequests(this.#conversation);
    this.ended = this.#run();
  }

  async #run(): Promise<void> {
    const late = setTimeout(() => {
      if (this.#project !== undefined) return;
      void this.#conversation.dismiss(new BakError("PROTOCOL", "no hello came in time"));
    }, this.#options.helloTimeoutMs ?? helloTimeoutMs).unref();
    try {
      await this.#conversation.ended;
    } finally {
      clearTimeout(late);
      this.#isEnded = true;
      this.#access.revoked.removeEventListener("abort", this.#dismiss);
      this.#access.release();
      await this.#uploads.abort();
      await this.#long.abort();
      this.#lease?.release();
      const sent = this.#sending?.sent;
      if (this.#project !== undefined && sent !== undefined && sent.bytes > 0)
        this.#tell({ type: "read", project: this.#project, ...sent });
    }
  }

  #tell(event: SessionEvent): void {
    const { name } = this.#access;
    this.#options.onEvent?.(name === undefined ? event : { ...event, token: name });
  }

  /** Ends the session: its token is good for nothing any more. Whoever does not listen to the reason is left without. */
  readonly #dismiss = (): void => {
    if (this.#isEnded) return; // by itself, and only now it is seen that the token has expired
    const reason = this.#access.revoked.reason as BakError;
    if (this.#project !== undefined) this.#tell({ type: "dismissed", project: this.#project, why: reason.message });
    const end = setTimeout(() => void this.#conversation.close(), dismissTimeoutMs).unref();
    void this.#uploads.abort();
    void this.#long.abort();
    // who has made the first token, or revoked his own, is told so first
    void Promise.allSettled([this.#changingTokens])
      .then(() => this.#conversation.dismiss(reason))
      .finally(() => clearTimeout(end));
  };

  async #take(message: Message): Promise<void> {
    try {
      await this.#answer(message);
    } catch (error) {
      throw this.#explained(error, message.type);
    }
  }

  /** Tells what a request has come to nothing by, and gives what the other end is told of it. */
  #explained(error: unknown, request: MessageType): unknown {
    this.#tellRefusal(error, request);
    if (this.#options.isRemote !== true || !isBakError(error)) return error;
    return errorWithoutPlaces(error, this.#store.folder);
  }

  #tellRefusal(error: unknown, request: MessageType): void {
    const project = this.#project;
    const isRefusal = isBakError(error, "NOT_ALLOWED", "LIMIT");
    const isFailure = isBakError(error) ? error.code.startsWith("STORE_") : !this.#isEnded;
    if (project === undefined || !(isRefusal || isFailure) || this.#access.revoked.aborted) return;
    const kind = isRefusal ? request : `${request} ${isBakError(error) ? error.code : ""}`;
    if (this.#refusals.has(kind)) return;
    this.#refusals.add(kind);
    if (!isRefusal) this.#tell({ type: "requestFailed", project, request, error });
    else this.#tell({ type: "requestRefused", project, request, code: error.code, why: error.message });
  }

  /** Works on a request that takes long; see `LongRequests`. */
  #beginLong({ type, request }: Message, work: (long: LongWork) => Promise<Message>): void {
    this.#long.begin(request, async (long) => {
      try {
        return await work(long);
      } catch (error) {
        throw this.#explained(error, type);
      }
    });
  }

  async #answer(message: Message): Promise<void> {
    if (message.type === "hello") return this.#hello(message);
    const [project, lease, sending] = [this.#project, this.#lease, this.#sending];
    if (project === undefined || lease === undefined || sending === undefined)
      throw new BakError("PROTOCOL", "the first message must be hello");
    assertMay(this.#access, message.type, project);
    const { request } = message;
    switch (message.type) {
      case "has":
        return this.#conversation.send({ type: "known", request, bitmap: await lease.hasMany(message.ids) });
      case "get":
        return sending.sendObjects(request, decodeObjectIds(message.ids));
      case "trees":
        return sending.sendTrees(request, message.root, message.have);
      case "packBegin":
        return this.#uploads.begin(request, this.#receiveOptions(project));
      case "packMember":
        return this.#uploads.add(request, message.member);
      case "packEnd":
        return this.#endPack(request, message.pack);
      case "commit":
        lease.needs(message.commit); // before it is looked at whether all of it is there
        return this.#commit(message, project, sending.objects);
      case "log":
        return this.#log(message, project);
      case "projects": {
        const projects = (await this.#store.projects()).filter((each) => this.#access.sees(each));
        return this.#conversation.send({ type: "projectList", request, projects: projects.join("\n") });
      }
      case "forget":
        return this.#forget(message, project);
      case "replace":
        lease.needs(message.by);
        return this.#replace(message, project, sending.objects);
      case "forgottenLog":
        return this.#conversation.send(await answerForgottenLog(this.#store, project, message));
      case "collect":
        return this.#collect(message);
      case "check":
        return this.#beginLong(message, (long) => this.#check(message, long));
      case "stats": {
        const { oldestVerifiedMs, ...stats } = await this.#store.stats();
        return this.#conversation.send({ type: "storeStats", request, ...stats, oldestVerifiedMs });
      }
      case "measure":
        return this.#beginLong(message, (long) => answerMeasure(this.#store, message, long));
      case "tokenAdd":
      case "tokenList":
      case "tokenRevoke": {
        this.#changingTokens = this.#answerTokens(message);
        return this.#changingTokens;
      }
      case "tokenTry":
        throw new BakError("PROTOCOL", "'tokenTry' comes before hello, or not at all");
      case "measured":
      case "tokenAdded":
      case "tokens":
      case "tokenRevoked":
      case "tokenTried":
      case "finding":
      case "checked":
      case "storeStats":
      case "welcome":
      case "known":
      case "packKept":
      case "committed":
      case "logPage":
      case "projectList":
      case "progress":
      case "forgotten":
      case "forgottenPage":
      case "collected":
      case "replaced":
      case "error":
        throw new BakError("PROTOCOL", `'${message.type}' answers nothing that was asked`);
      default:
        return unreachable(message);
    }
  }

  async #hello(message: MessageOf<"hello">): Promise<void> {
    if (this.#project !== undefined) throw new BakError("PROTOCOL", "hello was said already");
    if (!(await this.#letIn(message))) return;
    if (message.version !== protocolVersion) {
      throw new BakError(
        "PROTOCOL",
        `the client speaks version ${message.version} of the protocol, the server ${protocolVersion}`,
        { hint: "use the same version of bak at both ends" },
      );
    }
    if (message.wantTrees) assertMay(this.#access, "trees", message.project);
    this.#project = message.project;
    const { project, reads } = message;
    const lease = this.#store.lease({ sees: this.#sees }); // before the head is read, which the client then relies on
    this.#lease = lease;
    const [conversation, store, access] = [this.#conversation, this.#store, this.#access];
    const sending = new Sending({ conversation, store, view: lease.view, access, project, reads });
    this.#sending = sending;
    const head = await this.#store.head(message.project);
    const trees = message.wantTrees && head !== undefined && head !== message.have;
    this.#tell({ type: "opened", project: message.project, agent: message.agent });
    await this.#conversation.send({
      type: "welcome",
      request: message.request,
      version: protocolVersion,
      agent: this.#options.agent,
      store: this.#store.id,
      head,
      maxPackBytes,
      maxPackObjects,
      trees,
      takes: packCodecs,
      compression: this.#store.compression,
      incomplete: head !== undefined && this.#store.isIncomplete(head),
    });
    if (trees) await sending.sendTrees(message.request, head, message.have);
  }

  /** Whether whoever says hello may do anything here; else that is all he is told, whatever else is wrong with what he says. */
  async #letIn({ project, token }: MessageOf<"hello">): Promise<boolean> {
    const { authorize } = this.#options;
    if (authorize === undefined) return true;
    this.#access.release();
    try {
      this.#access = await authorize({ project, token }, this.#conversation.peer);
    } catch (error) {
      if (!isBakError(error, "NOT_ALLOWED")) throw error;
      await this.#conversation.dismiss(error);
      return false;
    }
    const { revoked } = this.#access;
    revoked.addEventListener("abort", this.#dismiss);
    if (this.#isEnded) this.#access.release();
    if (revoked.aborted) this.#dismiss();
    return true;
  }

  /** Which projects the client may see; undefined for all. */
  get #sees(): Sees | undefined {
    return this.#access.seesAll ? undefined : this.#access.sees;
  }

  /** What comes is the project's, and counts for its quota. */
  #receiveOptions(project: ProjectId): ReceiveOptions {
    const { projectQuotaBytes } = this.#options;
    const { name, quotaBytes } = this.#access;
    const quotas: Quota[] = [];
    if (projectQuotaBytes !== undefined) {
      const counts = (other: ProjectId): boolean => other === project;
      quotas.push({ of: `project '${project}'`, limitBytes: projectQuotaBytes, counts });
    }
    if (quotaBytes !== undefined) {
      quotas.push({ of: `token '${name}'`, limitBytes: quotaBytes, counts: this.#access.sees });
    }
    return { owner: project, quotas };
  }

  /** Answers when the pack is kept, and takes other messages meanwhile: up to a limit, since each waits with its files open. */
  async #endPack(request: number, pack: ObjectId | undefined): Promise<void> {
    const kept = this.#uploads.end(request, pack).then(
      (receipt) => receipt && this.#conversation.send({ type: "packKept", request, ...receipt }),
      (error: unknown) => {
        const told = this.#explained(error, "packEnd");
        if (!isBakError(told)) throw told;
        return this.#conversation.send(errorMessage(told, request));
      },
    );
    await this.#uploads.settle(kept, maxUnacknowledgedPacks);
  }

  async #answerTokens(message: MessageOf<"tokenAdd" | "tokenList" | "tokenRevoke">): Promise<void> {
    const by = { token: this.#access.name, peer: this.#conversation.peer };
    await this.#conversation.send(await answerTokens(this.#options.tokens, message, by));
  }

  async #commit(message: MessageOf<"commit">, project: ProjectId, objects: ObjectSource): Promise<void> {
    await this.#uploads.settleAll();
    const { base } = message;
    // where packs are damaged, what the head reached may be gone: then all of it is looked at
    const isSuspect = this.#store.damaged.length > 0 || (base !== undefined && this.#store.isIncomplete(base));
    const known = isSuspect ? undefined : base;
    const commit = await assertComplete(objects, message.commit, known);
    if (commit.project !== project || commit.parent !== message.base) {
      throw new BakError("PROTOCOL", `commit '${message.commit}' is of another project or parent than it is sent for`);
    }
    this.#access.revoked.throwIfAborted(); // looking at it may have taken long
    const { receivedMs } = await this.#store.appendCommit(project, message.commit, message.base);
    this.#tell({ type: "committed", project, commit: message.commit });
    await this.#conversation.send({ type: "committed", request: message.request, receivedMs });
  }

  #collect(message: MessageOf<"collect">): void {
    const { request, graceMs, isDryRun } = message;
    this.#beginLong(message, async (long) => {
      const collected = await this.#store.collectGarbage({ graceMs, isDryRun, ...long });
      if (!isDryRun && this.#project !== undefined)
        this.#tell({ type: "collected", project: this.#project, collected });
      return { type: "collected", request, ...collected };
    });
  }

  async #forget(message: MessageOf<"forget">, project: ProjectId): Promise<void> {
    const answer = await answerForget(this.#store, project, message);
    const { count } = answer;
    const commits = decodeObjectIds(message.commits);
    if (count > 0) this.#tell({ type: message.undo ? "broughtBack" : "forgotten", project, count, commits });
    await this.#conversation.send(answer);
  }

  /** What a commit says of a folder stays as it was: only its tags may be others. */
  async #replace(
    { request, commit, by }: MessageOf<"replace">,
    project: ProjectId,
    objects: ObjectSource,
  ): Promise<void> {
    await this.#uploads.settleAll();
    const before = decodeCommit(await objects.readObject(commit, "commit"));
    const isSuspect = this.#store.damaged.length > 0 || this.#store.isIncomplete(commit);
    // one that was sent and never accepted says nothing of what it names
    const isKnown = !isSuspect && (await this.#store.readLog(project)).some((line) => line.commit === commit);
    const after = await assertComplete(objects, by, isKnown ? commit : undefined);
    if (after.project !== project || !encodeCommit({ ...before, tags: after.tags }).equals(encodeCommit(after))) {
      throw new BakError("PROTOCOL", `commit '${by}' differs from '${commit}' in more than its tags`);
    }
    this.#access.revoked.throwIfAborted();
    const count = await this.#store.replaceCommit(project, commit, by);
    if (count > 0) this.#tell({ type: "replaced", project, commit, by });
    await this.#conversation.send({ type: "replaced", request, count });
  }

  /** Checks the store; findings go out as they come, and the check waits for the network to take them. */
  async #check(message: MessageOf<"check">, { signal, onProgress }: LongWork): Promise<Message> {
    const { request, repair } = message;
    const { folder } = this.#store;
    const told = (text: string): string => clip(this.#options.isRemote === true ? withoutPlaces(text, folder) : text);
    const onFinding = ({ kind, subject, why }: Finding): Promise<void> =>
      this.#conversation.send({ type: "finding", request, kind, subject: told(subject), why: told(why) });
    const readPermille = Math.min(message.readParts, 1000);
    const report = await this.#store.check({ readPermille, repair, signal, onProgress, onFinding });
    const { faults, repaired } = report;
    if (repair && this.#project !== undefined)
      this.#tell({ type: "repaired", project: this.#project, faults, repaired });
    return { type: "checked", request, ...report };
  }

  async #log(message: MessageOf<"log">, project: ProjectId): Promise<void> {
    const log = await this.#store.readLog(project);
    const limit = Math.min(message.limit, maxLogLinesPerMessage);
    const end = Math.max(log.length - message.skip, 0);
    const lines = log.slice(Math.max(end - limit, 0), end).toReversed();
    const { request } = message;
    await this.#conversation.send({ type: "logPage", request, lines: encodeLogLines(lines), total: log.length });
  }
}

/** A text of a finding, within what a message may have: a path may be longer. */
function clip(text: string): string {
  if (Buffer.byteLength(text) <= maxFindingBytes) return text;
  return `${text.slice(0, maxFindingBytes / 4)}…`; // no char takes more than three bytes
}
