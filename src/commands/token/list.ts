import { alignColumns } from "../../cli/columns.js";
import { formatBytes, formatTime } from "../../cli/format.js";
import { TokenCommand, tokenData, type TokenData, type TokenLine } from "../../cli/token-command.js";

export default class TokenList extends TokenCommand {
  static override summary = "List the tokens of a store, and when each was used last.";
  static override description =
    "One line each: its name, what it may do, the projects that it is for, when it was made and when it expires, and when and from where it was used last. Of what happened in the last minute, a running server may know more than the store's folder.";
  static override examples = [
    { description: "Those of the store in a folder", command: "<%= config.bin %> <%= command.id %> -s ./store" },
    { description: "Those of a server, as JSON", command: "<%= config.bin %> <%= command.id %> -s wss://nas --json" },
  ];

  async run(): Promise<TokenData[]> {
    const { flags } = await this.parse(TokenList);
    const tokens = await this.withTokens(flags, (keeper) => keeper.tokens());
    for (const line of formatTokens(tokens, Date.now())) this.log(line);
    if (tokens.length === 0) this.say("no tokens");
    return tokens.map(tokenData);
  }
}

function formatTokens(tokens: readonly TokenLine[], nowMs: number): string[] {
  const rows = tokens.map(({ name, rights, projects, createdMs, expiresMs, quotaBytes, use }) => {
    const expiry = expiresMs !== undefined && expiresMs <= nowMs ? "expired" : "expires";
    return [
      name,
      rights.join(","),
      projects.join(","),
      `made ${formatTime(createdMs)}`,
      expiresMs === undefined ? "never expires" : `${expiry} ${formatTime(expiresMs)}`,
      quotaBytes === undefined ? "" : `quota ${formatBytes(quotaBytes)}`,
      use === undefined ? "never used" : `used ${formatTime(use.atMs)} from ${use.from}`,
    ];
  });
  return alignColumns(rows);
}
