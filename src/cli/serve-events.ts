/** What a server tells of its sessions, a line each. */
import { isBakError, unreachable } from "../errors.js";
import type { ListenerEvent } from "../server/listener.js";
import { formatBytes, formatCounted, shortId } from "./format.js";
import { oneLine } from "../objects/one-line.js";

/** The line for an event; undefined for what nobody needs to know. */
export function describeEvent(event: ListenerEvent): string | undefined {
  switch (event.type) {
    case "opened":
      return `${event.peer} ${oneLine(event.agent)} opened '${event.project}'`;
    case "committed":
      return `${event.peer} committed ${shortId(event.commit)} to '${event.project}'`;
    case "replaced":
      return `${event.peer} changed the tags of ${shortId(event.commit)} of '${event.project}'`;
    case "forgotten":
      return `${event.peer} forgot ${formatCounted(event.count, "commit")} of '${event.project}'`;
    case "broughtBack":
      return `${event.peer} brought back ${formatCounted(event.count, "commit")} of '${event.project}'`;
    case "packDamaged":
      return `found a damaged pack '${event.path}': ${event.why}; 'bak check --repair' says what is lost, and keeps the rest`;
    case "scrubbed":
      return `read ${formatCounted(event.packs, "pack")} again, ${formatBytes(event.bytes)}: ${event.damaged === 0 ? "all whole" : `${event.damaged} damaged`}`;
    case "scrubFailed": {
      const why = event.error instanceof Error ? event.error.message : String(event.error);
      return `cannot read packs again: ${why}`;
    }
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
