/** What a server tells of its sessions, a line each. */
import { isBakError, unreachable } from "../errors.js";
import type { ListenerEvent } from "../server/listener.js";
import { formatBytes, formatCount, formatCounted, formatDuration, shortId } from "./format.js";
import { oneLine } from "../objects/one-line.js";

/** From what must be looked after to what only helps to find a fault. */
export const logLevels = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Whether somebody who asks for a level is told of an event. */
export function isToldAt(level: LogLevel, event: ListenerEvent): boolean {
  return logLevels.indexOf(levelOf(event)) <= logLevels.indexOf(level);
}

const levels: Readonly<Record<ListenerEvent["type"], LogLevel>> = {
  locked: "error",
  packDamaged: "error",
  failed: "error",
  storeFailed: "error",
  scrubFailed: "warn",
  usesNotKept: "warn",
  loginRefused: "warn",
  loginDelayed: "warn",
  requestRefused: "warn",
  requestFailed: "error",
  certificateKept: "error",
  certificateOutOfDate: "warn",
  certificateChanged: "info",
  crowded: "warn",
  acceptFailed: "error",
  letGo: "warn",
  unlocked: "info",
  opened: "info",
  committed: "info",
  replaced: "info",
  forgotten: "info",
  broughtBack: "info",
  collected: "info",
  repaired: "info",
  dismissed: "info",
  tokenAdded: "info",
  tokenRevoked: "info",
  scrubbed: "info",
  login: "debug",
  tokenTried: "debug",
  read: "debug",
  closed: "debug",
};

function levelOf(event: ListenerEvent): LogLevel {
  if (event.type === "failed" && isBakError(event.error)) return event.isStranger ? "debug" : "warn"; // the other end's doing
  if (event.type === "scrubbed" && event.damaged > 0) return "error";
  return levels[event.type];
}

/** The line for an event. */
export function describeEvent(event: ListenerEvent): string {
  switch (event.type) {
    case "opened":
      return `${event.peer} ${oneLine(event.agent)} opened '${event.project}'${withToken(event)}`;
    case "committed":
      return `${event.peer} committed ${shortId(event.commit)} to '${event.project}'`;
    case "replaced":
      return `${event.peer} changed the tags of ${shortId(event.by)} of '${event.project}'`;
    case "forgotten":
      return `${event.peer} forgot ${formatCounted(event.count, "commit")} of '${event.project}'`;
    case "broughtBack":
      return `${event.peer} brought back ${formatCounted(event.count, "commit")} of '${event.project}'`;
    case "read":
      return `${event.peer} was sent ${formatBytes(event.bytes)} of '${event.project}', ${formatCounted(event.objects, "object")} by name`;
    case "collected":
      return `${event.peer} cleaned the store: ${formatBytes(event.collected.bytesDeleted)} deleted`;
    case "repaired":
      return `${event.peer} had the store repaired: ${formatCounted(event.faults, "fault")}, ${event.repaired} repaired`;
    case "requestRefused":
      return `${event.peer} asked for '${event.request}' of '${event.project}' in vain: ${oneLine(event.why)}`;
    case "requestFailed":
      return `${event.peer} asked for '${event.request}' of '${event.project}', and the store failed: ${failureOf(event.error)}`;
    case "dismissed":
      return `${event.peer} was sent away from '${event.project}': ${event.why}`;
    case "login":
      return `${event.peer} logged in to '${event.project}'${withToken(event)}`;
    case "tokenTried":
      return `${event.peer} asked what token '${event.token}' is good for`;
    case "loginRefused": {
      const where = event.project === undefined ? "" : ` to '${event.project}'`;
      return `${event.peer} was not let in${where}: ${event.why}${withToken(event)}`;
    }
    case "loginDelayed":
      return `${event.peer} has failed to log in too often, and has to wait ${formatDuration(event.waitMs)}`;
    case "tokenAdded":
      return `token '${event.name}' was made${byWhom(event.by)}`;
    case "tokenRevoked":
      return `token '${event.name}' was revoked${byWhom(event.by)}`;
    case "locked":
      return `nobody is let in: ${oneLine(event.why)}`;
    case "unlocked":
      return "tokens are good again";
    case "usesNotKept":
      return `cannot write down when tokens were used: ${wordsOf(event.error)}`;
    case "packDamaged":
      return `found a damaged pack '${event.path}': ${event.why}; 'bak check --repair' says what is lost, and keeps the rest`;
    case "scrubbed":
      return `read ${formatCounted(event.packs, "pack")} again, ${formatBytes(event.bytes)}: ${event.damaged === 0 ? "all whole" : `${event.damaged} damaged`}`;
    case "storeFailed":
      return `cannot open the store: ${oneLine(wordsOf(event.error))}`;
    case "scrubFailed":
      return `cannot read packs again: ${wordsOf(event.error)}`;
    case "crowded": {
      const more = event.more === 0 ? "" : ` (and ${formatCount(event.more)} times before)`;
      return event.what === "sessions"
        ? `refused a session from ${event.from}: there are too many${more}`
        : `sent away who had not said hello, from ${event.from}: too many wait${more}`;
    }
    case "acceptFailed":
      return `cannot take another connection: ${oneLine(event.error.message)}; nobody who comes is listened to for a second`;
    case "letGo":
      return event.why === "idle"
        ? `${event.peer} was let go of: it had nothing to say for hours`
        : `${event.peer} was let go of: it held ${formatBytes(event.bytes)}, and moved nothing`;
    case "certificateChanged": {
      return `uses a new certificate, until ${dayOf(event.expiresMs)}; its key is ${event.fingerprint}`;
    }
    case "certificateOutOfDate": {
      const isOver = event.validToMs < Date.now();
      const when = isOver ? `expired on ${dayOf(event.validToMs)}` : `is valid from ${dayOf(event.validFromMs)} on`;
      return `warning: the certificate ${when}: clients that do not pin its key refuse it; put another in its place`;
    }
    case "certificateKept":
      return `goes on with the certificate that it has: ${event.why}`;
    case "closed":
      return `${event.peer} left`;
    case "failed": {
      const { error, peer } = event;
      return `${peer} ${failureOf(error)}`;
    }
    default:
      return unreachable(event);
  }
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function failureOf(error: unknown): string {
  if (isBakError(error)) return oneLine(error.message);
  return `internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

function withToken({ token }: { readonly token?: string | undefined }): string {
  return token === undefined ? "" : ` with token '${token}'`;
}

function byWhom(by: { readonly token: string | undefined; readonly peer: string } | undefined): string {
  return by === undefined ? "" : ` by ${by.peer}${withToken(by)}`;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
