/** What a gc is told that leaves no waste at all, however young. */
import type { CollectOptions } from "../../src/store/store.js";

export const cleanAll: CollectOptions = {
  graceMs: 0,
  isDryRun: false,
  limits: { ofPack: 0, ofStore: 0 },
  signal: new AbortController().signal,
  onProgress: () => undefined,
};
