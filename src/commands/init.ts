import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { configFileOf, readFolderConfig } from "../cli/folder-config.js";
import { identityOf, isSameFolder } from "../cli/folder-identity.js";
import { parseServerAddress } from "../cli/server-address.js";
import { projectIdOf, StoreCommand } from "../cli/store-command.js";
import { writeFolderConfig } from "../cli/write-folder-config.js";
import { findSourceFolder } from "../client/source-stat.js";
import { BakError } from "../errors.js";
import { bytesOf, displayName } from "../objects/byte-string.js";
import { parseProjectId } from "../objects/project-id.js";

interface Initialised {
  folder: string;
  file: string;
  isNew: boolean;
  isChanged: boolean;
  project: string;
  /** Null where the store is what BAK_SERVER says, or the default. */
  server: string | null;
}

export default class Init extends StoreCommand {
  static override summary = "Set a folder up, so that bak needs no arguments in it.";
  static override description =
    "Keeps the project, and the store if one is named, in the folder's '.bak/config.json', which is left out of backups. What --server, --project and the environment say goes before it. Run again, it changes what its flags say.";
  static override examples = [
    {
      description: "Back up the folder you stand in to a server, now and later",
      command: "<%= config.bin %> <%= command.id %> --server ws://nas:7420 && <%= config.bin %> push",
    },
    {
      description: "Give a folder's project another name",
      command: "<%= config.bin %> <%= command.id %> ~/photos --project photos",
    },
  ];
  static override args = {
    folder: Args.string({ description: "the folder to set up", default: ".", noCacheDefault: true }),
  };
  static override baseFlags = {
    // what the environment says holds without being written down
    server: Flags.string({
      char: "s",
      helpValue: "URL|FOLDER",
      summary: "The store: ws://HOST:PORT, wss://HOST, or a folder.",
      helpGroup: "STORE",
    }),
    project: Flags.string({
      char: "p",
      helpValue: "ID",
      summary: "The project; by default made from this machine's name and the folder's.",
      helpGroup: "STORE",
    }),
  };

  async run(): Promise<Initialised> {
    const { args, flags } = await this.parse(Init);
    const folder = findSourceFolder(args.folder);
    const asked = flags.server === undefined ? undefined : parseServerAddress(flags.server);
    const isStore = asked?.type === "folder" && isSameFolder(identityOf(bytesOf(folder)), identityOf(asked.folder));
    if (isStore) throw new BakError("USAGE", `'${args.folder}' cannot be both the folder and the store`);
    const before = readFolderConfig(folder);
    const project =
      flags.project === undefined ? (before?.project ?? projectIdOf(args.folder)) : parseProjectId(flags.project);
    const address = asked ?? before?.server;
    const content = {
      version: 1,
      ...before?.content,
      project,
      ...(asked === undefined ? {} : { server: this.nameOf(asked) }),
    };
    const isNew = before === undefined;
    const isChanged = JSON.stringify(content) !== JSON.stringify(before?.content);
    if (isChanged) writeFolderConfig(folder, content);
    const server = address === undefined ? null : this.nameOf(address);
    const name = displayName(folder);
    const state = isNew ? `'${name}' is set up` : isChanged ? `changed '${name}'` : `'${name}' was set up already`;
    this.log(`${state}: project '${project}', store ${server === null ? "as by default" : `'${server}'`}`);
    return { folder: name, file: displayName(configFileOf(folder)), isNew, isChanged, project, server };
  }
}
