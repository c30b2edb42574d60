/** The flags with which a command is told how to get into a server. */
import * as Flags from "@oclif/core/flags";
import type { Access } from "./credentials.js";

/** What the parser gives of `accessFlags`. */
export interface AccessFlags {
  readonly "token-file"?: string | undefined;
  readonly insecure: boolean;
}

/** To be spread into the flags of a command. */
export const accessFlags = {
  "token-file": Flags.string({
    helpValue: "FILE",
    summary: "A file of mode 600 with the token for the server.",
    description:
      "Or set BAK_TOKEN to the token, or BAK_TOKEN_FILE to the file. Without them it is what 'bak login' was given for this server.",
    helpGroup: "STORE",
  }),
  insecure: Flags.boolean({
    env: "BAK_INSECURE",
    summary: "Send a token to another machine in clear text (ws://), too.",
    helpGroup: "STORE",
  }),
};

/** What the flags say; the rest is in this process's environment, and in what `bak login` keeps in `configFolder`. */
export function accessOf(flags: AccessFlags, configFolder: string): Access {
  return { configFolder, tokenFile: flags["token-file"], isInsecure: flags.insecure, environment: process.env };
}
