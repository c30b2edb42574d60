/** A store that this process serves. */
import type { Test } from "tap";
import { listen, type Listener, type ListenerEvent, type ListenOptions } from "../../src/server/listener.js";
import { openStore, type OpenOptions } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";

export interface Served {
  readonly folder: string;
  readonly port: number;
  readonly listener: Listener;
  readonly store: Store;
  readonly events: ListenerEvent[];
  /** Ends it before the test does. */
  close(): Promise<void>;
}

/** Serves the store in `folder`, on this thread unless `store` says otherwise, until the test ends. */
export async function serveStore(
  t: Test,
  folder: string,
  { store = { threads: 0 }, ...options }: Partial<ListenOptions> & { store?: Partial<OpenOptions> } = {},
): Promise<Served> {
  const events: ListenerEvent[] = [];
  const listener = await listen(() => openStore(folder, { create: true, ...store }), {
    host: "127.0.0.1",
    port: 0,
    agent: "store/1",
    ...options,
    onEvent: (event) => void events.push(event),
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= listener.close());
  t.teardown(close);
  return { folder, port: Number(new URL(listener.url).port), listener, store: listener.store, events, close };
}
