/** A push as tests want it that are about something else. */
import type { PushOptions } from "../../src/client/push-options.js";

/** Of all that is in a folder, without a message, on this thread; whoever pushes says what, from where, and who is told. */
export const quietPush = {
  message: "",
  tags: [],
  isFull: false,
  isEmptyAllowed: false,
  isDryRun: false,
  threads: 0,
  version: "0",
  isLeftOut: () => false,
} satisfies Partial<PushOptions>;
