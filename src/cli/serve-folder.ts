/** Opens a store and listens for it, as one thing that can be closed. */
import { listen, type ListenOptions } from "../server/listener.js";
import { openStore } from "../store/open-store.js";
import type { DamagedPack } from "../store/store.js";

export interface ServedFolder {
  readonly url: string;
  /** Packs that had to be left out. */
  readonly damaged: readonly DamagedPack[];
  /** Ends all sessions, stops to listen and lets go of the store. */
  close(): Promise<void>;
}

/** Makes the store if the folder is missing or empty. Rejects as `openStore` and `listen` do. */
export async function serveFolder(folder: string, options: ListenOptions): Promise<ServedFolder> {
  const store = await openStore(folder, { create: true });
  try {
    const listener = await listen(store, options);
    return {
      url: listener.url,
      damaged: store.damaged,
      close: async () => {
        await listener.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}
