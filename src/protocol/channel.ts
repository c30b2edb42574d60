/** A channel carries frames between two ends in order: over a WebSocket, or inside one process. */

/** One end of a channel. */
export interface Channel {
  /**
   * Resolves when there is room for more; rejects with CONNECTION_LOST once the channel is gone. The frame's bytes stay as
   * they are until `onSent` is called, which tells that they are not needed any more; without it they stay so for good.
   */
  send(frame: Uint8Array, onSent?: () => void): Promise<void>;
  /** The next frame; undefined once the other end has closed in order. Rejects with CONNECTION_LOST where it is just gone. */
  receive(): Promise<Uint8Array | undefined>;
  /** Closes this end when what was sent before is on its way; frames not yet received are dropped. Never rejects. */
  close(): Promise<void>;
  /** Who is at the other end, for messages: a URL, an address, or a folder. */
  readonly peer: string;
  /** Whether the other end is on this machine, and so shares its processor. */
  readonly isLocal: boolean;
  /** What has come in and was not received, whole messages or not, and what waits to be sent; where that is known. */
  readonly heldBytes?: () => number;
}
