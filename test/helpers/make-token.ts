/** A store with tokens, and a server of it in this process. */
import type { Test } from "tap";
import { newTokenSecret } from "../../src/client/new-token.js";
import { parseProjectPatterns } from "../../src/objects/project-pattern.js";
import type { Right } from "../../src/objects/rights.js";
import { parseTokenName } from "../../src/objects/token-name.js";
import { hashOfSecret } from "../../src/objects/token-secret.js";
import { listen, type ListenerEvent, type ListenOptions } from "../../src/server/listener.js";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { TokenFile } from "../../src/store/token-file.js";

export interface TokenWish {
  projects?: string[];
  rights?: Right[];
  expiresMs?: number;
  quotaBytes?: number;
}

/** Makes a token, as another process would, and gives its secret. */
export async function makeToken(folder: string, name: string, wish: TokenWish = {}): Promise<string> {
  const secret = newTokenSecret();
  await new TokenFile(folder).add({
    name: parseTokenName(name),
    hash: hashOfSecret(secret).toString("hex"),
    projects: parseProjectPatterns(wish.projects ?? ["*"]),
    rights: wish.rights ?? ["push", "read"],
    expiresMs: wish.expiresMs,
    quotaBytes: wish.quotaBytes,
  });
  return secret;
}

export interface ServedStore {
  readonly folder: string;
  readonly port: string;
  readonly store: Store;
  readonly events: ListenerEvent[];
  close(): Promise<void>;
}

/** Serves a store on loopback until the test ends. */
export async function serveStore(t: Test, options: Partial<ListenOptions> = {}): Promise<ServedStore> {
  const folder = t.testdir();
  const events: ListenerEvent[] = [];
  const listener = await listen(() => openStore(folder, { create: true, threads: 0 }), {
    host: "127.0.0.1",
    port: 0,
    agent: "store/1",
    onEvent: (event) => void events.push(event),
    ...options,
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= listener.close());
  t.teardown(close);
  return { folder, port: new URL(listener.url).port, store: listener.store, events, close };
}
