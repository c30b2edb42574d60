import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../cli/base-command.js";
import { logIn } from "../cli/log-in.js";
import { parseServerUrl } from "../cli/server-address.js";
import { describeToken, grantedToken, type GrantedToken } from "../cli/token-words.js";

interface LoggedIn {
  server: string;
  /** Of the key that is pinned; null where authorities vouch for the server, or nothing is encrypted. */
  fingerprint: string | null;
  hasToken: boolean;
  /** What the token is good for; null where the server asks for none. */
  token: GrantedToken | null;
}

export default class Login extends BaseCommand {
  static override summary = "Keep a server's token, and the key that it must have.";
  static override description =
    "Asks for the token, or reads it from stdin, and keeps it for this URL in a file that only you can read. The server says what the token is good for; one that it does not take is not kept. If no authority vouches for the server's certificate, it shows the fingerprint of the key, and asks whether that is the one which 'bak serve' has said; from then on the server must have this key, whatever its certificate says.";
  static override examples = [
    {
      description: "Log in to a NAS, and compare the fingerprint with what 'bak serve' said there",
      command: "<%= config.bin %> <%= command.id %> wss://nas:7420",
    },
    {
      description: "The same in a script",
      command:
        "<%= config.bin %> <%= command.id %> wss://nas:7420 --fingerprint SHA256:2xcG9J6kFq8mDX3yz0Gm5m1k6sQm4pU4y3xq0u1l2aY < token.txt",
    },
  ];
  static override args = { server: Args.string({ description: "URL of the server", required: true }) };
  static override flags = {
    fingerprint: Flags.string({
      summary: "What the fingerprint of the server's key must be; it is pinned without a question.",
      helpValue: "SHA256:...",
    }),
    "token-file": Flags.string({
      helpValue: "FILE",
      summary: "A file of mode 600 with the token, in place of stdin.",
    }),
    insecure: Flags.boolean({
      env: "BAK_INSECURE",
      summary: "Send the token to another machine in clear text (ws://), too.",
    }),
  };

  async run(): Promise<LoggedIn> {
    const { args, flags } = await this.parse(Login);
    const url = parseServerUrl(args.server);
    const { server, fingerprint, hasToken, token } = await logIn(url, {
      configFolder: this.config.configDir,
      fingerprint: flags.fingerprint,
      tokenFile: flags["token-file"],
      isInsecure: flags.insecure,
      signal: this.signal,
      say: (text) => this.say(text),
    });
    const parts = [
      hasToken ? "token kept" : "no token",
      ...(fingerprint === undefined ? [] : [`key ${fingerprint} pinned`]),
    ];
    this.log(`logged in to '${server}': ${parts.join(", ")}`);
    this.log(token === undefined ? "whoever comes is let in there: no token is asked for" : describeToken(token));
    return {
      server,
      fingerprint: fingerprint ?? null,
      hasToken,
      token: token === undefined ? null : grantedToken(token),
    };
  }
}
