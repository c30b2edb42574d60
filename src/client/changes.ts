/** What has changed since the head: compared entry by entry, counted, and told. */
import { joinPath, type ByteString } from "../objects/byte-string.js";
import { readDirectory, type TreeLoader } from "../objects/directory.js";
import type { Entry } from "../objects/entry.js";
import { isSameAttributes, isSameEntry } from "./compare.js";

/** A name that the head did not have, had otherwise, or had and that is gone. */
export interface ChangeEvent {
  readonly type: "added" | "changed" | "removed";
  readonly path: ByteString;
  readonly entry: Pick<Entry, "kind">;
}

export class Changes {
  added = 0;
  changed = 0;
  removed = 0;
  /** Whether anything is another, be it only the mtime of a folder, which is neither told nor counted. */
  isAny = false;
  readonly #load: TreeLoader;
  readonly #onEvent: (event: ChangeEvent) => void;

  constructor(load: TreeLoader, onEvent: (event: ChangeEvent) => void) {
    this.#load = load;
    this.#onEvent = onEvent;
  }

  /** Takes a name as it is now; `head` is what the head has of it. */
  compare(path: ByteString, entry: Entry, head: Entry | undefined): void {
    if (head?.kind !== entry.kind) {
      if (head !== undefined) this.remove(path, head);
      this.added += 1;
      this.#tell("added", path, entry);
    } else if (!isSameEntry(entry, head)) {
      this.changed += 1;
      this.#tell("changed", path, entry);
    } else if (!isSameAttributes(entry, head)) {
      this.isAny = true;
    }
  }

  /** Takes what is gone, with all that the head has beneath it. */
  remove(path: ByteString, entry: Entry): void {
    const waiting = [{ path, entry }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const gone = next;
      this.removed += 1;
      this.#tell("removed", gone.path, gone.entry);
      if (gone.entry.kind !== "dir") continue;
      const children = [...readDirectory(gone.entry.tree, this.#load)];
      for (const child of children.toReversed()) waiting.push({ path: joinPath(gone.path, child.name), entry: child });
    }
  }

  #tell(type: ChangeEvent["type"], path: ByteString, entry: Entry): void {
    this.isAny = true;
    this.#onEvent({ type, path, entry });
  }
}
