/** What `--server` may be: a URL of a server, or a folder that is opened in this process. */
import { resolve } from "node:path";
import { BakError } from "../errors.js";

/** Where a store is; a folder is an absolute path. */
export type ServerAddress =
  { readonly type: "url"; readonly url: string } | { readonly type: "folder"; readonly folder: string };

/** The port that `bak serve` listens on, unless told otherwise. */
export const defaultPort = 7420;

/** Throws BAD_SERVER_ADDRESS. A `ws://` URL without a port is taken to mean bak's own. */
export function parseServerAddress(text: string): ServerAddress {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    // a host without its scheme would become a folder here, and the backup would never leave this machine
    if (text === "" || /^[\w.-]+:\d+$/.test(text)) throw badAddress(text);
    return { type: "folder", folder: resolve(text) };
  }
  if ((scheme !== "ws" && scheme !== "wss") || !URL.canParse(text)) throw badAddress(text);
  const url = new URL(text);
  if (url.username !== "" || url.password !== "" || url.hash !== "") throw badAddress(text);
  const hasPort = /^[a-z]+:\/\/[^/?]*:\d+(?=[/?]|$)/i.test(text);
  if (scheme === "ws" && !hasPort) url.port = String(defaultPort);
  return { type: "url", url: url.pathname === "/" && url.search === "" ? url.origin : url.href };
}

/** The URL of a server. Throws BAD_SERVER_ADDRESS, for a folder, too. */
export function parseServerUrl(text: string): string {
  const address = parseServerAddress(text);
  if (address.type === "folder")
    throw badAddress(text, `write ws://HOST:${defaultPort} or wss://HOST: a folder needs no login`);
  return address.url;
}

function badAddress(
  text: string,
  hint = `write ws://HOST:${defaultPort}, wss://HOST, or the path of a folder`,
): BakError {
  return new BakError("BAD_SERVER_ADDRESS", `not a server: '${text}'`, { hint });
}
