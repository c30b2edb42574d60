/**
 * TLS with a server that is who it should be: known by the key that was pinned, or else vouched for by an authority that Node
 * trusts, for this host and this day. Nothing is sent to a server before that is certain.
 */
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { BakError } from "../errors.js";
import { keyFingerprint, type KeyFingerprint } from "./server-key.js";

export interface TlsDialOptions {
  /** The key that the server must have; with it neither authority, nor name, nor date of its certificate play a part. */
  readonly pin?: KeyFingerprint | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
}

/** What a server shows of itself. */
export interface ServerIdentity {
  readonly fingerprint: KeyFingerprint;
  /** Why the certificate is not one that Node trusts; undefined where it is. */
  readonly distrust: string | undefined;
}

/** A connection on which TLS is spoken, with the server of a `wss://` URL. Rejects with UNTRUSTED_SERVER where it is another. */
export async function dialTls(url: URL, options: TlsDialOptions): Promise<TLSSocket> {
  const { socket, identity } = await handshake(url, options);
  const refusal = refusalOf(url, identity, options.pin);
  if (refusal === undefined) return socket;
  socket.destroy();
  throw refusal;
}

/** Looks at the server's key and certificate, and says nothing to it. */
export async function inspectServer(url: URL, options: Omit<TlsDialOptions, "pin">): Promise<ServerIdentity> {
  const { socket, identity } = await handshake(url, options);
  socket.destroy();
  return identity;
}

/** UNTRUSTED_SERVER for a server that has another key than it should. */
export function changedKey(server: string, { pin, found }: { pin: string; found: string }): BakError {
  return new BakError(
    "UNTRUSTED_SERVER",
    `'${server}' has another key than before: it has ${found}, and ${pin} is pinned; somebody may be in between`,
    {
      hint: `if the server was given a new key, as it says itself when it starts: 'bak logout ${server}', then 'bak login ${server}'`,
    },
  );
}

function refusalOf(url: URL, identity: ServerIdentity, pin: KeyFingerprint | undefined): BakError | undefined {
  const { fingerprint: found, distrust } = identity;
  const server = nameOf(url);
  if (pin !== undefined) return found === pin ? undefined : changedKey(server, { pin, found });
  if (distrust === undefined) return undefined;
  return new BakError("UNTRUSTED_SERVER", `the certificate of '${server}' is not to be trusted: ${distrust}`, {
    hint: `if it is your own, compare its key and pin it with 'bak login ${server}'; it has ${found}`,
  });
}

function nameOf({ origin, pathname, search }: URL): string {
  return `${origin}${pathname === "/" ? "" : pathname}${search}`;
}

async function handshake(
  url: URL,
  { signal, timeoutMs }: TlsDialOptions,
): Promise<{ socket: TLSSocket; identity: ServerIdentity }> {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const socket = connect({
    host,
    port: Number(url.port || 443),
    servername: isIP(host) === 0 ? host : "",
    ALPNProtocols: ["http/1.1"],
    rejectUnauthorized: false, // judged by the caller, whatever the environment says
  });
  const abort = (): void => void socket.destroy(new Error("given up"));
  const timer = setTimeout(() => socket.destroy(new Error("it did not answer in time")), timeoutMs);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("it hung up")));
    });
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) throw new Error("it shows no certificate");
    const why: unknown = socket.authorizationError;
    const distrust = socket.authorized ? undefined : explain(why instanceof Error ? why.message : String(why));
    return { socket, identity: { fingerprint: keyFingerprint(certificate), distrust } };
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** OpenSSL's names of what is wrong, in words. */
function explain(code: string): string {
  switch (code) {
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return "it is self-signed";
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return "no authority that this machine knows has signed it";
    case "CERT_HAS_EXPIRED":
      return "it has expired";
    case "CERT_NOT_YET_VALID":
      return "it is not valid yet";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return "it is for another host";
    default:
      return code.replaceAll(/[^\w .,:'-]/g, " ");
  }
}
