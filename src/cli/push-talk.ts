/** What a push tells the person at the terminal while it runs: progress, and what went wrong with which path. */
import type { ChangeEvent } from "../client/changes.js";
import { configFolderName } from "../client/config-folder.js";
import { formatReason, type LeaveOut } from "../client/leave-out.js";
import { measureInBackground, type FolderSize } from "../client/measure.js";
import type { PushEvent, PushProgress, PushResult } from "../client/push-options.js";
import type { Movement } from "../client/snapshot-options.js";
import { unreachable } from "../errors.js";
import { displayName, type ByteString } from "../objects/byte-string.js";
import { oneLine } from "../objects/one-line.js";
import { formatBytes, formatCount, formatCounted } from "./format.js";
import { showProgress, type ProgressLine } from "./progress.js";
import { describeReconnecting, type Speaker } from "./talk.js";
import { WholeFolders } from "./whole-folders.js";

/** What there is to tell of, and how much of it is told. */
export interface PushTalkOptions {
  folder: ByteString;
  progress: PushProgress;
  leaveOut: LeaveOut;
  /** Lists what has been added, changed and removed on stdout; of a folder that is new or gone all, or it alone. */
  listing: "nothing" | "folders" | "everything";
  /** Lists what is left out, too, and by which rule. */
  isVerbose: boolean;
  /** Told of each name that is listed. */
  onListed?: (event: ChangeEvent | RuledOut) => void;
}

type RuledOut = Extract<PushEvent, { type: "ruledOut" }>;

const movements: Readonly<Record<Movement, string>> = {
  changed: "changed while it was read; it is kept as it was read",
  grown: "grew while it was read; what came later is not kept",
  shrunk: "was cut off while it was read; it is kept as it was read",
  replaced: "was replaced by something else while it was read; what has its place now is kept",
  vanished: "vanished before it could be read; it is not kept",
};

/** Node has no calls for them; koffi, which makes others reachable, is an optional package. */
const whyUnsupported = ["linux", "darwin"].includes(process.platform)
  ? "the package 'koffi' is not installed, or does not work here"
  : "bak cannot read them on this system";

const marks = { added: "+", changed: "~", removed: "-" } as const;

/** What happened to names while the push was at them; undefined where nothing did. */
export function formatMoved({ moved }: Pick<PushResult, "moved">): string | undefined {
  const { replaced, vanished } = moved;
  const changed = moved.changed + moved.grown + moved.shrunk;
  const parts = [
    ...(changed > 0 ? [`${formatCounted(changed, "file")} changed while being read`] : []),
    ...(replaced > 0 ? [`${formatCounted(replaced, "file")} replaced by something else`] : []),
    ...(vanished > 0 ? [`${formatCounted(vanished, "path")} vanished`] : []),
  ];
  return parts.length === 0 ? undefined : parts.join(", ");
}

/** To how many names something has happened. */
export function formatChanges({ counts, ruledOut }: Pick<PushResult, "counts" | "ruledOut">): string {
  const leftOut = ruledOut > 0 ? [`${formatCount(ruledOut)} left out`] : [];
  const changes = [
    `${formatCount(counts.added)} added`,
    `${formatCount(counts.changed)} changed`,
    `${formatCount(counts.removed)} removed`,
  ];
  return [...changes, ...leftOut].join(", ");
}

/** What was left out and why, on a line. */
function formatLeftOut({ path, isContent, reason }: RuledOut): string {
  const everything = path === "" ? "*" : `${displayName(path)}/*`;
  return `! ${isContent ? everything : displayName(path)}  ${formatReason(reason)}`;
}

/** The talk of one push. To be stopped. */
export class PushTalk {
  /** Paths that could not be read, and why. */
  readonly unreadable: { path: string; why: string }[] = [];
  /** Paths that something happened to while the push was at them. */
  readonly moved: { path: string; how: Movement }[] = [];
  /** Paths that are kept without their extended attributes, and why. */
  readonly unreadAttributes: { path: string; why: string }[] = [];
  readonly #speaker: Speaker;
  readonly #options: PushTalkOptions;
  readonly #line: ProgressLine;
  readonly #whole = new WholeFolders();
  #total: FolderSize | undefined;
  readonly #stopMeasuring: () => void;

  constructor(speaker: Speaker, options: PushTalkOptions) {
    this.#speaker = speaker;
    this.#options = options;
    const { progress, folder } = options;
    this.#line = showProgress(() => ({
      files: progress.files,
      bytes: progress.bytes + progress.bytesUnderWay,
      totalFiles: this.#total?.files,
      totalBytes: this.#total?.bytes,
      note: progress.bytesSent === 0 ? undefined : `sent ${formatBytes(progress.bytesSent)}`,
    }));
    // only a person wants to know when it will end
    this.#stopMeasuring = process.stderr.isTTY
      ? measureInBackground({ folder, leaveOut: options.leaveOut }, (size) => (this.#total = size))
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
        return this.#list(event);
      case "unreadable":
        this.unreadable.push({ path: displayName(event.path), why: event.why });
        return this.say(`cannot read '${displayName(event.path)}': ${event.why}`);
      case "moved":
        this.moved.push({ path: displayName(event.path), how: event.how });
        return this.say(`'${displayName(event.path)}' ${movements[event.how]}`);
      case "attributesUnread": {
        const path = event.path === "" ? "." : displayName(event.path);
        this.unreadAttributes.push({ path, why: event.why });
        return this.say(`cannot keep the extended attributes of '${path}': ${event.why}`);
      }
      case "attributesUnsupported":
        return this.say(`extended attributes and ACLs are not kept: ${whyUnsupported}`);
      case "leftOut":
        // everybody who has run bak init knows of that one
        if (event.path !== configFolderName) return this.say(`left out '${displayName(event.path)}': it is bak's own`);
        if (this.#options.isVerbose) this.#print(`! ${configFolderName}/  bak's own`);
        return;
      case "ruledOut":
        if (!this.#options.isVerbose) return;
        this.#options.onListed?.(event);
        return this.#print(formatLeftOut(event));
      case "rulesNotRead":
        return this.say(`cannot read '${displayName(event.path)}': ${event.why}; nothing is left out by it`);
      case "reconnecting":
        return this.say(describeReconnecting(event));
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

  #list(event: ChangeEvent): void {
    const { listing, onListed } = this.#options;
    if (listing === "nothing" || (listing === "folders" && this.#whole.has(event))) return;
    onListed?.(event);
    const { type, path, entry } = event;
    this.#print(`${marks[type]} ${displayName(path)}${entry.kind === "dir" ? "/" : ""}`);
  }

  #print(text: string): void {
    this.#line.around(() => this.#speaker.log(text));
  }
}
