import * as Flags from "@oclif/core/flags";
import { formatBytes, formatCount, formatTime } from "../cli/format.js";
import { showLine } from "../cli/progress.js";
import { describeMeasuring, formatGrowth, formatSizes } from "../cli/sizes-talk.js";
import { StoreCommand } from "../cli/store-command.js";
import type { Remote, RemoteSizes, RemoteStats, StoreProgress } from "../client/remote.js";
import { exitCodes } from "../errors.js";

interface Stats {
  projects: number;
  commits: number;
  packs: number;
  packBytes: number;
  objects: number;
  indexBytes: number;
  damagedPacks: number;
  asidePacks: number;
  verifiedPacks: number;
  /** When the pack was verified of which that is longest ago; null where nobody knows, or there is none. */
  oldestVerified: string | null;
  /** With --projects or --growth: how large what commits reach is, in bytes. */
  sizes?: Sizes;
}

interface Sizes extends Omit<RemoteSizes, "growth"> {
  growth: (Omit<RemoteSizes["growth"][number], "receivedMs"> & { received: string })[];
}

/** Of so many commits is said what they have added, unless --growth says otherwise. */
const defaultGrowth = 5;

export default class StatsCommand extends StoreCommand {
  static override summary = "Say what a store holds, and when it was last verified.";
  static override description =
    "A pack counts as verified when it comes, and whenever 'bak check --read-data' or the server's own scrub has read it as a whole and found it undamaged. With --projects, a line for each project: what a restore of its latest commit writes, and of all its commits, what is left of that with each content counted once, and what it takes on the store's disk, with its trees. What projects share counts for each of them, and once in the last line.";
  static override examples = [
    { description: "The store on this machine", command: "<%= config.bin %> <%= command.id %>" },
    { description: "That of a server, as JSON", command: "<%= config.bin %> <%= command.id %> -s ws://nas --json" },
    {
      description: "How large each project is, and which ten commits have added most",
      command: "<%= config.bin %> <%= command.id %> --projects --growth 10",
    },
  ];
  static override baseFlags = { ...StoreCommand.baseFlags, project: Flags.string({ hidden: true }) };
  protected override readonly isAboutAll = true;

  static override flags = {
    projects: Flags.boolean({
      summary: "Say how large each project is: as files, without what is there twice, and on the disk.",
      description: "The store reads all its trees for that, which may take a while; 'bak gc' waits meanwhile.",
    }),
    growth: Flags.integer({
      summary: "Name the N commits that have added most to the store (with --projects, 5 unless said).",
      helpValue: "N",
      min: 0,
      max: 1000,
    }),
  };

  async run(): Promise<Stats> {
    const { flags } = await this.parse(StatsCommand);
    const growth = flags.growth ?? (flags.projects ? defaultGrowth : 0);
    return this.withRemote({ server: flags.server }, async (remote) => {
      const stats = await remote.stats();
      for (const line of formatStats(stats)) this.log(line);
      if (!flags.projects && growth === 0) return asData(stats);
      const sizes = await this.#measure(remote, growth);
      if (flags.projects) for (const line of formatSizes(sizes)) this.log(line);
      for (const line of formatGrowth(sizes)) this.log(line);
      if (sizes.isIncomplete) {
        this.complain("something that commits need is damaged or missing, and counts nowhere; 'bak check' names it");
        process.exitCode = exitCodes.partly;
      }
      return { ...asData(stats), sizes: sizesAsData(sizes) };
    });
  }

  async #measure(remote: Remote, growth: number): Promise<RemoteSizes> {
    let progress: StoreProgress | undefined;
    const line = showLine(() => describeMeasuring(progress));
    try {
      return await remote.measure(growth, (now) => (progress = now));
    } finally {
      line.stop();
    }
  }
}

function formatStats(stats: RemoteStats): string[] {
  const { oldestVerifiedMs } = stats;
  const oldest =
    oldestVerifiedMs === undefined ? "-" : oldestVerifiedMs === 0 ? "unknown" : formatTime(oldestVerifiedMs);
  const rows: [string, string][] = [
    ["projects", formatCount(stats.projects)],
    ["commits", formatCount(stats.commits)],
    ["objects", formatCount(stats.objects)],
    ["packs", `${formatCount(stats.packs)}, ${formatBytes(stats.packBytes)}`],
    ["indexes", formatBytes(stats.indexBytes)],
    ["verified within 30 days", `${formatCount(stats.verifiedPacks)} of ${formatCount(stats.packs)} packs`],
    ["verified longest ago", oldest],
    ["damaged packs", formatCount(stats.damagedPacks)],
    ["packs set aside", formatCount(stats.asidePacks)],
  ];
  return rows.map(([name, value]) => `${name.padEnd(24)}${value}`);
}

function sizesAsData({ growth, ...sizes }: RemoteSizes): Sizes {
  return {
    ...sizes,
    growth: growth.map(({ receivedMs, ...each }) => ({ ...each, received: new Date(receivedMs).toISOString() })),
  };
}

function asData({ oldestVerifiedMs, ...stats }: RemoteStats): Stats {
  const { projects, commits, packs, packBytes, objects, indexBytes, damagedPacks, asidePacks, verifiedPacks } = stats;
  return {
    projects,
    commits,
    packs,
    packBytes,
    objects,
    indexBytes,
    damagedPacks,
    asidePacks,
    verifiedPacks,
    oldestVerified:
      oldestVerifiedMs === undefined || oldestVerifiedMs === 0 ? null : new Date(oldestVerifiedMs).toISOString(),
  };
}
