/** What a push tells the person at the terminal while it runs: progress, and what went wrong with which path. */
import { measureInBackground, type FolderSize } from "../client/measure.js";
import type { PushEvent, PushProgress } from "../client/push-options.js";
import { unreachable } from "../errors.js";
import { displayName, type ByteString } from "../objects/byte-string.js";
import { formatBytes, formatDuration } from "./format.js";
import { oneLine } from "../objects/one-line.js";
import { showProgress, type ProgressLine } from "./progress.js";

export interface PushTalkOptions {
  folder: ByteString;
  progress: PushProgress;
  /** Lists what has been added, changed and removed on stdout: the answer of a dry run. */
  isListing: boolean;
}

/** Where the talk goes: a command's stdout and stderr. */
export interface Speaker {
  log(text: string): void;
}

/** Node has no calls for them; koffi, which makes others reachable, is an optional package. */
const whyUnsupported = ["linux", "darwin"].includes(process.platform)
  ? "the package 'koffi' is not installed, or does not work here"
  : "bak cannot read them on this system";

const marks = { added: "+", changed: "~", removed: "-" } as const;

export class PushTalk {
  /** Paths that could not be read, and why. */
  readonly unreadable: { path: string; why: string }[] = [];
  /** Paths that are kept without their extended attributes, and why. */
  readonly unreadAttributes: { path: string; why: string }[] = [];
  readonly #speaker: Speaker;
  readonly #options: PushTalkOptions;
  readonly #line: ProgressLine;
  #total: FolderSize | undefined;
  readonly #stopMeasuring: () => void;

  constructor(speaker: Speaker, options: PushTalkOptions) {
    this.#speaker = speaker;
    this.#options = options;
    const { progress, folder } = options;
    this.#line = showProgress(() => ({
      files: progress.files,
      bytes: progress.bytes,
      totalFiles: this.#total?.files,
      totalBytes: this.#total?.bytes,
      note: progress.bytesSent === 0 ? undefined : `sent ${formatBytes(progress.bytesSent)}`,
    }));
    // only a person wants to know when it will end
    this.#stopMeasuring = process.stderr.isTTY
      ? measureInBackground(folder, (size) => (this.#total = size))
      : () => undefined;
  }

  /** A line on stderr. */
  say(text: string): void {
    this.#line.around(() => process.stderr.write(`bak: ${text}\n`));
  }

  hear(event: PushEvent): void {
    switch (event.type) {
      case "added":
      case "changed":
      case "removed":
        if (this.#options.isListing) this.#list(marks[event.type], event.path, event.entry.kind);
        return;
      case "unreadable":
        this.unreadable.push({ path: displayName(event.path), why: event.why });
        return this.say(`cannot read '${displayName(event.path)}': ${event.why}`);
      case "attributesUnread": {
        const path = event.path === "" ? "." : displayName(event.path);
        this.unreadAttributes.push({ path, why: event.why });
        return this.say(`cannot keep the extended attributes of '${path}': ${event.why}`);
      }
      case "attributesUnsupported":
        return this.say(`extended attributes and ACLs are not kept: ${whyUnsupported}`);
      case "unsteady":
        return this.say(`'${displayName(event.path)}' changed while it was read; it is kept as it was read`);
      case "leftOut":
        return this.say(`left out '${displayName(event.path)}': it is bak's own`);
      case "reconnecting":
        return this.say(`${event.error.message}; trying again in ${formatDuration(event.waitMs)}`);
      case "otherFolder": {
        const from = `'${displayName(event.path)}' on '${oneLine(event.host)}'`;
        return this.say(`the project's last commit is of ${from}; use --project to keep folders apart`);
      }
      case "lossFound":
        return this.say(`${event.error.message}; reading everything again, and sending what the store has lost`);
      case "headMoved":
        return this.say("somebody else pushed to the project meanwhile; comparing with their commit");
      case "indexNotKept":
        return this.say(`cannot write the index: ${event.why}; the next push will take longer`);
      case "journalNotKept":
        return this.say(`cannot keep the journal: ${event.why}; after an interruption, all would be read again`);
      case "packKept":
        return;
      default:
        return unreachable(event);
    }
  }

  /** Ends the progress line. */
  stop(): void {
    this.#stopMeasuring();
    this.#line.stop();
  }

  #list(mark: string, path: ByteString, kind: string): void {
    this.#line.around(() => this.#speaker.log(`${mark} ${displayName(path)}${kind === "dir" ? "/" : ""}`));
  }
}
