/** How large a store is, as a person reads it. */
import type { RemoteSizes, StoreProgress } from "../client/remote.js";
import { alignColumns } from "./columns.js";
import { formatBytes, formatCount, formatCounted, formatTime, shortId } from "./format.js";

/** How far the measuring is, in a few words. */
export function describeMeasuring(progress: StoreProgress | undefined): string {
  if (progress === undefined) return "measuring";
  const { phase, done, total } = progress;
  return `measuring: ${formatCount(done)} of ${formatCounted(total, phase === "projects" ? "project" : "commit")}`;
}

/** A line for each project, and one for all, under a line that says what they are. */
export function formatSizes({ projects, contentBytes, storedBytes }: RemoteSizes): string[] {
  const all = {
    project: "all",
    commits: sumOf(projects.map(({ commits }) => commits)),
    latestBytes: sumOf(projects.map(({ latestBytes }) => latestBytes)),
    allBytes: sumOf(projects.map(({ allBytes }) => allBytes)),
    contentBytes,
    storedBytes,
  };
  const rows = [
    ["project", "commits", "latest", "all commits", "deduplicated", "stored"],
    ...[...projects, all].map((each) => [
      each.project,
      formatCount(each.commits),
      ...[each.latestBytes, each.allBytes, each.contentBytes, each.storedBytes].map(formatBytes),
    ]),
  ];
  return ["", ...alignColumns(rows, 1)];
}

/** A line for each commit that has added most; none where nobody asked. */
export function formatGrowth({ growth }: RemoteSizes): string[] {
  if (growth.length === 0) return [];
  const rows = growth.map(({ commit, receivedMs, project, contentBytes, storedBytes }) => [
    shortId(commit),
    formatTime(receivedMs),
    project,
    `${formatBytes(contentBytes)} new`,
    `${formatBytes(storedBytes)} stored`,
  ]);
  return ["", "largest growth", ...alignColumns(rows, 3)];
}

function sumOf(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all + size, 0);
}
