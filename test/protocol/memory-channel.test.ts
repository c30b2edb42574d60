/** The channel inside one process. */
import t from "tap";
import { openMemoryChannel } from "../../src/protocol/memory-channel.js";
import { channelContract } from "../helpers/channel-contract.js";
import { pairs } from "../helpers/channel-pairs.js";
import { receiveQueueBytes } from "../../src/protocol/limits.js";
import { settle } from "../helpers/deadline.js";

channelContract(t, pairs["in memory"]!);

t.test("each end calls the other by its name", (t) => {
  const { client, server } = openMemoryChannel({ client: "here", server: "/store" });
  t.equal(client.peer, "/store");
  t.equal(server.peer, "here");
  t.end();
});

t.test("no more than one frame goes beyond what may wait", async (t) => {
  const { client, server } = openMemoryChannel({ client: "a", server: "b" });
  let sent = 0;
  const writing = (async () => {
    for (; sent < 100; sent += 1) await client.send(Buffer.alloc(1 << 20));
  })();
  await settle();
  t.equal(sent, receiveQueueBytes / (1 << 20) - 1, "the last of them waits");
  for (let index = 0; index < 100; index += 1) await server.receive();
  await writing;
});
