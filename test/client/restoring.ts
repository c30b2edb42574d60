/** What tests of restores share: a pushed folder, and restores of it with all that they told. */
import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { readCommit } from "../../src/client/history.js";
import type { Remote } from "../../src/client/remote.js";
import { restore } from "../../src/client/restore.js";
import type { RestoreEvent, RestoreOptions, RestoreProgress, RestoreResult } from "../../src/client/restore-options.js";
import type { Commit } from "../../src/objects/commit.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { within } from "../helpers/deadline.js";
import type { Made } from "../helpers/small-commit.js";
import { sendObjects } from "../helpers/store-pack.js";
import { openWorld, pathsIn, pushFolder, text, told, type StoreWorld } from "./world.js";

export interface Kept {
  readonly world: StoreWorld;
  readonly remote: Remote;
  readonly commit: { id: ObjectId; content: Commit };
}

export interface Restored {
  readonly result: RestoreResult;
  readonly events: RestoreEvent[];
  readonly progress: RestoreProgress;
}

/** A world with a `source` folder in it, and a place for the target. */
export function placeOf(
  t: Test,
  content: Parameters<Test["testdir"]>[0] = {},
): { source: string; target: string; at: string } {
  const at = t.testdir({ source: content });
  return { source: join(at, "source"), target: join(at, "target"), at };
}

/** Pushes the folder into a store of its own. */
export async function keep(t: Test, source: string): Promise<Kept> {
  return keepMore(t, await openWorld(t, `${source}.store`), source);
}

/** Pushes the folder once more. */
export async function keepMore(t: Test, world: StoreWorld, source: string): Promise<Kept> {
  const { result } = await pushFolder(world, source);
  const remote = await world.connect();
  const id = result.commit as ObjectId;
  return { world, remote, commit: { id, content: await readCommit(remote, id) } };
}

/** A place with a store, for what is pushed and restored more than once. */
export interface Place {
  readonly source: string;
  readonly target: string;
  readonly world: StoreWorld;
}

/** The place of a test. */
export async function openPlace(t: Test, content: Parameters<Test["testdir"]>[0]): Promise<Place> {
  const { source, target, at } = placeOf(t, content);
  return { source, target, world: await openWorld(t, join(at, "store")) };
}

/** Pushes the source; the commit. */
export async function pushPlace({ world, source }: Place): Promise<ObjectId> {
  return (await pushFolder(world, source)).result.commit as ObjectId;
}

/** Sends objects made by hand, the last of which is the commit. */
export async function keepObjects(t: Test, folder: string, ...objects: Made[]): Promise<Kept> {
  const world = await openWorld(t, folder);
  await sendObjects(world.store, objects);
  const remote = await world.connect();
  const id = objects.at(-1)?.id as ObjectId;
  return { world, remote, commit: { id, content: await readCommit(remote, id) } };
}

export async function restoreTo(
  { remote, commit }: Kept,
  target: string,
  options: Partial<RestoreOptions> = {},
): Promise<Restored> {
  const events: RestoreEvent[] = [];
  const progress = { files: 0, bytes: 0, filesFetched: 0, filesMended: 0 };
  const result = await within(
    30_000,
    "the restore",
    restore(remote, commit, {
      target: text(target),
      paths: [],
      progress,
      ...options,
      onEvent: (event) => {
        events.push(event);
        options.onEvent?.(event);
      },
    }),
  );
  return { result, events, progress };
}

/** What a restore said, and which paths it told of, as `told` writes them. */
export type Told = RestoreResult & { readonly events: string[]; readonly filesFetched: number };

/** Restores a commit that the world has, over a conversation of its own. */
export async function restoreFolder(
  world: StoreWorld,
  id: ObjectId,
  target: string,
  options: Partial<RestoreOptions> = {},
): Promise<Told> {
  const remote = await world.connect();
  const kept = { world, remote, commit: { id, content: await readCommit(remote, id) } };
  const { result, events, progress } = await restoreTo(kept, target, options);
  return { ...result, events: told(events), filesFetched: progress.filesFetched };
}

/** Names of files that are not finished, beneath a folder. */
export const temporaries = (folder: string): string[] => pathsIn(folder).filter((path) => /\.bak-/.test(path));

export const inode = (path: string): bigint => lstatSync(path, { bigint: true }).ino;
