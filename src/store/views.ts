/**
 * What is known of who sees what in a store: kept as long as somebody speaks with the store, and some of it beyond that, so
 * that who comes again need not wait for it.
 */
import type { ObjectId } from "../objects/object-id.js";
import type { ProjectId } from "../objects/project-id.js";
import type { ForgetListener, Sees } from "./store.js";
import { VisibleObjects, type VisibleParts } from "./visible-objects.js";

/** What nobody uses at the moment takes so many bytes at most. */
const idleBytes = 32 << 20;
/** What each takes beside its sets. */
const fixedBytes = 1 << 10;

interface Kept {
  readonly visible: VisibleObjects;
  holders: number;
}

/** See the top of the file. Two who give the same function share what is known. */
export class Views {
  readonly #parts: VisibleParts;
  /** By what they may see; those that were used last stand last. */
  readonly #bySees = new Map<Sees, Kept>();
  /** All of them, also those that nobody else gets, but that somebody still uses. */
  readonly #all = new Set<Kept>();

  constructor(parts: VisibleParts) {
    this.#parts = parts;
  }

  /** What is known for somebody who begins to speak with the store, until `release` is called. */
  open(sees: Sees): { visible: VisibleObjects; release: () => void } {
    const kept = this.#bySees.get(sees) ?? { visible: new VisibleObjects(sees, this.#parts), holders: 0 };
    kept.holders += 1;
    this.#bySees.delete(sees);
    this.#bySees.set(sees, kept);
    this.#all.add(kept);
    this.#listen();
    let isHeld = true;
    const release = (): void => {
      if (isHeld) this.#release(kept);
      isHeld = false;
    };
    return { visible: kept.visible, release };
  }

  /** A commit has come to a project's log. */
  committed(project: ProjectId, commit: ObjectId): void {
    for (const { visible } of this.#all) if (visible.sees(project)) visible.addCommit(commit);
  }

  /** Commits are being forgotten: who speaks with the store may still read them, even once they are gone. */
  readonly forgetting: ForgetListener = (project, commits) => {
    for (const { visible, holders } of this.#all) {
      if (holders > 0 && visible.sees(project)) for (const commit of commits) visible.keepCommit(commit);
    }
  };

  /** A project has sent objects that were there already, in a pack of another owner. */
  sent(project: ProjectId, ids: Buffer): void {
    for (const { visible } of this.#all) if (visible.sees(project)) visible.addSent(ids);
  }

  /** Objects or commits have been deleted: who comes from now on is not told what was known before. */
  renew(): void {
    for (const kept of this.#bySees.values()) if (kept.holders === 0) this.#all.delete(kept);
    this.#bySees.clear();
    this.#listen();
  }

  #release(kept: Kept): void {
    kept.holders -= 1;
    if (kept.holders > 0) return;
    const { sees } = kept.visible;
    if (this.#bySees.get(sees) === kept) this.#dropIdle();
    else this.#all.delete(kept);
    this.#listen();
  }

  #dropIdle(): void {
    const idle = [...this.#bySees.values()].filter(({ holders }) => holders === 0);
    let bytes = idle.reduce((sum, { visible }) => sum + visible.sizeBytes + fixedBytes, 0);
    for (const kept of idle) {
      if (bytes <= idleBytes) return;
      bytes -= kept.visible.sizeBytes + fixedBytes;
      this.#bySees.delete(kept.visible.sees);
      this.#all.delete(kept);
    }
  }

  #listen(): void {
    const { index } = this.#parts.packs;
    if (this.#all.size === 0) index.onMoved = undefined;
    else index.onMoved = (from, to) => this.#moved(from, to);
  }

  #moved(from: number, to: number): void {
    const { index } = this.#parts.packs;
    const was = { record: from, pack: index.packOf(from) };
    const is = { record: to, pack: index.packOf(to) };
    for (const { visible } of this.#all) visible.moved(was, is);
  }
}
