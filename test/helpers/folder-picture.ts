/** A folder as text: two pictures are the same if the folders are, to the nanosecond and the last byte. */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** One line a name, sorted by paths: kind, mode, modification time, and a file's hash or a link's target. */
export function pictureOf(folder: string): string {
  const lines = [describe(folder, ".")];
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted()) {
    lines.push(describe(folder, path));
  }
  return lines.join("\n");
}

function describe(folder: string, path: string): string {
  const full = join(folder, path);
  const stat = lstatSync(full, { bigint: true });
  const content = stat.isFile()
    ? createHash("sha256").update(readFileSync(full)).digest("hex")
    : stat.isSymbolicLink()
      ? readlinkSync(full)
      : "";
  // a link's time is not set everywhere
  const time = stat.isSymbolicLink() ? "" : stat.mtimeNs;
  return `${JSON.stringify(path)} ${stat.mode.toString(8)} ${time} ${content}`;
}
