import { resolve } from "node:path";
import { isatty } from "node:tty";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../cli/base-command.js";
import { openAuditLog, type AuditLog } from "../cli/audit-log.js";
import { describeEvent, isToldAt, logLevels } from "../cli/serve-events.js";
import { defaultPort } from "../cli/server-address.js";
import { parseSize } from "../cli/size.js";
import { assertNoFolderOfStores, hasTokens, openStoreFolder } from "../cli/store-folder.js";
import { displayName } from "../objects/byte-string.js";
import { codecs } from "../objects/member-codec.js";
import { certificateFiles, selfSignedIn, type CertificateSource } from "../server/certificates.js";
import { listen, listenForStores, type ListenOptions } from "../server/listener.js";
import { defaultScrubRate } from "../server/scrub.js";
import { TrustedProxies } from "../server/trusted-proxies.js";

export default class Serve extends BaseCommand {
  static override summary = "Serve a store to other machines.";
  static override description =
    "Makes the store if the folder is missing or empty. Listens on this machine alone unless --host says otherwise, for which the store must have a token ('bak token add'). As soon as it has any, nobody is served without one. Ctrl-C ends it, and so does the end of its terminal, unless it was started with nohup or setsid; pushes that are under way can be taken up again.";
  static override examples = [
    {
      description: "Keep the store in ./store and serve it to this machine",
      command: "<%= config.bin %> <%= command.id %> ./store",
    },
    {
      description: "Serve a store that has tokens to the local network",
      command: "<%= config.bin %> <%= command.id %> ./store --host 0.0.0.0 --tls-self-signed",
    },
    {
      description: "Serve every store in a folder, each to those who have a token of its own",
      command: "<%= config.bin %> <%= command.id %> /srv/bak --stores --host 0.0.0.0 --tls-self-signed",
    },
    {
      description: "Serve to a reverse proxy on this machine",
      command: "<%= config.bin %> <%= command.id %> ./store --trust-proxy 127.0.0.1",
    },
  ];
  static override args = {
    store: Args.string({ description: "folder of the store", default: "./store", noCacheDefault: true }),
  };
  static override flags = {
    host: Flags.string({ summary: "Address to listen on.", default: "127.0.0.1", helpValue: "ADDRESS" }),
    port: Flags.integer({
      summary: "Port to listen on; 0 picks a free one.",
      helpValue: "PORT",
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
    insecure: Flags.boolean({
      summary: "Let in whoever comes from another machine, if the store has no tokens.",
      default: false,
    }),
    "log-level": Flags.string({
      summary: "How much to tell on stderr.",
      options: logLevels,
      default: "info",
    }),
    "audit-log": Flags.string({
      summary: "Append a line of JSON for each login, push, read, deletion and change of tokens to a file.",
      description: "Made with mode 600 if it is missing. SIGHUP opens it anew, for whoever has moved it away.",
      helpValue: "FILE",
    }),
    scrub: Flags.boolean({ summary: "Read packs again by and by.", default: true, allowNo: true }),
    quota: Flags.string({
      summary: "How much each project may keep: `500GB`, `2T`.",
      description:
        "Counts what the packs that the project has sent take of the disk: compressed as they are, each with its index and in blocks of 4 KiB, forgotten commits and all until 'bak gc' deletes them. A push that would go beyond it fails. No limit unless given.",
      helpValue: "SIZE",
    }),
    stores: Flags.boolean({
      summary: "Serve every store in the folder, each under its own path: ws://HOST:PORT/NAME.",
      description:
        "Each has its own tokens, and nothing passes between them. A store is called as its folder, of letters, digits, '.', '_' and '-'. New ones are found while it runs: 'bak token add NAME -s FOLDER/NEW …' makes one. A store is locked only while somebody uses it, and a quarter of an hour longer.",
      exclusive: ["compression"],
    }),
    "trust-proxy": Flags.string({
      summary: "Believe this reverse proxy, an address or a network such as 10.0.0.0/8, on where others come from.",
      description:
        "It is to write that into X-Forwarded-For. May be given several times. A store without tokens is not served to others through it.",
      multiple: true,
      helpValue: "ADDRESS",
    }),
    "max-sessions": Flags.integer({
      summary: "So many sessions at a time; by default what the limit of open files allows, 1000 at most.",
      min: 1,
      helpValue: "N",
    }),
    "max-sessions-per-address": Flags.integer({
      summary: "So many from one address, or from one /64 of IPv6; by default as many as in all.",
      min: 1,
      helpValue: "N",
    }),
    "tls-cert": Flags.string({
      summary: "Certificate chain in PEM; serves wss://.",
      description: "It and its key are read again when they change; what is no pair is told of, and not used.",
      helpValue: "FILE",
      dependsOn: ["tls-key"],
      helpGroup: "TLS",
    }),
    "tls-key": Flags.string({
      summary: "Key of the certificate, in PEM.",
      helpValue: "FILE",
      dependsOn: ["tls-cert"],
      helpGroup: "TLS",
    }),
    "tls-self-signed": Flags.boolean({
      summary: "Serve wss:// with a key that is made for it once, and kept in the store.",
      description:
        "It says the fingerprint of the key when it starts; clients compare that, and pin the key, with 'bak login'.",
      exclusive: ["tls-cert", "tls-key"],
      helpGroup: "TLS",
    }),
  };

  /** Aborted when the terminal is gone that the server was started in. */
  readonly #hangUp = new AbortController();

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Serve);
    const folder = resolve(args.store);
    if (!flags.stores) await assertNoFolderOfStores(folder);
    const compression = codecs.find((codec) => codec === flags.compression);
    const level = logLevels.find((each) => each === flags["log-level"]) ?? "info";
    const projectQuotaBytes = flags.quota === undefined ? undefined : parseSize(flags.quota);
    const audit = await this.#openAuditLog(flags["audit-log"]);
    this.#listenForHangUps(audit);
    const options: ListenOptions = {
      host: flags.host,
      port: flags.port,
      tls: certificatesFor(flags, folder),
      agent: this.agent,
      projectQuotaBytes,
      ...(flags.scrub ? { scrub: { bytesPerSecond: flags["scrub-rate"] * 1_000_000 } } : {}),
      hasTokens: () => hasTokens(folder),
      isInsecure: flags.insecure,
      trustedProxies: flags["trust-proxy"] && new TrustedProxies(flags["trust-proxy"]),
      limits: limitsOf(flags),
      onEvent: (event, store) => {
        audit?.write(event, store);
        const name = store === undefined ? "" : `[${store}] `;
        if (isToldAt(level, event)) this.say(`${new Date().toISOString()} ${name}${describeEvent(event)}`);
      },
    };
    const served = flags.stores
      ? await listenForStores(folder, options)
      : await listen(() => openStoreFolder(folder, { compression }), options);
    const { url, fingerprint } = served;
    if (served.isOpenToAll) {
      this.complain(
        `warning: whoever reaches ${url} may do everything, since ${flags.stores ? "stores without tokens let in all" : "the store has no tokens"}`,
      );
      this.say("     make one with 'bak token add'");
    }
    const damaged = "store" in served ? served.store.damaged : [];
    for (const { path, why } of damaged) this.complain(`left out '${path}': ${why}`);
    const stores = "names" in served ? await served.names() : undefined;
    const leftOut = "leftOut" in served ? await served.leftOut() : [];
    for (const { name, why } of leftOut) this.complain(`left out the store '${displayName(name)}': ${why}`);
    // with --json, too, whoever started it waits for this line
    if (this.jsonEnabled())
      this.logJson({ store: folder, url, ...(stores && { stores }), ...(fingerprint && { fingerprint }) });
    this.log(`bak: serving ${folder} on ${url}`);
    if (stores !== undefined) this.log(`bak: its stores are ${stores.join(", ") || "still to be made"}`);
    if (fingerprint !== undefined) this.log(`bak: its key is ${fingerprint}`);
    const end = AbortSignal.any([this.signal, this.#hangUp.signal]);
    await new Promise<void>((stop) => {
      if (end.aborted) stop();
      else end.addEventListener("abort", () => stop(), { once: true });
    });
    await served.close();
    audit?.close();
    if (!this.#hangUp.signal.aborted) return;
    // as it would have ended by itself; a Node that exits with its terminal gone aborts
    process.removeAllListeners("SIGHUP");
    process.kill(process.pid, "SIGHUP");
  }

  async #openAuditLog(path: string | undefined): Promise<AuditLog | undefined> {
    if (path === undefined) return undefined;
    return openAuditLog(path, (error) => this.complain(`cannot write '${path}': ${error.message}`));
  }

  /** At each SIGHUP the audit trail is opened anew, save at the one of a terminal that was closed, which ends the server. */
  #listenForHangUps(audit: AuditLog | undefined): void {
    const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));
    process.on("SIGHUP", () => {
      if (terminals.some((descriptor) => !isatty(descriptor))) {
        this.#hangUp.abort();
        return;
      }
      try {
        audit?.reopen();
      } catch (error) {
        this.complain(error instanceof Error ? error.message : String(error));
      }
    });
  }
}

interface TlsFlags {
  "tls-cert"?: string | undefined;
  "tls-key"?: string | undefined;
  "tls-self-signed": boolean;
}

interface LimitFlags {
  "max-sessions"?: number | undefined;
  "max-sessions-per-address"?: number | undefined;
}

function limitsOf(flags: LimitFlags): ListenOptions["limits"] {
  const { "max-sessions": sessions, "max-sessions-per-address": sessionsPerAddress = sessions } = flags;
  return {
    ...(sessions === undefined ? {} : { sessions }),
    ...(sessionsPerAddress === undefined ? {} : { sessionsPerAddress }),
  };
}

function certificatesFor(flags: TlsFlags, folder: string): CertificateSource | undefined {
  const { "tls-cert": cert, "tls-key": key } = flags;
  if (cert !== undefined && key !== undefined) return certificateFiles({ cert, key });
  return flags["tls-self-signed"] ? selfSignedIn(folder) : undefined;
}
