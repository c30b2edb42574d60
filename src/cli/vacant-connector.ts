/** Conversations with a store that a push would make, for those who only want to know what it would do: it has nothing yet. */
import { existsSync, readdirSync } from "node:fs";
import { Remote } from "../client/remote.js";
import { BakError, isBakError } from "../errors.js";
import { maxPackBytes, maxPackObjects, packCodecs } from "../objects/pack-format.js";
import type { Channel } from "../protocol/channel.js";
import { Conversation } from "../protocol/conversation.js";
import { protocolVersion } from "../protocol/limits.js";
import { openMemoryChannel } from "../protocol/memory-channel.js";
import type { Connector, ConnectorOptions } from "./connector.js";

/** Undefined unless that is why there is no store: nothing is in the folder, or it is not there. */
export function openVacantConnector(folder: string, error: unknown, options: ConnectorOptions): Connector | undefined {
  if (!isBakError(error, "NO_STORE") || !isVacant(folder)) return undefined;
  return {
    connect: (hello) => {
      const { client, server } = openMemoryChannel({ client: "this process", server: folder });
      answer(server, options.agent);
      return Remote.open(client, hello, options);
    },
    isNew: true,
    damaged: [],
    close: () => Promise.resolve(),
  };
}

function isVacant(folder: string): boolean {
  try {
    return !existsSync(folder) || readdirSync(folder).length === 0;
  } catch {
    return false; // a file, or nobody may look into it
  }
}

/** Says that there is nothing, which leaves nothing to be asked. */
function answer(channel: Channel, agent: string): void {
  const conversation: Conversation = new Conversation(channel, {
    opened: false,
    onRequest: async ({ type, request }) => {
      if (type !== "hello") throw new BakError("PROTOCOL", `'${type}' asks for what a store has that is not made yet`);
      await conversation.send({
        type: "welcome",
        request,
        version: protocolVersion,
        agent,
        store: "",
        head: undefined,
        maxPackBytes,
        maxPackObjects,
        trees: false,
        takes: packCodecs,
        compression: "gzip",
        incomplete: false,
      });
    },
  });
  conversation.ended.catch(() => undefined); // what breaks it off is what the client is told, too
}
