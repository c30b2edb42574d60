/**
 * The key that a server has made for itself, with its certificate, in PEM: one file in the folder that it serves, so that
 * the two are always a pair, and the clients that have pinned the key find it again after a restart.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../errors.js";
import { explained } from "./disk-error.js";
import type { Disk } from "./disk.js";
import { writeFileWhole } from "./write-file.js";

/** Its name in a store, or in a folder of stores. */
export const tlsKeyName = "tls-key.pem";

/** What it says; undefined if there is none. */
export function readTlsKey(folder: string): string | undefined {
  try {
    return readFileSync(join(folder, tlsKeyName), "latin1");
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Writes it for the first time; resolves once it is on stable storage. What a crash has left of an earlier try goes. */
export async function writeTlsKey(disk: Disk, folder: string, pem: string): Promise<void> {
  const path = join(folder, tlsKeyName);
  const temporary = `${path}.new`;
  await explained(path, async () => {
    await disk.remove(temporary).catch((error: unknown) => {
      if (errnoOf(error) !== "ENOENT") throw error;
    });
    await writeFileWhole(disk, path, { bytes: Buffer.from(pem, "latin1"), temporary });
  });
}
