/**
 * The contents of files in the order of the files, though they lie in the store in another: what comes next is asked for
 * ahead, up to a number of bytes, and taken in the order in which the store has it. While one such window is given out, the
 * next is fetched; memory is that of the two, whatever files there are.
 */
import { BakError, isBakError } from "../errors.js";
import type { FileContent } from "../objects/entry.js";
import { decodeList, listSize, type List } from "../objects/list.js";
import { unpackMemberInBackground } from "../objects/member-codec.js";
import { decodeMemberTar, type MemberObject } from "../objects/member-tar.js";
import { objectIdOf, type ObjectId } from "../objects/object-id.js";
import { countGarbage } from "../threads/collect-garbage.js";
import { fetchObjects } from "./fetch.js";
import { getRest, isLoss } from "./fetch-rest.js";
import { lookahead } from "./lookahead.js";
import type { ObjectSource } from "./steady-remote.js";

/** What is asked for at a time: in bytes of content, and in blobs. */
const defaultWindowBytes = 16 << 20;
const maxWindowSteps = 1 << 15;
/** Lists of large files are asked for together: those of so many files. */
const maxLists = 256;
const membersAhead = 3;

/** Something that has its turn in the order of the files; a file has content. */
export interface Turn<T> {
  readonly item: T;
  readonly content: FileContent | undefined;
  /** Of the content, in bytes. */
  readonly size: number;
}

export type ContentEvent<T> =
  /** The turn of an item; its bytes follow, unless it is lost: what is known to be damaged or missing is not begun. */
  | { readonly type: "item"; readonly item: T; readonly isLost: boolean }
  /** The next bytes of the item; they stay as they are. */
  | { readonly type: "bytes"; readonly bytes: Uint8Array }
  /** So many of its bytes are damaged or missing, as has just been seen; others may follow. */
  | { readonly type: "lost"; readonly sizeBytes: number };

export interface ReadContentsOptions {
  /** How much is asked for at a time. */
  readonly windowBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

type Step<T> =
  | { readonly type: "item"; readonly item: T; readonly isLost: boolean }
  /** Without an id where not even that is left. */
  | { readonly type: "piece"; readonly id: ObjectId | undefined; readonly size: number };

interface Place {
  readonly offset: number;
  readonly size: number;
}

interface Window<T> {
  readonly steps: readonly Step<T>[];
  /** Where the blobs belong in the bytes of the window. */
  readonly places: ReadonlyMap<ObjectId, Place>;
  readonly sizeBytes: number;
}

interface Fetched<T> {
  readonly steps: readonly Step<T>[];
  /** The bytes of a blob; undefined where it is lost. */
  readonly bytesOf: (id: ObjectId | undefined) => Uint8Array | undefined;
}

/** Gives out all turns, each with its content, every byte of it checked. Rejects with BAD_OBJECT for a file that is not as its entry says. */
export async function* readContents<T>(
  remote: ObjectSource,
  turns: AsyncIterable<Turn<T>>,
  options: ReadContentsOptions = {},
): AsyncGenerator<ContentEvent<T>, void, undefined> {
  const windows = planWindows(remote, turns, options.windowBytes ?? defaultWindowBytes);
  const fetch = async (window: Window<T>): Promise<Fetched<T>> => fetchWindow(remote, window, options.signal);
  let isLost = false;
  for await (const { steps, bytesOf } of lookahead(windows, 0, fetch)) {
    for (const [index, step] of steps.entries()) {
      if (step.type === "item") {
        isLost = step.isLost || isAnyLost(steps, { from: index + 1, bytesOf });
        yield { type: "item", item: step.item, isLost };
      } else if (!isLost) {
        const bytes = bytesOf(step.id);
        yield bytes === undefined ? { type: "lost", sizeBytes: step.size } : { type: "bytes", bytes };
      }
    }
  }
}

/** Whether any piece up to the next item is lost. */
function isAnyLost<T>(
  steps: readonly Step<T>[],
  { from, bytesOf }: { from: number; bytesOf: Fetched<T>["bytesOf"] },
): boolean {
  for (let at = from; at < steps.length; at += 1) {
    const step = steps[at] as Step<T>;
    if (step.type === "item") return false;
    if (bytesOf(step.id) === undefined) return true;
  }
  return false;
}

async function* planWindows<T>(
  remote: ObjectSource,
  turns: AsyncIterable<Turn<T>>,
  windowBytes: number,
): AsyncGenerator<Window<T>, void, undefined> {
  let plan = new WindowPlan<T>();
  for await (const batch of gatherTurns(turns, windowBytes)) {
    const lists = await fetchLists(
      remote,
      batch.flatMap(({ content }) => (content !== undefined && "list" in content ? [content.list] : [])),
    );
    for (const { item, content, size } of batch) {
      const list = content !== undefined && "list" in content ? lists.get(content.list) : undefined;
      const isLost = content !== undefined && "list" in content && list === undefined;
      plan.addItem(item, isLost);
      if (isLost || content === undefined) continue;
      if ("blob" in content) plan.addPiece(content.blob, size);
      else {
        for await (const child of chunksOf(remote, list as List, size)) {
          plan.addPiece(child.id, child.size);
          if (!plan.isFull(windowBytes)) continue;
          yield plan;
          plan = new WindowPlan<T>();
        }
      }
      if (!plan.isFull(windowBytes)) continue;
      yield plan;
      plan = new WindowPlan<T>();
    }
  }
  if (plan.steps.length > 0) yield plan;
}

class WindowPlan<T> implements Window<T> {
  readonly steps: Step<T>[] = [];
  readonly places = new Map<ObjectId, Place>();
  sizeBytes = 0;

  addItem(item: T, isLost: boolean): void {
    this.steps.push({ type: "item", item, isLost });
  }

  addPiece(id: ObjectId | undefined, size: number): void {
    if (size === 0) return; // of an empty file there is nothing to fetch
    this.steps.push({ type: "piece", id, size });
    if (id === undefined) return;
    const place = this.places.get(id);
    if (place !== undefined && place.size !== size) throw otherLength(id, place.size, size);
    if (place !== undefined) return;
    this.places.set(id, { offset: this.sizeBytes, size });
    this.sizeBytes += size;
  }

  isFull(windowBytes: number): boolean {
    return this.sizeBytes >= windowBytes || this.steps.length >= maxWindowSteps;
  }
}

/** Turns in groups: of so many bytes, or so many lists, that what belongs to one is asked for together. */
async function* gatherTurns<T>(
  turns: AsyncIterable<Turn<T>>,
  windowBytes: number,
): AsyncGenerator<Turn<T>[], void, undefined> {
  let [batch, bytes, lists]: [Turn<T>[], number, number] = [[], 0, 0];
  for await (const turn of turns) {
    batch.push(turn);
    bytes += turn.size;
    if (turn.content !== undefined && "list" in turn.content) lists += 1;
    if (bytes < windowBytes && lists < maxLists && batch.length < maxWindowSteps) continue;
    yield batch;
    [batch, bytes, lists] = [[], 0, 0];
  }
  yield batch;
}

/** The lists that the store has, of those that are asked for. */
async function fetchLists(remote: ObjectSource, ids: readonly ObjectId[]): Promise<Map<ObjectId, List>> {
  const lists = new Map<ObjectId, List>();
  const take = (id: ObjectId, bytes: Uint8Array): void => void lists.set(id, decodeList(bytes));
  try {
    await fetchObjects(remote, ids, take);
  } catch (error) {
    if (!isLoss(error)) throw error;
    for (const id of ids) if (!lists.has(id)) await fetchObjects(remote, [id], take).catch(passOverLoss);
  }
  return lists;
}

function passOverLoss(error: unknown): void {
  if (!isLoss(error)) throw error;
}

/** The blobs of a large file, in order; what a list names that is lost has no id. */
async function* chunksOf(
  remote: ObjectSource,
  list: List,
  sizeBytes: number,
): AsyncGenerator<{ id: ObjectId | undefined; size: number }, void, undefined> {
  if (listSize(list) !== sizeBytes) throw new BakError("BAD_OBJECT", "malformed list: of another size than its file");
  for (const child of list.children) {
    if (list.level === 0) {
      yield child;
      continue;
    }
    const below = (await fetchLists(remote, [child.id])).get(child.id);
    if (below === undefined) {
      yield { id: undefined, size: child.size };
      continue;
    }
    if (below.level !== list.level - 1)
      throw new BakError("BAD_OBJECT", "malformed list: of another level than its parent says");
    yield* chunksOf(remote, below, child.size);
  }
}

async function fetchWindow<T>(
  remote: ObjectSource,
  { steps, places, sizeBytes }: Window<T>,
  signal: AbortSignal | undefined,
): Promise<Fetched<T>> {
  const room = Buffer.allocUnsafeSlow(sizeBytes);
  const missing = new Map(places);
  const ids = [...places.keys()];
  const members = ids.length === 0 ? nothing() : getRest(remote, ids, (id) => missing.has(id));
  for await (const member of lookahead(members, membersAhead, openMember)) {
    signal?.throwIfAborted();
    if (member === undefined) continue;
    const { tar, objects } = member;
    for (const { id, offset, length } of objects) {
      const place = missing.get(id);
      if (place === undefined) continue;
      const bytes = tar.subarray(offset, offset + length);
      if (objectIdOf(bytes) !== id) continue; // damaged
      if (length !== place.size) throw otherLength(id, length, place.size);
      missing.delete(id);
      room.set(bytes, place.offset);
    }
    countGarbage(tar.length);
  }
  signal?.throwIfAborted();
  const bytesOf = (id: ObjectId | undefined): Uint8Array | undefined => {
    const place = id === undefined || missing.has(id) ? undefined : places.get(id);
    return place && room.subarray(place.offset, place.offset + place.size);
  };
  return { steps, bytesOf };
}

// eslint-disable-next-line require-yield
async function* nothing(): AsyncGenerator<never, void, undefined> {
  return;
}

/** What is in a member; undefined where it is damaged. */
async function openMember(member: Uint8Array): Promise<{ tar: Buffer; objects: MemberObject[] } | undefined> {
  try {
    const tar = await unpackMemberInBackground(member);
    return { tar, objects: decodeMemberTar(tar) };
  } catch (error) {
    if (isBakError(error, "BAD_PACK")) return undefined;
    throw error;
  }
}

function otherLength(id: ObjectId, length: number, size: number): BakError {
  return new BakError("BAD_OBJECT", `blob '${id}' is ${length} bytes long, not ${size}`);
}
