/** What a server tells of its sessions, a line each. */
import { isBakError, unreachable } from "../errors.js";
import type { ListenerEvent } from "../server/listener.js";
import { formatCounted, shortId } from "./format.js";
import { oneLine } from "../objects/one-line.js";

/** The line for an event; undefined for what nobody needs to know. */
export function describeEvent(event: ListenerEvent): string | undefined {
  switch (event.type) {
    case "opened":
      return `${event.peer} ${oneLine(event.agent)} opened '${event.project}'`;
    case "committed":
      return `${event.peer} committed ${shortId(event.commit)} to '${event.project}'`;
    case "forgotten":
      return `${event.peer} forgot ${formatCounted(event.count, "commit")} of '${event.project}'`;
    case "broughtBack":
      return `${event.peer} brought back ${formatCounted(event.count, "commit")} of '${event.project}'`;
    case "closed":
      return undefined;
    case "failed": {
      const { error, peer } = event;
      if (isBakError(error)) return `${peer} ${error.message}`;
      return `${peer} internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    }
    default:
      return unreachable(event);
  }
}
