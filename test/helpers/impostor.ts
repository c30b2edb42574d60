/** What only looks like a server of bak. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { Test } from "tap";
import { makeSelfSigned, type KeyAndCertificate } from "../../src/server/self-signed.js";

export interface Impostor {
  readonly port: number;
  /** What clients have said to it once TLS was spoken. */
  readonly heard: Buffer[];
  /** How many have come, and gone again. */
  gone: number;
}

/** Speaks TLS with whatever certificate it has, and listens to what it is told. */
export async function openImpostor(
  t: Test,
  pair: KeyAndCertificate = makeSelfSigned(["localhost"]),
): Promise<Impostor> {
  const impostor: Impostor = { port: 0, heard: [], gone: 0 };
  const sockets = new Set<TLSSocket>();
  const server = createServer({ ...pair }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => void impostor.heard.push(bytes));
  });
  server.on("tlsClientError", () => undefined);
  server.on("connection", (socket) => socket.on("close", () => (impostor.gone += 1)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return Object.assign(impostor, { port: (server.address() as AddressInfo).port });
}
