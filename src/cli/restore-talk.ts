/** What a restore tells the person at the terminal while it runs: its progress, and what becomes of which path. */
import type { Reconnecting } from "../client/reconnects.js";
import type { RestoreEvent, RestoreProgress } from "../client/restore-options.js";
import { unreachable } from "../errors.js";
import { displayName, type ByteString } from "../objects/byte-string.js";
import { showProgress, type ProgressLine } from "./progress.js";
import { describeReconnecting, type Speaker } from "./talk.js";

/** What there is to tell of, and how much of it is told. */
export interface RestoreTalkOptions {
  readonly progress: RestoreProgress;
  /** Lists on stdout what becomes of each path that it is told of. */
  readonly isListing: boolean;
  /** Keeps what was deleted and replaced for the answer. */
  readonly isCollecting: boolean;
}

const marks = { made: "+", replaced: "~", changed: "~", left: "=", deleted: "-" } as const;

/** The talk of one restore. To be stopped. */
export class RestoreTalk {
  /** Paths that could not be restored or deleted, and why. */
  readonly failures: { path: string; why: string }[] = [];
  readonly replacedPaths: string[] = [];
  readonly deletedPaths: string[] = [];
  /** Known when all of a commit is restored. */
  totals: { totalFiles: number; totalBytes: number } | undefined;
  readonly #speaker: Speaker;
  readonly #options: RestoreTalkOptions;
  readonly #line: ProgressLine;

  constructor(speaker: Speaker, options: RestoreTalkOptions) {
    this.#speaker = speaker;
    this.#options = options;
    this.#line = showProgress(() => ({
      ...options.progress,
      totalFiles: this.totals?.totalFiles,
      totalBytes: this.totals?.totalBytes,
    }));
  }

  hear(event: RestoreEvent | Reconnecting): void {
    switch (event.type) {
      case "made":
      case "changed":
      case "left":
        return this.#list(event);
      case "replaced":
        if (this.#options.isCollecting) this.replacedPaths.push(displayName(event.path));
        return this.#options.isListing ? this.#list(event) : this.#say(`replaced '${displayName(event.path)}'`);
      case "deleted":
        if (this.#options.isCollecting) this.deletedPaths.push(displayName(event.path));
        return this.#options.isListing ? this.#list(event) : undefined;
      case "deletedNothing":
        return this.#say("deleted nothing, since the store has lost something of the commit");
      case "skipped":
        return this.#say(`left out '${displayName(event.path)}': ${event.why}`);
      case "failed": {
        const path = event.path === "" ? "." : displayName(event.path);
        this.failures.push({ path, why: event.why });
        return this.#say(`cannot restore '${path}': ${event.why}`);
      }
      case "reconnecting":
        this.failures.length = 0; // they are tried again
        return this.#say(describeReconnecting(event));
      default:
        return unreachable(event);
    }
  }

  /** Ends the progress line. */
  stop(): void {
    this.#line.stop();
  }

  #list({ type, path, isFolder }: { type: keyof typeof marks; path: ByteString; isFolder: boolean }): void {
    if (!this.#options.isListing) return;
    const name = path === "" ? "." : displayName(path);
    this.#line.around(() => this.#speaker.log(`${marks[type]} ${name}${isFolder ? "/" : ""}`));
  }

  #say(text: string): void {
    this.#line.around(() => process.stderr.write(`bak: ${text}\n`));
  }
}
