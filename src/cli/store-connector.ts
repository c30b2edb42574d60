/** Conversations with a store that is opened in this process: the same code on both sides as over the network. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Remote, type Hello } from "../client/remote.js";
import { openMemoryChannel } from "../protocol/memory-channel.js";
import { serveSession } from "../server/session.js";
import { openStore } from "../store/open-store.js";
import type { Store } from "../store/store.js";
import type { Connector, ConnectorOptions } from "./connector.js";

/** Opens the store of a folder. */
export async function openStoreConnector(folder: string, options: ConnectorOptions): Promise<Connector> {
  const wasThere = existsSync(join(folder, "config.json"));
  const store = await openStore(folder, { create: options.mayCreate });
  return {
    connect: (hello) => connectTo(store, hello, options),
    isNew: !wasThere,
    damaged: store.damaged,
    close: () => store.close(),
  };
}

function connectTo(store: Store, hello: Hello, options: ConnectorOptions): Promise<Remote> {
  const { client, server } = openMemoryChannel({ client: "this process", server: store.folder });
  // what breaks the session off is what the client is told, too
  serveSession(server, store, { agent: options.agent }).catch(() => undefined);
  return Remote.open(client, hello, options);
}
