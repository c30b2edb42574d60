/** What a listener is told, and what it tells. */
import type { Capacity } from "./capacity.js";
import type { CertificateEvent, CertificateSource } from "./certificates.js";
import type { BurdenEvent } from "./channel-watch.js";
import type { GateEvent } from "./gate.js";
import type { ListeningEvent } from "./listening.js";
import type { ScrubEvent } from "./scrub.js";
import type { SessionEvent } from "./session.js";
import type { StoreHouseEvent, StoreHouseOptions } from "./store-house.js";
import type { TrustedProxies } from "./trusted-proxies.js";
import type { VisitorEvent } from "./visitors.js";

/** Where to listen, to whom, and how. */
export interface ListenOptions {
  host: string;
  /** 0 picks a free one. */
  port: number;
  /** With it the listener speaks TLS. */
  tls?: CertificateSource | undefined;
  agent: string;
  /** At which rate the store's packs are read again by and by; not at all unless given. */
  scrub?: { bytesPerSecond: number };
  /** How many bytes of the disk the packs of any one project may take; no limit unless given. */
  projectQuotaBytes?: number | undefined;
  /** How long clients may keep it waiting; a minute each if nothing is said. */
  timeouts?: ClientTimeouts;
  /** Whether the store has tokens. Without, it is served to this machine alone; not at all unless given. */
  hasTokens?: () => Promise<boolean>;
  /** Serves it to others, too, though whoever comes is let in. */
  isInsecure?: boolean;
  /** Whose word counts on where others come from. */
  trustedProxies?: TrustedProxies | undefined;
  /** What is not given is what the system can bear. */
  limits?: Partial<Capacity> | undefined;
  /** How the stores of a folder are kept. */
  house?: Pick<StoreHouseOptions, "idleMs" | "maxOpen" | "threads">;
  /** `store` is the name of one of several. */
  onEvent?: (event: ListenerEvent, store?: string) => void;
}

/** How long clients may take. */
export interface ClientTimeouts {
  /** From the connection to a request to speak WebSocket. */
  readonly handshakeMs?: number;
  /** From there to hello. */
  readonly helloMs?: number;
  /** Without a single byte, pongs included. */
  readonly silenceMs?: number;
  /** Of a session without a message. */
  readonly idleMs?: number;
}

/** All that a listener tells of; `peer` is where somebody comes from. */
export type ListenerEvent =
  | (SessionEvent & { peer: string })
  | ScrubEvent
  | GateEvent
  | StoreHouseEvent
  | CertificateEvent
  | { type: "closed"; peer: string }
  | VisitorEvent
  | ListeningEvent
  | BurdenEvent
  /** `isStranger`: before anybody was let in. */
  | { type: "failed"; peer: string; error: unknown; isStranger?: boolean };
