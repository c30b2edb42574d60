/** `bak serve`: takes connections from the network and gives each a session with a store. */
import { BakError } from "../errors.js";
import type { KeyFingerprint } from "../protocol/server-key.js";
import type { Store } from "../store/store.js";
import { Entrance } from "./entrance.js";
import { Gate } from "./gate.js";
import type { Host } from "./host.js";
import type { ListenerEvent, ListenOptions } from "./listen-options.js";
import { startScrub } from "./scrub.js";
import { StoreHouse, type LeftOutStore } from "./store-house.js";

export type { ListenerEvent, ListenOptions } from "./listen-options.js";

/** A server of one store, which listens. */
export interface Listener {
  /** `ws://HOST:PORT`, or `wss://`, with the port that was picked. */
  readonly url: string;
  readonly store: Store;
  /** What its key is called, as clients pin it; undefined in clear text. */
  readonly fingerprint: KeyFingerprint | undefined;
  /** Whether other machines reach it, and nobody is asked for a token. */
  readonly isOpenToAll: boolean;
  /** Ends every session, stops to listen, and closes the store; packs that were not acknowledged are dropped. */
  close(): Promise<void>;
}

/** A listener for several stores. */
export interface HouseListener extends Omit<Listener, "store"> {
  /** Of the stores that are there at the moment. */
  names(): Promise<string[]>;
  /** Of those that are there, and not served. */
  leftOut(): Promise<LeftOutStore[]>;
}

/**
 * Starts to listen, and then opens the store, so that an address that is taken leaves no new store behind; sessions wait
 * until it is open. Rejects with CANNOT_LISTEN where the address is taken or not ours, with NOT_ALLOWED where others than this
 * machine could reach a store that asks nobody for a token, and with what `openStore` rejects with.
 */
export async function listen(openStore: () => Promise<Store>, options: ListenOptions): Promise<Listener> {
  const onEvent = (event: ListenerEvent): void => options.onEvent?.(event);
  const entrance = await Entrance.open(options);
  const { mayBeOpen } = entrance;
  if (!mayBeOpen && !(await hasTokens(options))) {
    await entrance.close();
    throw unguarded(options);
  }
  const opening = openStore().then(async (store) => {
    await entrance.certify();
    return { store, gate: await Gate.open(store.folder, { mayBeOpen, onEvent }) };
  });
  const host: Host = {
    letIn: async (_path, hello, peer) => {
      const { store, gate } = await opening.catch(() => {
        throw new BakError("STORE_FAILED", "the store cannot be opened"); // whoever has started the server is told why
      });
      return { store, gate, access: await gate.authorize(hello, peer), release: () => undefined };
    },
    tryToken: async (_path, token, peer) => (await opening).gate.tryToken(token, peer),
    close: () => Promise.resolve(),
  };
  entrance.receive(host);
  const { store, gate } = await opening.catch(async (error: unknown) => {
    await entrance.close();
    throw error;
  });
  const stopScrub = options.scrub && startScrub(store, { ...options.scrub, onEvent });
  return {
    store,
    fingerprint: entrance.fingerprint,
    isOpenToAll: gate.isOpen && !entrance.isLocal,
    url: entrance.url,
    close: async () => {
      await Promise.all([entrance.close(), stopScrub?.()]);
      await gate.close();
      await store.close();
    },
  };
}

/**
 * The same for every store in a folder, each under its own path. A store without tokens lets in nobody, where others than this
 * machine could reach it. Rejects with NO_STORE for what is no folder of stores.
 */
export async function listenForStores(folder: string, options: ListenOptions): Promise<HouseListener> {
  const entrance = await Entrance.open(options);
  try {
    const house = await StoreHouse.open(folder, {
      ...options.house,
      mayBeOpen: entrance.mayBeOpen,
      scrub: options.scrub,
      onEvent: (event, store) => options.onEvent?.(event, store === "" ? undefined : store),
    });
    await entrance.certify();
    entrance.receive(house);
    return {
      fingerprint: entrance.fingerprint,
      url: entrance.url,
      isOpenToAll: options.isInsecure === true && !entrance.isLocal,
      names: () => house.names(),
      leftOut: () => house.leftOut(),
      close: async () => {
        await entrance.close();
        await house.close();
      },
    };
  } catch (error) {
    await entrance.close();
    throw error;
  }
}

/** Where that cannot be told, it is as if there were none. */
async function hasTokens({ hasTokens: ask }: ListenOptions): Promise<boolean> {
  return ask !== undefined && (await ask());
}

function unguarded({ host, trustedProxies }: ListenOptions): BakError {
  const where = trustedProxies === undefined ? `on '${host}'` : "behind a proxy";
  return new BakError(
    "NOT_ALLOWED",
    `a store without tokens is not served ${where}: whoever reaches it could do everything`,
    {
      hint: "make a token first: 'bak token add NAME --project PROJECT -s STORE'; or let anybody in, with --insecure",
    },
  );
}
