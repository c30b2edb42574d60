/** Push: a folder as it is now becomes the project's next commit, and the store gets what it lacks of it. */
import { isBakError } from "../errors.js";
import { packTargetBytes } from "../objects/pack-format.js";
import { HeadMoves } from "./head-moves.js";
import { pushOnce, type Attempts } from "./push-attempt.js";
import type { PushEvent, PushOptions, PushResult } from "./push-options.js";
import { Reconnects } from "./reconnects.js";

/** A connection that was lost before it had carried a pack is given smaller ones: a fourth each time, but not less than this. */
const minPackBytes = 4 << 20;

/** Pushes the folder. A broken connection is tried again; packs that the store has acknowledged are not sent twice. */
export async function push(options: PushOptions): Promise<PushResult> {
  const { progress, signal } = options;
  const reconnects = new Reconnects();
  const headMoves = new HeadMoves();
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
      if (headMoves.mayTryAgain(error)) {
        options.onEvent({ type: "headMoved" });
        await headMoves.wait(signal);
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
