/** Push: a folder as it is now becomes the project's next commit, and the store gets what it lacks of it. */
import { isBakError } from "../errors.js";
import { packTargetBytes } from "../objects/pack-format.js";
import { pushOnce, type Attempts } from "./push-attempt.js";
import type { PushEvent, PushOptions, PushResult } from "./push-options.js";
import { Reconnects } from "./reconnects.js";

/**
 * How often a push is begun again because somebody else's was faster. Each time another push has ended well; with twenty at a
 * time, the slowest may lose to each of them more than once.
 */
const maxHeadMoves = 100;
/** A connection that was lost before it had carried a pack is given smaller ones: a fourth each time, but not less than this. */
const minPackBytes = 4 << 20;

/** Pushes the folder. A broken connection is tried again; packs that the store has acknowledged are not sent twice. */
export async function push(options: PushOptions): Promise<PushResult> {
  const { progress, signal } = options;
  const reconnects = new Reconnects();
  let headMoves = 0;
  const attempts: Attempts = { isDistrusted: false, sent: undefined, packBytes: packTargetBytes };
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
      if (kept === 0 && progress.bytesSent > 0) attempts.packBytes = Math.max(attempts.packBytes / 4, minPackBytes);
      await reconnects.wait({ error, isConnected, hasHeadway: kept > 0 }, { onEvent, signal });
    }
  }
}
