/** Push: a folder as it is now becomes the project's next commit, and the store gets what it lacks of it. */
import { setTimeout as sleep } from "node:timers/promises";
import { isBakError } from "../errors.js";
import { pushOnce, type Attempts } from "./push-attempt.js";
import type { PushEvent, PushOptions, PushResult } from "./push-options.js";

/** How often a push is begun again after its connection broke, and how long it waits before: 1 s, then twice as long each time. */
const maxReconnects = 8;
const firstWaitMs = 1000;
const maxWaitMs = 30_000;
/**
 * How often a push is begun again because somebody else's was faster. Each time another push has ended well; with twenty at a
 * time, the slowest may lose to each of them more than once.
 */
const maxHeadMoves = 100;

/** Pushes the folder. A broken connection is tried again; packs that the store has acknowledged are not sent twice. */
export async function push(options: PushOptions): Promise<PushResult> {
  let reconnects = 0;
  let headMoves = 0;
  const attempts: Attempts = { isDistrusted: false, sent: undefined };
  for (;;) {
    let kept = 0;
    let isConnected = false;
    const connect: PushOptions["connect"] = async (hello) => {
      const remote = await options.connect(hello);
      isConnected = true;
      return remote;
    };
    const onEvent = (event: PushEvent): void => {
      if (event.type === "packKept") kept += 1;
      options.onEvent(event);
    };
    try {
      return await pushOnce({ ...options, connect, onEvent }, attempts);
    } catch (error) {
      if (isBakError(error, "HEAD_MOVED") && headMoves < maxHeadMoves) {
        headMoves += 1;
        options.onEvent({ type: "headMoved" });
        continue;
      }
      const isLoss = isBakError(error, "INCOMPLETE_COMMIT", "NO_OBJECT", "STORE_DAMAGED");
      if (isLoss && !attempts.isDistrusted && !options.isDryRun) {
        attempts.isDistrusted = true;
        options.onEvent({ type: "lossFound", error });
        continue;
      }
      if (kept > 0) reconnects = 0; // there was headway
      const mayReturn = isConnected || reconnects > 0;
      if (!mayReturn || !isBakError(error, "CONNECTION_LOST", "NO_SERVER") || reconnects >= maxReconnects) throw error;
      const waitMs = Math.min(firstWaitMs * 2 ** reconnects, maxWaitMs);
      reconnects += 1;
      options.onEvent({ type: "reconnecting", error, waitMs });
      await sleep(waitMs, undefined, { signal: options.signal });
    }
  }
}
