/**
 * The tokens.json of a store, which several processes may change: one after the other, under a lock of its own, so that tokens
 * are made and revoked while a server owns the store.
 */
import { open, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { nanoid } from "nanoid";
import { BakError, errnoOf, isBakError } from "../errors.js";
import type { TokenName } from "../objects/token-name.js";
import { loadFlock } from "../platform/flock.js";
import { readConfigFile } from "./config-file.js";
import { explained } from "./disk-error.js";
import { nodeDisk, type Disk } from "./disk.js";
import { ifThere } from "./if-there.js";
import { Layout } from "./layout.js";
import { lockStore } from "./lock.js";
import type { StoreLock } from "./store-lock.js";
import { formatTokenUses, parseTokenUses, type TokenUse, type TokenUses } from "./token-uses.js";
import { formatTokens, isExpired, maxTokensBytes, parseTokens, type Token } from "./tokens.js";
import { makeFolderDurably, writeFileWhole } from "./write-file.js";

/** What a token is made of; the rest is the store's to say. */
export type NewToken = Omit<Token, "id" | "createdMs">;

/** What has become of the tokens. */
export interface Revocation {
  readonly token: Token;
  /** How many are left that have not expired. */
  readonly left: number;
}

/** Who changes the file keeps it for as long as writing it takes. */
const lockWaitMs = 10_000;
const lockRetryMs = 20;

/** The last moment that the file has a form for. */
const lastExpiryMs = Date.UTC(9999, 11, 31);

export class TokenFile {
  /** The store's. */
  readonly folder: string;
  readonly #disk: Disk;
  readonly #layout: Layout;

  /** Touches nothing yet. `folder` is that of a store. */
  constructor(folder: string, disk: Disk = nodeDisk) {
    this.#layout = new Layout(folder);
    this.#disk = disk;
    this.folder = folder;
  }

  get path(): string {
    return this.#layout.tokens;
  }

  /** Rejects with NO_STORE unless the folder is one of a store. */
  async assertStore(): Promise<void> {
    await explained(this.folder, async () => {
      if ((await ifThere(readConfigFile(this.#layout.config))) !== undefined) return;
      throw new BakError("NO_STORE", `no store in '${this.folder}'`, { hint: "check the path" });
    });
  }

  /**
   * The tokens; undefined where there is no file, and so nobody has ever made one. Rejects with STORE_DAMAGED and
   * STORE_VERSION as `parseTokens` throws them, STORE_FAILED where the file can't be read.
   */
  read(): Promise<Token[] | undefined> {
    return explained(this.folder, async () => {
      const text = await ifThere(readBounded(this.path));
      return text === undefined ? undefined : parseTokens(text, this.path);
    });
  }

  /** What changes whenever the file does, for little; undefined where there is none. */
  async stamp(): Promise<string | undefined> {
    const found = await ifThere(stat(this.path, { bigint: true }));
    return found && `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
  }

  /** Adds a token; resolves once it is on stable storage. Rejects with TOKEN_EXISTS where its name is taken, LIMIT for too many. */
  async add(token: NewToken): Promise<Token> {
    if (token.expiresMs !== undefined && !(token.expiresMs < lastExpiryMs)) {
      throw new BakError("USAGE", "a token can't expire so late");
    }
    const added = { ...token, id: nanoid(), createdMs: Date.now() };
    await this.#change((tokens) => {
      if (tokens.some(({ name }) => name === token.name)) {
        throw new BakError("TOKEN_EXISTS", `there is a token '${token.name}' already`, {
          hint: `choose another name, or revoke that one: 'bak token revoke ${token.name}'`,
        });
      }
      if (tokens.some(({ hash }) => hash === token.hash)) {
        throw new BakError("TOKEN_EXISTS", "there is a token with this secret already", { hint: "make a new secret" });
      }
      return [...tokens, added];
    });
    return added;
  }

  /** Takes a token away for good; resolves once that is on stable storage. Rejects with NO_TOKEN. */
  async revoke(name: TokenName): Promise<Revocation> {
    const revoked: Revocation[] = [];
    await this.#change((tokens) => {
      const token = tokens.find((each) => each.name === name);
      if (token === undefined)
        throw new BakError("NO_TOKEN", `no token '${name}'`, { hint: "'bak token list' has their names" });
      const others = tokens.filter((each) => each !== token);
      const nowMs = Date.now();
      revoked.push({ token, left: others.filter((each) => !isExpired(each, nowMs)).length });
      return others;
    });
    return revoked[0] as Revocation;
  }

  /** When tokens were used last, as far as that is known. */
  async readUses(): Promise<Map<string, TokenUse>> {
    const text = await explained(this.folder, () => ifThere(readBounded(this.#layout.tokenUses)));
    return text === undefined ? new Map<string, TokenUse>() : parseTokenUses(text);
  }

  /** Replaces what is known of the uses of tokens; for the process that owns the store. */
  async writeUses(uses: TokenUses): Promise<void> {
    const bytes = Buffer.from(formatTokenUses(uses));
    await explained(this.folder, () =>
      writeFileWhole(this.#disk, this.#layout.tokenUses, { bytes, temporary: this.#layout.temporary() }),
    );
  }

  #change(change: (tokens: readonly Token[]) => Token[]): Promise<void> {
    return explained(this.folder, async () => {
      await makeFolderDurably(this.#disk, this.#layout.incoming);
      const lock = await this.#lock();
      try {
        await this.#write(change((await this.read()) ?? []));
      } finally {
        await lock.release();
      }
    });
  }

  async #write(tokens: readonly Token[]): Promise<void> {
    const bytes = Buffer.from(formatTokens(tokens), "latin1");
    for (let left = 3; ; left -= 1) {
      try {
        await writeFileWhole(this.#disk, this.path, { bytes, temporary: this.#layout.temporary() });
        return;
      } catch (error) {
        // a server that starts just now clears incoming/
        if (errnoOf(error) !== "ENOENT" || left === 0) throw error;
      }
    }
  }

  async #lock(): Promise<StoreLock> {
    const endMs = performance.now() + lockWaitMs;
    for (;;) {
      try {
        return await lockStore(this.#disk, this.#layout.tokensLock, loadFlock());
      } catch (error) {
        if (!isBakError(error, "STORE_LOCKED")) throw error;
        if (performance.now() > endMs) {
          throw new BakError(
            "STORE_LOCKED",
            `the tokens of store '${this.folder}' are being changed by another process`,
            {
              hint: "try again",
              cause: error,
            },
          );
        }
      }
      await sleep(lockRetryMs);
    }
  }
}

/** The text of a file, as far as it may be long: one character more, and it is refused as too long. */
async function readBounded(path: string): Promise<string> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    const bytes = Buffer.alloc(Math.min(size, maxTokensBytes) + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
      length += bytesRead;
      if (bytesRead === 0 || length === bytes.length) return bytes.toString("latin1", 0, length);
    }
  } finally {
    await handle.close();
  }
}
