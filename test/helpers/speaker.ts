/** One end of a channel by hand: says any message, and hears them one by one. What a client or server must never do, it can. */
import type { Channel } from "../../src/protocol/channel.js";
import { protocolVersion } from "../../src/protocol/limits.js";
import { decodeMessage, encodeMessage } from "../../src/protocol/message-codec.js";
import type { Message, MessageOf, MessageType } from "../../src/protocol/messages.js";
import { within } from "./deadline.js";
import { testProject } from "./small-commit.js";
import type { TestPack } from "./store-pack.js";

/** What a client of today begins with. */
export const hello: MessageOf<"hello"> = {
  type: "hello",
  request: 1,
  version: protocolVersion,
  agent: "test/1",
  project: testProject,
  token: undefined,
  have: undefined,
  wantTrees: false,
  reads: ["gzip", "zstd"],
};

export class Speaker {
  readonly channel: Channel;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  say(message: Message): Promise<void> {
    return this.channel.send(encodeMessage(message));
  }

  /** The next message, which must be of the type. */
  async hear<K extends MessageType>(type: K): Promise<MessageOf<K>> {
    const frame = await within(10_000, `a message '${type}'`, this.channel.receive());
    if (frame === undefined) throw new Error(`the channel ended before a '${type}'`);
    const message = decodeMessage(frame);
    if (message.type !== type) throw new Error(`heard ${JSON.stringify(message)} instead of '${type}'`);
    return message as MessageOf<K>;
  }

  /** Says something and hears the answer to it. */
  async ask<K extends MessageType>(message: Message, type: K): Promise<MessageOf<K>> {
    await this.say(message);
    const answer = await this.hear(type);
    if (answer.request !== message.request) throw new Error(`an answer to ${answer.request}`);
    return answer;
  }

  /** The same for something that takes long: what tells of progress is passed over. */
  async askLong<K extends MessageType>(message: Message, type: K): Promise<MessageOf<K>> {
    await this.say(message);
    for (;;) {
      const frame = await within(10_000, `a message '${type}'`, this.channel.receive());
      const answer = decodeMessage(frame as Uint8Array);
      if (answer.type === "progress" && answer.request === message.request) continue;
      if (answer.type !== type) throw new Error(`heard ${JSON.stringify(answer)} instead of '${type}'`);
      return answer as MessageOf<K>;
    }
  }

  /** Uploads a pack; the answer is still to be heard. */
  async sendPack(request: number, { members, id }: TestPack): Promise<void> {
    await this.say({ type: "packBegin", request });
    for (const member of members) await this.say({ type: "packMember", request, member });
    await this.say({ type: "packEnd", request, pack: id });
  }

  /** The members of the pack stream that comes now. */
  async hearPack(request: number): Promise<Uint8Array[]> {
    const begin = await this.hear("packBegin");
    if (begin.request !== request) throw new Error(`a pack for ${begin.request}`);
    const members: Uint8Array[] = [];
    for (;;) {
      const frame = await within(10_000, "a member", this.channel.receive());
      const message = decodeMessage(frame as Uint8Array);
      if (message.type === "packEnd") return members;
      if (message.type !== "packMember") throw new Error(`heard ${JSON.stringify(message)} within a pack`);
      members.push(Buffer.from(message.member));
    }
  }
}
