/** The config.json of an open store, and the two things in it that may change. */
import { readFile } from "node:fs/promises";
import type { Codec } from "../objects/member-codec.js";
import type { PackCodec } from "../objects/pack-format.js";
import { formatConfig, parseConfig, type ParsedConfig, type StoreConfig } from "./config.js";
import type { Disk } from "./disk.js";
import type { Layout } from "./layout.js";
import { Serial } from "./serial.js";
import { writeFileWhole } from "./write-file.js";

/** Rejects as `parseConfig` throws. */
export async function readConfigFile(path: string): Promise<ParsedConfig> {
  return parseConfig(await readFile(path, "latin1"), path);
}

/** Written whole, and by nobody but this store's owner. */
export class ConfigFile {
  readonly #disk: Disk;
  readonly #layout: Layout;
  readonly #writing = new Serial();
  #config: StoreConfig | undefined;
  #isMended = false;

  constructor(disk: Disk, layout: Layout) {
    this.#disk = disk;
    this.#layout = layout;
  }

  /** What it says; it has been read, or written. */
  get config(): StoreConfig {
    if (this.#config === undefined) throw new Error("config.json has not been read");
    return this.#config;
  }

  /** Rejects as `parseConfig` throws. */
  async read(): Promise<void> {
    ({ config: this.#config, isMended: this.#isMended } = await readConfigFile(this.#layout.config));
  }

  /** Whether the file has a byte other than it says; the next `write` puts that right. */
  get isMended(): boolean {
    return this.#isMended;
  }

  /** Resolves once it is on stable storage. */
  async write(config: StoreConfig): Promise<void> {
    const temporary = this.#layout.temporary();
    await writeFileWhole(this.#disk, this.#layout.config, { bytes: Buffer.from(formatConfig(config)), temporary });
    this.#config = config;
    this.#isMended = false;
  }

  /** Asks clients for another codec from now on. */
  setCompression(compression: Codec): Promise<void> {
    return this.#change((config) => (config.compression === compression ? config : { ...config, compression }));
  }

  /**
   * To be called before a pack of that codec is moved to its place: from the first zstd pack on the store is of version 2,
   * so that no bak that would not see such packs opens it.
   */
  allow(codec: PackCodec): Promise<void> {
    return this.#change((config) => (codec === "gzip" || config.version === 2 ? config : { ...config, version: 2 }));
  }

  #change(change: (config: StoreConfig) => StoreConfig): Promise<void> {
    return this.#writing.run(async () => {
      const changed = change(this.config);
      if (changed !== this.config) await this.write(changed);
    });
  }
}
