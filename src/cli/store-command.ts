/** What the commands that speak to a store have in common: which store, which project, and the conversation. */
import { hostname } from "node:os";
import { basename, join, resolve } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import type { Remote } from "../client/remote.js";
import { BakError } from "../errors.js";
import { byteStringFromText, type ByteString } from "../objects/byte-string.js";
import { parseProjectId, projectIdFrom, type ProjectId } from "../objects/project-id.js";
import { BaseCommand } from "./base-command.js";
import { openConnector } from "./connect.js";
import type { Connector } from "./connector.js";
import { parseServerAddress, type ServerAddress } from "./server-address.js";

/** The commit that a command looks at: the latest, unless one is named. */
export const commitArgument = Args.string({
  description: "an id or its beginning, head, head~3, @2026-11-01",
  default: "head",
  noCacheDefault: true,
});

interface StoreFlags {
  server?: string | undefined;
  project?: string | undefined;
}

export abstract class StoreCommand extends BaseCommand {
  static override baseFlags = {
    server: Flags.string({
      char: "s",
      env: "BAK_SERVER",
      helpValue: "URL|FOLDER",
      summary: "The store: ws://HOST:PORT, wss://HOST, or a folder.",
      description: "Without it, the store is 'store' in bak's folder of your own data.",
      helpGroup: "STORE",
    }),
    project: Flags.string({
      char: "p",
      env: "BAK_PROJECT",
      helpValue: "ID",
      summary: "The project; by default made from this machine's name and the folder's.",
      helpGroup: "STORE",
    }),
  };

  /** Where the store is. */
  protected addressOf(flags: StoreFlags): ServerAddress {
    return flags.server === undefined
      ? { type: "folder", folder: this.#defaultStore }
      : parseServerAddress(flags.server);
  }

  /** Where the store is, as a person reads it. */
  protected nameOf(address: ServerAddress): string {
    return address.type === "url" ? address.url : address.folder;
  }

  /** The project that a flag names, or that belongs to the folder. */
  protected projectOf(flags: StoreFlags, folder: string): ProjectId {
    if (flags.project !== undefined) return parseProjectId(flags.project);
    const name = basename(resolve(folder));
    return projectIdFrom(name === "" ? hostname() : `${hostname()}-${name}`);
  }

  /** Opens the way to the store. */
  protected async open(address: ServerAddress, options: { mayCreate: boolean }): Promise<Connector> {
    const connector = await openConnector(address, { ...options, agent: this.agent, signal: this.signal });
    for (const { path, why } of connector.damaged) this.complain(`left out '${path}': ${why}`);
    return connector;
  }

  /** Holds one conversation about a project and ends it, whatever comes of it. */
  protected async withRemote<T>(flags: StoreFlags, use: (remote: Remote) => Promise<T>): Promise<T> {
    const connector = await this.open(this.addressOf(flags), { mayCreate: false });
    try {
      const project = this.projectOf(flags, process.cwd());
      const remote = await connector.connect({ project, agent: this.agent, wantTrees: false });
      const closeOnAbort = (): void => void remote.close();
      this.signal.addEventListener("abort", closeOnAbort, { once: true });
      try {
        return await use(remote);
      } finally {
        this.signal.removeEventListener("abort", closeOnAbort);
        await remote.close();
      }
    } finally {
      await connector.close();
    }
  }

  get #defaultStore(): string {
    return join(this.config.dataDir, "store");
  }
}

/**
 * A path within a commit as it was typed: relative to its root, with or without a slash before or after it. What bak shows
 * escaped may be typed so: `\\xHH` for a byte, and `\\\\` for a backslash.
 */
export function parseCommitPath(text: string): ByteString {
  const names = text.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) {
    throw new BakError("USAGE", `not a path within a commit: '${text}'`, {
      hint: "write it from the pushed folder on, without '..'",
    });
  }
  return byteStringFromText(names.join("/")).replaceAll(/\\(?:x([0-9a-f]{2})|\\)/g, (_, hex?: string) =>
    hex === undefined ? "\\" : String.fromCharCode(Number.parseInt(hex, 16)),
  ) as ByteString;
}
