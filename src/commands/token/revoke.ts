import * as Args from "@oclif/core/args";
import { TokenCommand } from "../../cli/token-command.js";
import { parseTokenName } from "../../objects/token-name.js";

export default class TokenRevoke extends TokenCommand {
  static override summary = "Revoke a token: nobody is let in with it any more.";
  static override description =
    "At once: whoever is connected with it is sent away, and what he is sending is dropped. What was pushed with it stays. When the last token is revoked, a server of the store lets in nobody until there is another; the store's folder can still be used.";
  static override examples = [
    { description: "A laptop was stolen", command: "<%= config.bin %> <%= command.id %> laptop -s ./store" },
  ];
  static override args = {
    name: Args.string({ description: "what it is called", required: true, ignoreStdin: true }),
  };

  async run(): Promise<{ name: string; id: string; left: number }> {
    const { args, flags } = await this.parse(TokenRevoke);
    const name = parseTokenName(args.name);
    const { id, left } = await this.withTokens(flags, (keeper) => keeper.revokeToken(name));
    this.say(`revoked token '${name}'`);
    if (left === 0)
      this.say("no token is left: a server of this store lets in nobody any more, until 'bak token add' makes one");
    return { name, id, left };
  }
}
