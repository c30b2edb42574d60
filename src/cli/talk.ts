/** What the talk of commands has in common. */
import type { Reconnecting } from "../client/reconnects.js";
import { formatDuration } from "./format.js";

/** Where the answer goes, a line at a time: a command's stdout. */
export interface Speaker {
  log(text: string): void;
}

/** That a connection was lost, and when it is made again. */
export function describeReconnecting({ error, waitMs }: Omit<Reconnecting, "type">): string {
  return `${error.message}; trying again in ${formatDuration(waitMs)}`;
}
