import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../cli/base-command.js";
import { describeEvent } from "../cli/serve-events.js";
import { defaultPort } from "../cli/server-address.js";
import { parseSize } from "../cli/size.js";
import { openStoreFolder } from "../cli/store-folder.js";
import { reasonOf } from "../client/source-failure.js";
import { BakError } from "../errors.js";
import { codecs } from "../objects/member-codec.js";
import { listen } from "../server/listener.js";
import { defaultScrubRate } from "../server/scrub.js";

export default class Serve extends BaseCommand {
  static override summary = "Serve a store to other machines.";
  static override description =
    "Makes the store if the folder is missing or empty. Listens on this machine alone unless --host says otherwise. Ctrl-C ends it; pushes that are under way can be taken up again.";
  static override examples = [
    {
      description: "Keep the store in ./store and serve it to this machine",
      command: "<%= config.bin %> <%= command.id %> ./store",
    },
    {
      description: "Serve it to the local network",
      command: "<%= config.bin %> <%= command.id %> ./store --host 0.0.0.0",
    },
  ];
  static override args = {
    store: Args.string({ description: "folder of the store", default: "./store", noCacheDefault: true }),
  };
  static override flags = {
    host: Flags.string({ summary: "Address to listen on.", default: "127.0.0.1", helpValue: "ADDRESS" }),
    port: Flags.integer({
      summary: "Port to listen on; 0 picks a free one.",
      default: defaultPort,
      min: 0,
      max: 65_535,
    }),
    compression: Flags.string({
      summary: "What clients are to compress with, from now on; the store remembers it.",
      description:
        "gzip unless it was said before. A store with zstd in it can be opened by this and later versions of bak only; clients whose Node has no zstd (before 22.15) go on with gzip. `none` stores.",
      options: codecs,
    }),
    "scrub-rate": Flags.integer({
      summary: "Read packs again, to see that they are whole, at so many MB/s at most.",
      description:
        "Each pack about once in 30 days, and only while no packs are being sent or received. What is found to be damaged is told in the log and by 'bak stats'.",
      default: defaultScrubRate / 1_000_000,
      min: 1,
      helpValue: "MB/S",
    }),
    scrub: Flags.boolean({ summary: "Read packs again by and by.", default: true, allowNo: true }),
    quota: Flags.string({
      summary: "How much each project may keep: `500GB`, `2T`.",
      description:
        "Counts the packs that the project has sent, compressed as they are, forgotten commits and all until 'bak gc' deletes them. A push that would go beyond it fails. No limit unless given.",
      helpValue: "SIZE",
    }),
    "tls-cert": Flags.string({
      summary: "Certificate chain in PEM; serves wss://.",
      helpValue: "FILE",
      dependsOn: ["tls-key"],
    }),
    "tls-key": Flags.string({ summary: "Key of the certificate, in PEM.", helpValue: "FILE", dependsOn: ["tls-cert"] }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Serve);
    const folder = resolve(args.store);
    const { "tls-cert": cert, "tls-key": key } = flags;
    const compression = codecs.find((codec) => codec === flags.compression);
    const projectQuotaBytes = flags.quota === undefined ? undefined : parseSize(flags.quota);
    const served = await listen(() => openStoreFolder(folder, { compression }), {
      host: flags.host,
      port: flags.port,
      ...(cert !== undefined && key !== undefined ? { tls: { cert: readPem(cert), key: readPem(key) } } : {}),
      agent: this.agent,
      projectQuotaBytes,
      ...(flags.scrub ? { scrub: { bytesPerSecond: flags["scrub-rate"] * 1_000_000 } } : {}),
      onEvent: (event) => {
        const line = describeEvent(event);
        if (line !== undefined) this.say(`${new Date().toISOString()} ${line}`);
      },
    });
    for (const damaged of served.store.damaged) this.complain(`left out '${damaged.path}': ${damaged.why}`);
    // with --json, too, whoever started it waits for this line
    if (this.jsonEnabled()) this.logJson({ store: folder, url: served.url });
    this.log(`bak: serving ${folder} on ${served.url}`);
    await new Promise<void>((stop) => {
      if (this.signal.aborted) stop();
      else this.signal.addEventListener("abort", () => stop(), { once: true });
    });
    await served.close();
  }
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new BakError("USAGE", `cannot read '${file}': ${reasonOf(cause)}`, {
      cause,
    });
  }
}
