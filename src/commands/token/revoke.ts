import * as Args from "@oclif/core/args";
import { TokenCommand } from "../../cli/token-command.js";
import { parseTokenName } from "../../objects/token-name.js";

export default class TokenRevoke extends TokenCommand {
  static override summary = "Revoke a token: nobody is let in with it any more.";
  static override description =
    "At once: whoever is connected with it is sent away, and what he is sending is dropped. What was pushed with it stays.";
  static override examples = [
    { description: "A laptop was stolen", command: "<%= config.bin %> <%= command.id %> laptop -s ./store" },
  ];
  static override args = {
    name: Args.string({ description: "what it is called", required: true, ignoreStdin: true }),
  };

  async run(): Promise<{ name: string; id: string }> {
    const { args, flags } = await this.parse(TokenRevoke);
    const name = parseTokenName(args.name);
    const id = await this.withTokens(flags, (keeper) => keeper.revokeToken(name));
    this.say(`revoked token '${name}'`);
    return { name, id };
  }
}
