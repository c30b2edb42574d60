/** The audit trail of a server: one line of JSON for whatever somebody has done, or has tried to. No secret is ever in it. */
import { closeSync, openSync } from "node:fs";
import { reasonOf } from "../client/source-failure.js";
import { BakError, unreachable } from "../errors.js";
import { oneLine } from "../objects/one-line.js";
import type { ListenerEvent } from "../server/listener.js";

/** A file that lines are appended to. */
export interface AuditLog {
  /** Writes the line for an event, if it is one that anybody has to answer for; `store` is the name of one of several. */
  write(event: ListenerEvent, store?: string): void;
  /** Opens the file anew, for whoever has moved it away. Throws, and goes on with the old one, where that fails. */
  reopen(): void;
  close(): void;
}

/** For its owner alone: who backs up what and when is nobody else's business. */
const fileMode = 0o600;
/** Lines wait for a disk that is full up to this; then they are lost. */
const maxWaitingBytes = 1 << 20;
/** So many commits are named in a line; the rest is counted. */
const maxCommits = 100;

/** Opens the file, and makes it if it is missing; `onError` is told of lines that can't be written. Throws USAGE where it can't be opened. */
export async function openAuditLog(path: string, onError: (error: Error) => void): Promise<AuditLog> {
  assertWritable(path);
  const { default: pino } = await import("pino"); // which takes a while to load, and nothing else needs
  const file = pino.destination({ dest: path, append: true, sync: true, mode: fileMode, maxLength: maxWaitingBytes });
  file.on("error", onError);
  const logger = pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    file,
  );
  return {
    write: (event, store) => {
      const record = auditRecord(event);
      if (record !== undefined) logger.info(store === undefined ? record : { ...record, store });
    },
    reopen: () => {
      assertWritable(path);
      file.reopen();
    },
    close: () => file.end(),
  };
}

/** What is written of an event beside the time; undefined for what is nobody's doing. */
export function auditRecord(event: ListenerEvent): Record<string, unknown> | undefined {
  switch (event.type) {
    case "login":
      return { event: "login", ...whoOf(event) };
    case "tokenTried":
      return { event: "token try", ...whoOf(event) };
    case "loginRefused":
      return { event: "login refused", ...whoOf(event), why: event.why };
    case "loginDelayed":
      return {
        event: "limit refused",
        peer: event.peer,
        why: "too many failed logins",
        waitMs: Math.ceil(event.waitMs),
      };
    case "opened":
      return { event: "opened", ...whoOf(event), agent: oneLine(event.agent) };
    case "committed":
      return { event: "push", ...whoOf(event), commit: event.commit };
    case "replaced":
      return { event: "replace", ...whoOf(event), commit: event.commit, by: event.by };
    case "forgotten":
    case "broughtBack": {
      const commits = event.commits.slice(0, maxCommits);
      return {
        event: event.type === "forgotten" ? "forget" : "undo forget",
        ...whoOf(event),
        count: event.count,
        commits,
      };
    }
    case "read":
      return { event: "read", ...whoOf(event), objects: event.objects, bytes: event.bytes };
    case "collected":
      return { event: "collect", ...whoOf(event), ...event.collected };
    case "repaired":
      return { event: "check --repair", ...whoOf(event), faults: event.faults, repaired: event.repaired };
    case "requestRefused": {
      const what = event.code === "LIMIT" ? "limit refused" : "request refused";
      return { event: what, ...whoOf(event), request: event.request, why: oneLine(event.why) };
    }
    case "dismissed":
      return { event: "dismissed", ...whoOf(event), why: event.why };
    case "tokenAdded":
      return { event: "token add", name: event.name, ...event.by };
    case "tokenRevoked":
      return { event: "token revoke", name: event.name, ...event.by };
    case "locked":
      return { event: "locked", why: oneLine(event.why) };
    case "unlocked":
      return { event: "unlocked" };
    case "acceptFailed":
    case "certificateChanged":
    case "certificateKept":
    case "certificateOutOfDate":
    case "closed":
    case "crowded":
    case "failed":
    case "letGo":
    case "packDamaged":
    case "requestFailed":
    case "scrubFailed":
    case "scrubbed":
    case "storeFailed":
    case "usesNotKept":
      return undefined; // the store's own doing, or the network's
    default:
      return unreachable(event);
  }
}

interface Who {
  readonly peer: string;
  readonly project?: string | undefined;
  readonly token?: string | undefined;
}

function whoOf({ peer, token, project }: Who): Record<string, unknown> {
  return { peer, ...(token === undefined ? {} : { token }), ...(project === undefined ? {} : { project }) };
}

/** SonicBoom, which pino writes through, does not tell in every case; and one that fails to be opened again is not to be used after. */
function assertWritable(path: string): void {
  try {
    closeSync(openSync(path, "a", fileMode));
  } catch (cause) {
    throw new BakError("USAGE", `cannot write '${path}': ${reasonOf(cause)}`, { cause });
  }
}
