/** The port that a server listens on: from a connection to a session, whatever it is with. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { BakError } from "../errors.js";
import type { Channel } from "../protocol/channel.js";
import { helloTimeoutMs } from "../protocol/limits.js";
import type { KeyFingerprint } from "../protocol/server-key.js";
import { acceptWebSockets, peerOf, type Refusal } from "../protocol/websocket-accept.js";
import { capacityOf } from "./capacity.js";
import type { ServerCertificate } from "./certificate-pair.js";
import { dismiss, greet, maxGreetingBytes, type Greeted, type GreetingOptions } from "./greeting.js";
import type { Guest, Host } from "./host.js";
import type { ListenerEvent, ListenOptions } from "./listen-options.js";
import { Listening } from "./listening.js";
import { addressOf, isLoopback } from "./peer-address.js";
import { serveSession, type SessionEvent } from "./session.js";
import { TrustedProxies } from "./trusted-proxies.js";
import { Visitors, type Visitor } from "./visitors.js";
import { ChannelWatch } from "./channel-watch.js";

/** Of a request's head; ours have some 300 bytes, and a proxy adds to them. */
const maxHeaderBytes = 8 << 10;

interface Arrival {
  readonly visitor: Visitor;
  /** Ends the connection; once it is a WebSocket, with a word about why. */
  sendAway: () => void;
}

/** See the top of the file. */
export class Entrance {
  readonly #http: Server;
  readonly #options: ListenOptions;
  readonly #proxies: TrustedProxies;
  readonly #visitors: Visitors;
  readonly #watch: ChannelWatch;
  readonly #sessions = new Set<Promise<void>>();
  /** By the address and port of the connection, which are those of the TLS on it, too. */
  readonly #arrivals = new Map<string, Arrival>();
  #listening: Listening | undefined;
  #certificate: ServerCertificate | undefined;
  #stopAccepting: (() => void) | undefined;
  #stopWatching: (() => void) | undefined;

  private constructor(options: ListenOptions) {
    const tell = (event: ListenerEvent): void => options.onEvent?.(event);
    const capacity = capacityOf(options.limits);
    this.#options = options;
    this.#proxies = options.trustedProxies ?? new TrustedProxies([]);
    this.#visitors = new Visitors(capacity, tell);
    this.#watch = new ChannelWatch({ heldBytes: capacity.heldBytes, idleMs: options.timeouts?.idleMs, onEvent: tell });
    this.#certificate = options.tls?.read();
    this.#http = createHttpServer(options, this.#certificate);
    this.#http.maxConnections = capacity.sessions + capacity.waiting + Math.min(capacity.waiting, 16);
    this.#http.on("connection", (socket: Socket) => this.#arrive(socket));
    this.#http.on("request", (_request, response) => {
      response.writeHead(426, { "content-type": "text/plain", connection: "close" });
      response.end("this is a bak store: 'bak push --server' speaks to it\n");
    });
  }

  /** Listens, and lets whoever comes wait. Rejects with CANNOT_LISTEN. */
  static async open(options: ListenOptions): Promise<Entrance> {
    const entrance = new Entrance(options);
    const { host, port, onEvent } = options;
    entrance.#listening = await Listening.open(entrance.#http, { host, port, onEvent: (event) => onEvent?.(event) });
    return entrance;
  }

  /** Whether other machines can't reach it: by themselves, that is. */
  get isLocal(): boolean {
    return isLoopback(this.#address.address) && this.#options.trustedProxies === undefined;
  }

  /** Whether a store without tokens may be served to whoever comes. */
  get mayBeOpen(): boolean {
    return this.isLocal || this.#options.isInsecure === true;
  }

  get url(): string {
    const { port } = this.#address;
    const host = this.#options.host.includes(":") ? `[${this.#options.host}]` : this.#options.host;
    return `${this.#options.tls === undefined ? "ws" : "wss"}://${host}:${port}`;
  }

  get #address(): AddressInfo {
    if (this.#listening === undefined) throw new Error("the server does not listen yet");
    return this.#listening.address;
  }

  get fingerprint(): KeyFingerprint | undefined {
    return this.#certificate?.fingerprint;
  }

  /** Makes the certificate, if that is still to be done; the folder that it is kept in is there by now. */
  async certify(): Promise<void> {
    const { tls } = this.#options;
    if (tls === undefined || this.#certificate !== undefined) return;
    this.#certificate = await tls.make();
    setCertificate(this.#http, this.#certificate);
  }

  /** From now on whoever comes is taken to `host`, if that lets him in. */
  receive(host: Host): void {
    const { tls, timeouts, onEvent } = this.#options;
    if (this.#certificate !== undefined) this.#tellIfOutOfDate(this.#certificate);
    this.#stopWatching = tls?.watch(
      (changed) => {
        setCertificate(this.#http, changed);
        this.#tellIfOutOfDate(changed);
      },
      (event) => onEvent?.(event),
    );
    this.#stopAccepting = acceptWebSockets(this.#http, {
      silenceLimitMs: timeouts?.silenceMs,
      peerOf: (request) => this.#peerOf(request),
      refuse: (request) => this.#refuse(request),
      onChannel: (channel, request) => {
        const session = this.#welcome(channel, { request, host }).finally(() => this.#sessions.delete(session));
        this.#sessions.add(session);
      },
    });
  }

  /** Ends every session and stops to listen; packs that were not acknowledged are dropped. */
  async close(): Promise<void> {
    this.#stopWatching?.();
    this.#stopAccepting?.();
    const closed = this.#listening?.close();
    await Promise.all(this.#sessions);
    this.#http.closeAllConnections();
    for (const { sendAway } of this.#arrivals.values()) sendAway(); // TLS that is not spoken yet
    await closed;
    this.#watch.close();
  }

  #tellIfOutOfDate({ validFromMs, validToMs }: ServerCertificate): void {
    const now = Date.now();
    if (validFromMs <= now && now <= validToMs) return;
    this.#options.onEvent?.({ type: "certificateOutOfDate", validFromMs, validToMs });
  }

  #arrive(socket: Socket): void {
    const { remoteAddress = "unknown", remotePort = 0 } = socket;
    const key = `${remoteAddress} ${remotePort}`;
    const address = addressOf(remoteAddress);
    // a client that is gone before it was taken has no address any more, and is closed already
    let arrival: Arrival | undefined;
    const sendAway = (): void => (arrival === undefined ? void socket.destroy() : arrival.sendAway());
    const visitor = this.#visitors.arrive(address, { isProxy: this.#proxies.has(address), sendAway });
    arrival = { visitor, sendAway: () => void socket.destroy() };
    this.#arrivals.set(key, arrival);
    socket.once("close", () => {
      if (this.#arrivals.get(key) === arrival) this.#arrivals.delete(key);
      this.#visitors.leave(visitor);
    });
  }

  #arrivalOf({ socket }: IncomingMessage): Arrival | undefined {
    return this.#arrivals.get(`${socket.remoteAddress ?? "unknown"} ${socket.remotePort ?? 0}`);
  }

  /** Where a request comes from, with the port where it comes from there itself. */
  #peerOf(request: IncomingMessage): string {
    const { remoteAddress = "unknown" } = request.socket;
    const origin = this.#proxies.originOf(remoteAddress, request.headers["x-forwarded-for"]);
    return origin === addressOf(remoteAddress) ? peerOf(request) : origin;
  }

  #refuse(request: IncomingMessage): Refusal | undefined {
    const arrival = this.#arrivalOf(request);
    if (arrival === undefined) return { status: "503 Service Unavailable", text: "too many connections" };
    this.#visitors.locate(arrival.visitor, addressOf(this.#peerOf(request)));
    const noRoom = this.#visitors.noRoomFor(arrival.visitor);
    if (noRoom === undefined) return undefined;
    const status = noRoom.status === 503 ? "503 Service Unavailable" : "429 Too Many Requests";
    return { status, headers: { "Retry-After": String(noRoom.retryAfterSeconds) }, text: "too many sessions" };
  }

  /** One connection from beginning to end; its failure is its own and told as an event. */
  async #welcome(channel: Channel, { request, host }: { request: IncomingMessage; host: Host }): Promise<void> {
    const { peer } = channel;
    const path = (request.url ?? "/").split("?", 1)[0] as string;
    let guest: Guest | undefined;
    const tell = (event: ListenerEvent): void => this.#options.onEvent?.(event, guest?.name);
    try {
      const greeted = await this.#greet(channel, {
        request,
        letIn: (hello) => host.letIn(path, hello, peer),
        tryToken: (token) => host.tryToken(path, token, peer),
      });
      if (greeted !== undefined) {
        ({ guest } = greeted);
        await this.#serve(greeted.channel, guest, (event) => tell({ ...event, peer }));
      }
      tell({ type: "closed", peer });
    } catch (error) {
      await channel.close();
      tell({ type: "failed", peer, error, isStranger: guest === undefined });
    }
  }

  async #greet(
    channel: Channel,
    { request, letIn, tryToken }: Omit<GreetingOptions<Guest>, "timeoutMs"> & { readonly request: IncomingMessage },
  ): Promise<Greeted<Guest> | undefined> {
    const arrival = this.#arrivalOf(request);
    const { socket } = request;
    let bytes = 0;
    let isLetIn = false;
    const count = (piece: Buffer): void => {
      bytes += piece.length;
      // before a message is whole, of which nothing is wanted
      if (bytes > maxGreetingBytes && !isLetIn) socket.destroy();
    };
    if (arrival !== undefined) {
      arrival.sendAway = () => {
        void dismiss(channel, new BakError("LIMIT", "too many connections wait here", { hint: "say hello at once" }));
      };
    }
    socket.on("data", count);
    try {
      return await greet(channel, {
        timeoutMs: this.#options.timeouts?.helloMs ?? helloTimeoutMs,
        tryToken,
        letIn: async (hello) => {
          isLetIn = true; // what he sends after hello waits as everything does
          const guest = await letIn(hello).finally(() => (isLetIn = false));
          try {
            if (arrival !== undefined) this.#visitors.seat(arrival.visitor);
            return guest;
          } catch (error) {
            guest.access.release();
            guest.release();
            throw error;
          }
        },
      });
    } finally {
      socket.off("data", count);
    }
  }

  async #serve(channel: Channel, guest: Guest, tell: (event: SessionEvent) => void): Promise<void> {
    const watched = this.#watch.watch(channel);
    try {
      await serveSession(watched.channel, guest.store, {
        agent: this.#options.agent,
        authorize: () => Promise.resolve(guest.access),
        tokens: guest.gate,
        helloTimeoutMs: this.#options.timeouts?.helloMs,
        projectQuotaBytes: this.#options.projectQuotaBytes,
        isRemote: true,
        onEvent: tell,
      });
    } finally {
      watched.release();
      guest.release();
    }
  }
}

function createHttpServer({ tls, timeouts = {} }: ListenOptions, certificate: ServerCertificate | undefined): Server {
  const { handshakeMs = helloTimeoutMs } = timeouts;
  const waits = {
    headersTimeout: handshakeMs,
    requestTimeout: handshakeMs,
    connectionsCheckingInterval: handshakeMs / 4,
    maxHeaderSize: maxHeaderBytes,
  };
  if (tls === undefined) return createServer(waits);
  // one that is still to be made is there before the store is open, and so before anybody is served
  const pair = certificate && { key: certificate.key, cert: certificate.cert };
  return createTlsServer({ ...pair, ...waits, handshakeTimeout: handshakeMs });
}

/** For connections from now on. */
function setCertificate(http: Server, { key, cert }: ServerCertificate): void {
  (http as TlsServer).setSecureContext({ key, cert });
}
