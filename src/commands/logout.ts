import * as Args from "@oclif/core/args";
import { BaseCommand } from "../cli/base-command.js";
import { parseServerUrl } from "../cli/server-address.js";
import { readServers, serverName, writeServers } from "../cli/servers-file.js";

interface LoggedOut {
  server: string;
  wasKnown: boolean;
}

export default class Logout extends BaseCommand {
  static override summary = "Forget a server's token and key.";
  static override description =
    "Removes what 'bak login' has kept for the server from this machine. The token stays good elsewhere until it is revoked at the store.";
  static override examples = [
    { description: "Forget a NAS", command: "<%= config.bin %> <%= command.id %> wss://nas:7420" },
  ];
  static override args = { server: Args.string({ description: "URL of the server", required: true }) };

  async run(): Promise<LoggedOut> {
    const { args } = await this.parse(Logout);
    const server = serverName(parseServerUrl(args.server));
    const servers = new Map(readServers(this.config.configDir));
    const wasKnown = servers.delete(server);
    if (wasKnown) writeServers(this.config.configDir, servers);
    this.log(wasKnown ? `logged out of '${server}'` : `nothing was kept for '${server}'`);
    return { server, wasKnown };
  }
}
