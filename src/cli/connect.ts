/**
 * From an address to a conversation: over the network, or with a store that is opened in this process. What one of the two
 * needs takes half as long to load as bak takes to start, so it is loaded for that one alone.
 */
import { Remote, type Hello } from "../client/remote.js";
import type { Connector, ConnectorOptions } from "./connector.js";
import type { ServerAddress } from "./server-address.js";

/** Opens the store of a folder; of a URL, dials with each conversation. */
export async function openConnector(address: ServerAddress, options: ConnectorOptions): Promise<Connector> {
  if (address.type === "folder") {
    const { openStoreConnector } = await import("./store-connector.js");
    const opening = openStoreConnector(address.folder, options);
    return options.mayBeVacant === true
      ? opening.catch((error: unknown) => vacantOr(error, address.folder, options))
      : opening;
  }
  const { dialWebSocket } = await import("../protocol/websocket-dial.js");
  const { credentialsFor } = await import("./credentials.js");
  const { token, pin, warning } = credentialsFor(address.url, options.access);
  if (warning !== undefined) options.warn(warning);
  const connect = async (hello: Hello): Promise<Remote> =>
    Remote.open(await dialWebSocket(address.url, { ...options, pin }), { token, ...hello }, options);
  return { connect, isNew: false, damaged: [], close: () => Promise.resolve() };
}

async function vacantOr(error: unknown, folder: string, options: ConnectorOptions): Promise<Connector> {
  const { openVacantConnector } = await import("./vacant-connector.js");
  const vacant = openVacantConnector(folder, error, options);
  if (vacant === undefined) throw error;
  return vacant;
}
