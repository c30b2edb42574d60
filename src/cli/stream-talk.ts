/** What `bak push --stdin` tells the person at the terminal while it runs. */
import type { PushStreamEvent } from "../client/push-stream.js";
import { unreachable } from "../errors.js";
import { displayName } from "../objects/byte-string.js";
import { oneLine } from "../objects/one-line.js";
import { formatBytes } from "./format.js";
import { showLine, type ProgressLine } from "./progress.js";

/** Shows on a terminal how much has been read and sent. */
export function showStreamProgress(progress: { readonly bytesRead: number; readonly bytesSent: number }): ProgressLine {
  return showLine(() => `${formatBytes(progress.bytesRead)}  sent ${formatBytes(progress.bytesSent)}`);
}

/** An event as a line. */
export function describeStreamEvent(event: PushStreamEvent): string {
  switch (event.type) {
    case "headMoved":
      return "somebody else pushed to the project meanwhile; committing after them";
    case "otherFolder": {
      const from = `'${displayName(event.path)}' on '${oneLine(event.host)}'`;
      return `the project's last commit is of ${from}; use --project to keep them apart`;
    }
    default:
      return unreachable(event);
  }
}
