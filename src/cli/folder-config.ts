/**
 * What `bak init` was told of a folder: the file `.bak/config.json` in it, which is looked for in the folders above, too.
 *
 *     { "version": 1, "project": "laptop-photos", "server": "ws://nas:7420" }
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats } from "node:fs";
import { isAbsolute, posix, resolve } from "node:path";
import { configFileName, configFolderName } from "../client/config-folder.js";
import { reasonOf } from "../client/source-failure.js";
import { fsPath } from "../client/source-path.js";
import { BakError, errnoOf, isBakError } from "../errors.js";
import { bytesOf, displayName, type ByteString } from "../objects/byte-string.js";
import { isRecord } from "../objects/is-record.js";
import { parseProjectId, type ProjectId } from "../objects/project-id.js";
import { parseServerAddress, type ServerAddress } from "./server-address.js";
import { isTrustedOwner } from "./trusted-owner.js";

/** What the file of a folder says. */
export interface FolderConfig {
  readonly project: ProjectId | undefined;
  readonly server: ServerAddress | undefined;
  /** All that the file says, what this version of bak does not know too. */
  readonly content: Readonly<Record<string, unknown>>;
}

const configVersion = 1;
const maxBytes = 1 << 16;

/** The file of a folder. */
export function configFileOf(folder: ByteString): ByteString {
  return posix.join(folder, configFolderName, configFileName) as ByteString;
}

/** The nearest folder, from this one up, that has such a file; both are real, absolute paths. */
export function findConfigFolder(folder: ByteString): ByteString | undefined {
  for (let at = folder; ; at = posix.dirname(at) as ByteString) {
    if (statIfThere(configFileOf(at)) !== undefined) return at;
    if (at === posix.dirname(at)) return undefined;
  }
}

/**
 * What the file says; undefined if there is none. Throws USAGE, naming the file, for one that bak has not written, and for
 * that of another user: whoever may write it chooses where a backup goes.
 */
export function readFolderConfig(folder: ByteString): FolderConfig | undefined {
  const file = configFileOf(folder);
  try {
    const bytes = readIfThere(file);
    return bytes === undefined ? undefined : parseConfig(bytes, folder);
  } catch (error) {
    if (!isBakError(error) && errnoOf(error) === undefined) throw error;
    throw new BakError("USAGE", `cannot use '${displayName(file)}': ${reasonOf(error)}`, {
      hint:
        (isBakError(error) ? error.hint : undefined) ??
        "mend it, or delete it and run 'bak init', or name --server and --project",
      cause: error,
    });
  }
}

function parseConfig(bytes: Buffer, folder: ByteString): FolderConfig {
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new BakError("USAGE", "it is not JSON", { cause });
  }
  if (!isRecord(content)) throw new BakError("USAGE", "it is not an object of JSON");
  const { version, project, server } = content;
  if (version !== configVersion) throw new BakError("USAGE", `its version is not ${configVersion}`);
  if (project !== undefined && typeof project !== "string") throw new BakError("USAGE", "its project is not a text");
  if (server !== undefined && typeof server !== "string") throw new BakError("USAGE", "its server is not a text");
  return {
    project: project === undefined ? undefined : parseProjectId(project),
    server: server === undefined ? undefined : addressFrom(server, folder),
    content,
  };
}

/** A path is that from the folder on. */
function addressFrom(server: string, folder: ByteString): ServerAddress {
  if (server.includes("\0")) throw new BakError("USAGE", "its server has a NUL in it");
  const address = parseServerAddress(server);
  if (address.type === "url" || isAbsolute(server)) return address;
  return { type: "folder", folder: resolve(bytesOf(folder).toString(), server) };
}

function readIfThere(file: ByteString): Buffer | undefined {
  if (statIfThere(file) === undefined) return undefined;
  assertOurs(lstatSync(fsPath(posix.dirname(file) as ByteString)));
  const fd = openSync(fsPath(file), constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new BakError("USAGE", "it is not a file");
    assertOurs(stat);
    const bytes = Buffer.alloc(maxBytes + 1);
    const count = readSync(fd, bytes);
    if (count > maxBytes) throw new BakError("USAGE", "it has more than 64 KiB");
    return bytes.subarray(0, count);
  } finally {
    closeSync(fd);
  }
}

function assertOurs({ uid }: Stats): void {
  if (isTrustedOwner(uid)) return;
  throw new BakError("USAGE", `it belongs to another user (${uid})`, {
    hint: "name --server and --project, if you trust them with this backup",
  });
}

function statIfThere(path: ByteString): Stats | undefined {
  try {
    return lstatSync(fsPath(path), { throwIfNoEntry: false });
  } catch {
    return undefined; // as little as if there were none
  }
}
