/** A server that is told that a connection can't be taken goes on with those that it has, and soon takes others again. */
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import t from "tap";
import { Listening, type ListeningEvent } from "../../src/server/listening.js";
import { until } from "../helpers/deadline.js";

t.test("it stops to listen for a moment, and tells of it once", async (t) => {
  const http = createServer();
  const events: ListeningEvent[] = [];
  const onEvent = (event: ListeningEvent): void => void events.push(event);
  const listening = await Listening.open(http, { host: "127.0.0.1", port: 0, pauseMs: 50, onEvent });
  const { port } = listening.address;
  const before = connect(port, "127.0.0.1");
  await once(http, "connection");

  const full = Object.assign(new Error("accept EMFILE"), { code: "EMFILE", errno: -24, syscall: "accept" });
  for (let time = 0; time < 3; time += 1) {
    http.emit("error", full);
    http.emit("error", full);
    t.notOk(http.listening);
    const refused = connect(port, "127.0.0.1");
    const [error] = (await once(refused, "error")) as [{ code: string }];
    t.equal(error.code, "ECONNREFUSED");
    await until(() => http.listening, "listening again");
    const after = connect(port, "127.0.0.1");
    await once(http, "connection");
    after.destroy();
  }
  t.strictSame(events, [{ type: "acceptFailed", error: full }]);
  t.notOk(before.destroyed, "who was there stays");
  before.destroy();

  http.emit("error", full);
  await listening.close();
  t.notOk(http.listening, "and not once it is closed");
});

t.test("where the port is taken meanwhile, it goes on trying", async (t) => {
  const http = createServer();
  const listening = await Listening.open(http, { host: "127.0.0.1", port: 0, pauseMs: 20, onEvent: () => undefined });
  t.teardown(() => listening.close());
  http.emit("error", new Error("accept EMFILE"));
  const other = createServer().listen(listening.address.port, "127.0.0.1");
  await once(other, "listening");
  await once(http, "error");
  other.close();
  await until(() => http.listening, "listening again");
});
