/** Where bytes go that are written one after the other, and how that is waited for. */

/** Takes bytes in order. */
export interface ByteSink {
  /** Takes the next bytes, which stay as they are; where there is something to wait for, resolves when more may come. */
  write(bytes: Uint8Array): Promise<void> | undefined;
}
