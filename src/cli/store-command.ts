/** What the commands that speak to a store have in common: which store, which project, and the conversation. */
import { hostname } from "node:os";
import { basename, join, resolve } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import type { Input, ParserOutput } from "@oclif/core/interfaces";
import type { Reconnecting } from "../client/reconnects.js";
import type { Remote } from "../client/remote.js";
import { SteadyRemote } from "../client/steady-remote.js";
import { BakError, isBakError } from "../errors.js";
import { parseProjectId, projectIdFrom, type ProjectId } from "../objects/project-id.js";
import { accessFlags, accessOf, type AccessFlags } from "./access-flags.js";
import { BaseCommand } from "./base-command.js";
import { openConnector } from "./connect.js";
import type { Connector, ConnectorOptions } from "./connector.js";
import { FolderPlaces } from "./folder-places.js";
import { parseServerAddress, type ServerAddress } from "./server-address.js";
import { describeReconnecting } from "./talk.js";

/** The commit that a command looks at: the latest, unless one is named. */
export const commitArgument = Args.string({
  description: "an id or its beginning, head, head~3, @2026-11-01",
  default: "head",
  noCacheDefault: true,
  ignoreStdin: true,
});

/** What oclif's parser gives, by name. */
interface Output {
  [name: string]: unknown;
}

interface StoreFlags {
  server?: string | undefined;
  project?: string | undefined;
}

const storeFlags = {
  server: Flags.string({
    char: "s",
    env: "BAK_SERVER",
    helpValue: "URL|FOLDER",
    summary: "The store: ws://HOST:PORT, wss://HOST, or a folder.",
    description:
      "Without it, the store is what 'bak init' was told, for the folder or one above it, or 'store' in bak's folder of your own data.",
    helpGroup: "STORE",
  }),
  project: Flags.string({
    char: "p",
    env: "BAK_PROJECT",
    helpValue: "ID",
    summary: "The project; by default what 'bak init' was told, or made from this machine's name and the folder's.",
    helpGroup: "STORE",
  }),
};

/** The base of those commands: the flags that say which store and project, and conversations that end whatever comes of them. */
export abstract class StoreCommand extends BaseCommand {
  static override baseFlags: typeof storeFlags = { ...storeFlags, ...accessFlags };

  /** Whether the command is about the store as a whole, for which a token must be good for all projects. */
  protected readonly isAboutAll: boolean = false;
  readonly #places = new FolderPlaces();
  #access: AccessFlags = { insecure: false };

  protected override async parse<F extends Output, B extends Output, A extends Output>(
    options?: Input<F, B, A>,
    argv?: string[],
  ): Promise<ParserOutput<F, B, A>> {
    const parsed = await super.parse(options, argv);
    this.#access = parsed.flags as unknown as AccessFlags;
    return parsed;
  }

  /** Where the store is: as a flag says, or `bak init` was told of the folder or one above it. */
  protected addressOf(flags: StoreFlags, folder = "."): ServerAddress {
    if (flags.server !== undefined) return parseServerAddress(flags.server);
    return this.#places.find(folder)?.config().server ?? { type: "folder", folder: this.#defaultStore };
  }

  /** The folder that is backed up: as it was named, or that which `bak init` was run for, from here up, or this one. */
  protected folderOf(named: string | undefined): string {
    return named ?? this.#places.find(".")?.path ?? ".";
  }

  /** Where the store is, as a person reads it. */
  protected nameOf(address: ServerAddress): string {
    return address.type === "url" ? address.url : address.folder;
  }

  /**
   * The project that a flag names, or `bak init` was told of the folder or one above it, or that is made from the folder's name.
   * With `isWhole`, all of the folder is the project's: what was said of one above it is not meant.
   */
  protected projectOf(flags: StoreFlags, folder: string, { isWhole = false } = {}): ProjectId {
    if (flags.project !== undefined) return parseProjectId(flags.project);
    const found = this.#places.find(folder);
    if (found === undefined || (isWhole && found.above > 0)) return projectIdOf(folder);
    return found.config().project ?? projectIdOf(found.path);
  }

  /** Opens the way to the store. */
  protected async open(
    address: ServerAddress,
    options: Pick<ConnectorOptions, "mayCreate" | "mayBeVacant">,
  ): Promise<Connector> {
    const connector = await openConnector(address, {
      ...options,
      agent: this.agent,
      signal: this.signal,
      access: accessOf(this.#access, this.config.configDir),
      warn: (text) => this.complain(text),
    });
    for (const { path, why } of connector.damaged) this.complain(`left out '${path}': ${why}`);
    return connector;
  }

  /** Holds one conversation about a project and ends it, whatever comes of it. */
  protected async withRemote<T>(flags: StoreFlags, use: (remote: Remote) => Promise<T>): Promise<T> {
    const connector = await this.open(this.addressOf(flags), { mayCreate: false });
    try {
      const project = this.projectOf(flags, ".");
      const remote = await connector.connect({ project, agent: this.agent, wantTrees: false });
      const closeOnAbort = (): void => void remote.close();
      this.signal.addEventListener("abort", closeOnAbort, { once: true });
      try {
        return await use(remote);
      } finally {
        this.signal.removeEventListener("abort", closeOnAbort);
        await remote.close();
      }
    } catch (error) {
      throw this.isAboutAll && isBakError(error, "NOT_ALLOWED") ? withAdminHint(error) : error;
    } finally {
      await connector.close();
    }
  }

  /** The same for what takes long and only reads: a connection that is lost meanwhile is made again. */
  protected async withSteadyRemote<T>(
    flags: StoreFlags,
    use: (remote: SteadyRemote) => Promise<T>,
    tell: (event: Reconnecting) => void,
  ): Promise<T> {
    const project = this.projectOf(flags, ".");
    const connector = await this.open(this.addressOf(flags), { mayCreate: false });
    try {
      const remote = await SteadyRemote.open({
        connect: () => connector.connect({ project, agent: this.agent, wantTrees: false }),
        onEvent: tell,
        signal: this.signal,
      });
      try {
        return await use(remote);
      } finally {
        await remote.close();
      }
    } finally {
      await connector.close();
    }
  }

  /** Says that a connection was lost, and when it is made again. */
  protected tellReconnecting(event: Reconnecting): void {
    this.complain(describeReconnecting(event));
  }

  get #defaultStore(): string {
    return join(this.config.dataDir, "store");
  }
}

/** A server says the same to whoever it does not let in for his token; what the command needs is known here. */
function withAdminHint(error: BakError): BakError {
  if (!/^not allowed: .*\btoken\b/.test(error.message)) return error; // he has to wait, or his token has just been revoked
  return new BakError(error.code, error.message, {
    hint: "this is about the store as a whole: it needs a token that was made with \"--may admin --project '*'\"",
    cause: error,
  });
}

/** The project of a folder that nothing was said of: this machine and the folder's name. */
export function projectIdOf(folder: string): ProjectId {
  const name = basename(resolve(folder));
  return projectIdFrom(name === "" ? hostname() : `${hostname()}-${name}`);
}
