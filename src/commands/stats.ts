import * as Flags from "@oclif/core/flags";
import { formatBytes, formatCount, formatTime } from "../cli/format.js";
import { StoreCommand } from "../cli/store-command.js";
import type { RemoteStats } from "../client/remote.js";

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
}

export default class StatsCommand extends StoreCommand {
  static override summary = "Say what a store holds, and when it was last verified.";
  static override description =
    "A pack counts as verified when it comes, and whenever 'bak check --read-data' or the server's own scrub has read it as a whole and found it undamaged.";
  static override examples = [
    { description: "The store on this machine", command: "<%= config.bin %> <%= command.id %>" },
    { description: "That of a server, as JSON", command: "<%= config.bin %> <%= command.id %> -s ws://nas --json" },
  ];
  static override baseFlags = { ...StoreCommand.baseFlags, project: Flags.string({ hidden: true }) };

  async run(): Promise<Stats> {
    const { flags } = await this.parse(StatsCommand);
    return this.withRemote({ server: flags.server }, async (remote) => {
      const stats = await remote.stats();
      for (const line of formatStats(stats)) this.log(line);
      return asData(stats);
    });
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
