/** From an address to a conversation: over the network, or with a store that is opened in this process. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Remote, type Hello } from "../client/remote.js";
import type { Codec } from "../objects/member-codec.js";
import { openMemoryChannel } from "../protocol/memory-channel.js";
import { dialWebSocket } from "../protocol/websocket-dial.js";
import { serveSession } from "../server/session.js";
import { openStore } from "../store/open-store.js";
import type { DamagedPack, Store } from "../store/store.js";
import type { ServerAddress } from "./server-address.js";

/** Where conversations come from; one after the other may be begun. */
export interface Connector {
  connect(hello: Hello): Promise<Remote>;
  /** Whether that store has just been made. */
  readonly isNew: boolean;
  /** Packs of that store that had to be left out; of a server's store, the server tells. */
  readonly damaged: readonly DamagedPack[];
  /** Lets go of the store. Every conversation has been closed. */
  close(): Promise<void>;
}

export interface ConnectorOptions {
  /** Makes a store in the folder if none is there yet. */
  mayCreate: boolean;
  /** Names this program and its version. */
  agent: string;
  signal: AbortSignal;
}

/** Opens the store of a folder; of a URL, dials with each conversation. */
export async function openConnector(address: ServerAddress, options: ConnectorOptions): Promise<Connector> {
  if (address.type === "url") {
    const connect = async (hello: Hello): Promise<Remote> =>
      Remote.open(await dialWebSocket(address.url, options), hello, options);
    return { connect, isNew: false, damaged: [], close: () => Promise.resolve() };
  }
  const { folder } = address;
  const wasThere = existsSync(join(folder, "config.json"));
  const store = await openStore(folder, { create: options.mayCreate });
  return {
    connect: (hello) => connectTo(store, hello, options),
    isNew: !wasThere,
    damaged: store.damaged,
    close: () => store.close(),
  };
}

/** The store of a folder that is to be served, made if the folder is missing or empty; it remembers `compression`. */
export function openStoreFolder(folder: string, options: { compression?: Codec | undefined } = {}): Promise<Store> {
  return openStore(folder, { create: true, ...options });
}

/** A session with a store in this process: the same code on both sides as over the network. */
function connectTo(store: Store, hello: Hello, options: ConnectorOptions): Promise<Remote> {
  const { client, server } = openMemoryChannel({ client: "this process", server: store.folder });
  // what breaks the session off is what the client is told, too
  serveSession(server, store, { agent: options.agent }).catch(() => undefined);
  return Remote.open(client, hello, options);
}
