/**
 * Several stores, each a folder under one parent and served under its own name: with its own tokens, its own lock, and nothing
 * that passes between them. A store is opened when somebody is let in to it, and let go of when nobody has used it for a while:
 * so long it is locked. Folders that come are found when they are asked for.
 */
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BakError, isBakError } from "../errors.js";
import { byteString, type ByteString } from "../objects/byte-string.js";
import { isProjectId } from "../objects/project-id.js";
import type { MessageOf } from "../protocol/messages.js";
import type { TokenLine } from "../protocol/token-lines.js";
import { openStore } from "../store/open-store.js";
import type { Store } from "../store/store.js";
import { FailedLogins } from "./failed-logins.js";
import { Gate, type GateEvent } from "./gate.js";
import type { Guest, Host } from "./host.js";
import { scrubOnce, type ScrubEvent } from "./scrub.js";
import { errorWithoutPlaces } from "./without-places.js";

/** How the stores are kept. */
export interface StoreHouseOptions {
  /** Whether a store without tokens lets in whoever comes. */
  readonly mayBeOpen: boolean;
  readonly scrub?: { readonly bytesPerSecond: number } | undefined;
  readonly onEvent: (event: GateEvent | ScrubEvent | StoreHouseEvent, store: string) => void;
  /** A store is let go of when nobody has used it for so long; a quarter of an hour unless given. */
  readonly idleMs?: number | undefined;
  /** So many are open at a time; 16 unless given. */
  readonly maxOpen?: number | undefined;
  /** Threads of each store; as many as pay, unless given. */
  readonly threads?: number;
}

/** Told whenever somebody who has a token cannot be let in for it. */
export interface StoreHouseEvent {
  readonly type: "storeFailed";
  readonly error: unknown;
}

/** A store in the folder that is not served. */
export interface LeftOutStore {
  readonly name: ByteString;
  readonly why: string;
}

const defaultIdleMs = 15 * 60_000;
const defaultMaxOpen = 16;
/** All stores are looked through so often for packs that are due. */
const roundEveryMs = 24 * 3600 * 1000;

interface Room {
  readonly name: string;
  readonly folder: string;
  readonly gate: Promise<Gate>;
  store: Promise<Store> | undefined;
  /** Who is in it, or about to be let in: so long it is not let go of. */
  users: number;
  lastUsedMs: number;
}

/** See the top of the file. To be closed. */
export class StoreHouse implements Host {
  readonly #folder: string;
  readonly #options: StoreHouseOptions;
  readonly #failed: FailedLogins;
  readonly #rooms = new Map<string, Room>();
  /** For names that are of no store: it lets in nobody, and says so as every other does. */
  readonly #nowhere: Gate;
  readonly #tidying: NodeJS.Timeout;
  readonly #stop = new AbortController();
  readonly #scrubbing: Promise<void>;
  /** Stores that are on their way to being closed. */
  readonly #closing = new Map<string, Promise<void>>();
  /** Being read again: it is open beside those that may be, so that it takes nobody's place. */
  #scrubbed: Room | undefined;

  private constructor(
    folder: string,
    options: StoreHouseOptions,
    { nowhere, failed }: { nowhere: Gate; failed: FailedLogins },
  ) {
    this.#failed = failed;
    this.#folder = folder;
    this.#nowhere = nowhere;
    this.#options = options;
    const { idleMs = defaultIdleMs } = options;
    this.#tidying = setInterval(() => this.#tidy(idleMs), Math.min(idleMs / 2, 60_000)).unref();
    this.#scrubbing = options.scrub === undefined ? Promise.resolve() : this.#scrubAll(options.scrub);
  }

  /** Rejects with NO_STORE where the folder is none, or is a store itself. */
  static async open(folder: string, options: StoreHouseOptions): Promise<StoreHouse> {
    const real = await realpath(folder).catch(() => undefined);
    if (real === undefined || !(await isFolder(real))) {
      throw new BakError("NO_STORE", `no folder '${folder}'`, { hint: "name the folder that the stores are in" });
    }
    if (await isFile(join(real, "config.json"))) {
      throw new BakError("NO_STORE", `'${folder}' is a store itself`, {
        hint: "serve it without --stores, or name the folder above it",
      });
    }
    const failed = new FailedLogins();
    const nowhere = await Gate.open(join(real, ".nowhere"), {
      mayBeOpen: false,
      failed,
      onEvent: (event) => {
        if (event.type === "loginRefused") options.onEvent({ ...event, why: "its URL names no store" }, "");
        else if (event.type !== "locked") options.onEvent(event, "");
      },
    });
    return new StoreHouse(real, options, { nowhere, failed });
  }

  /**
   * See `Host`. The same for a store that does not let somebody in and for one that is not there. For who is let in, it rejects
   * with LIMIT where too many stores are in use, and with what `openStore` rejects with.
   */
  async letIn(path: string, hello: MessageOf<"hello">, peer: string): Promise<Guest> {
    const name = nameIn(path);
    const room = name === undefined ? undefined : await this.#hold(name);
    const gate = room === undefined ? this.#nowhere : await room.gate;
    const access = await gate.authorize(hello, peer).catch((error: unknown) => {
      if (room !== undefined) room.users -= 1; // which is no use of it
      throw error;
    });
    if (room === undefined) throw new Error("nobody is let in to a store that is not there");
    try {
      const store = await this.#enter(room);
      const leave = (): void => this.#leave(room);
      return { store, access, gate, name: room.name, release: leave };
    } catch (error) {
      access.release();
      this.#options.onEvent({ type: "storeFailed", error }, room.name);
      throw isBakError(error) ? errorWithoutPlaces(error, room.folder) : error;
    }
  }

  /** See `Host`. No store is opened for it. */
  async tryToken(path: string, token: string | undefined, peer: string): Promise<TokenLine | undefined> {
    const name = nameIn(path);
    const room = name === undefined ? undefined : await this.#hold(name);
    if (room === undefined) return this.#nowhere.tryToken(token, peer);
    try {
      return await (await room.gate).tryToken(token, peer);
    } finally {
      room.users -= 1; // which is no use of it
    }
  }

  /** The names of the stores that are there. */
  async names(): Promise<string[]> {
    const names = await readdir(this.#folder);
    const stores = await Promise.all(names.map(async (name) => ((await this.#isStore(name)) ? [name] : [])));
    return stores.flat().toSorted();
  }

  /** The stores that are there and nobody can ask for. */
  async leftOut(): Promise<LeftOutStore[]> {
    const left: LeftOutStore[] = [];
    for (const bytes of await readdir(this.#folder, { encoding: "buffer" })) {
      const path = Buffer.concat([Buffer.from(`${this.#folder}/`), bytes, Buffer.from("/config.json")]);
      const isStore = await stat(path).then(
        (found) => found.isFile(),
        () => false,
      );
      const name = byteString(bytes);
      if (!isStore || (await this.#isStore(name))) continue;
      const why = isProjectId(name)
        ? "it is a link to elsewhere"
        : "a store that is served is called by letters, digits, '.', '_' and '-'";
      left.push({ name, why });
    }
    return left;
  }

  /** Lets go of all stores; no session is left. */
  async close(): Promise<void> {
    clearInterval(this.#tidying);
    this.#stop.abort(new Error("the server stops"));
    await this.#scrubbing;
    for (const room of this.#rooms.values()) this.#letGo(room);
    await Promise.all(this.#closing.values());
    await this.#nowhere.close();
  }

  /** The room of a store, which has one user more. */
  async #hold(name: string): Promise<Room | undefined> {
    const isThere = await this.#isStore(name);
    await this.#closing.get(name);
    const room = this.#rooms.get(name) ?? (isThere ? this.#addRoom(name) : undefined);
    if (room !== undefined) room.users += 1;
    return room;
  }

  #addRoom(name: string): Room {
    const { mayBeOpen, onEvent } = this.#options;
    const folder = join(this.#folder, name);
    const gate = Gate.open(folder, { mayBeOpen, failed: this.#failed, onEvent: (event) => onEvent(event, name) });
    const room: Room = { name, folder, gate, store: undefined, users: 0, lastUsedMs: performance.now() };
    this.#rooms.set(name, room);
    return room;
  }

  /** A folder with the name itself, that holds a store: no link to elsewhere, and no other spelling where case does not count. */
  async #isStore(name: string): Promise<boolean> {
    if (!isProjectId(name)) return false; // the same characters, and neither `.` nor `..`
    const path = join(this.#folder, name);
    const real = await realpath(path).catch(() => undefined);
    return real === path && (await isFolder(path)) && (await isFile(join(path, "config.json")));
  }

  /** The store of a room that is held; where it can't be opened, the room is held no more. */
  async #enter(room: Room): Promise<Store> {
    room.lastUsedMs = performance.now();
    try {
      if (room.store === undefined) {
        this.#makeRoom(room);
        room.store = this.#open(room);
      }
      return await room.store;
    } catch (error) {
      room.store = undefined;
      this.#leave(room);
      throw error;
    }
  }

  async #open({ folder, name }: Room): Promise<Store> {
    const { threads, onEvent } = this.#options;
    const store = await openStore(folder, { create: false, ...(threads === undefined ? {} : { threads }) });
    for (const { path, why } of store.damaged) onEvent({ type: "packDamaged", path, why }, name);
    return store;
  }

  #leave(room: Room): void {
    room.users -= 1;
    room.lastUsedMs = performance.now();
  }

  /** Lets go of the store that nobody has used for longest, where too many are open. Throws LIMIT where all are in use. */
  #makeRoom(newcomer: Room): void {
    if (newcomer === this.#scrubbed) return;
    const open = [...this.#rooms.values()].filter((room) => room.store !== undefined && room !== this.#scrubbed);
    if (open.length < (this.#options.maxOpen ?? defaultMaxOpen)) return;
    const [idle] = open
      .filter((room) => room.users === 0 && room !== newcomer)
      .toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
    if (idle === undefined) {
      throw new BakError("LIMIT", "too many of the server's stores are in use", { hint: "try again later" });
    }
    this.#letGo(idle);
  }

  #tidy(idleMs: number): void {
    const now = performance.now();
    for (const room of this.#rooms.values()) if (room.users === 0 && now - room.lastUsedMs >= idleMs) this.#letGo(room);
  }

  #letGo(room: Room): void {
    this.#rooms.delete(room.name);
    const closed = Promise.all([room.gate, room.store])
      .then(async ([gate, store]) => {
        await gate.close();
        await store?.close();
      })
      .catch(() => undefined) // it was never open
      .finally(() => this.#closing.delete(room.name));
    this.#closing.set(room.name, closed);
  }

  /** One store after the other, each day. Never rejects. */
  async #scrubAll({ bytesPerSecond }: { bytesPerSecond: number }): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      for (const name of await this.names().catch(() => [])) {
        await this.#scrub(name, bytesPerSecond).catch((error: unknown) => {
          if (!signal.aborted) this.#options.onEvent({ type: "scrubFailed", error }, name);
        });
      }
      await sleep(roundEveryMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #scrub(name: string, bytesPerSecond: number): Promise<void> {
    const { signal } = this.#stop;
    signal.throwIfAborted();
    const room = await this.#hold(name);
    if (room === undefined) return;
    this.#scrubbed = room;
    try {
      const store = await this.#enter(room);
      const onEvent = (event: ScrubEvent): void => this.#options.onEvent(event, name);
      await scrubOnce(store, { bytesPerSecond, onEvent }, signal).finally(() => this.#leave(room));
    } finally {
      this.#scrubbed = undefined;
    }
  }
}

/** The store that a path names: `/NAME`, exactly as it stands there. */
function nameIn(path: string): string | undefined {
  return /^\/([A-Za-z0-9._-]{1,128})\/?$/.exec(path)?.[1];
}

async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function isFile(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isFile() ?? false;
}
