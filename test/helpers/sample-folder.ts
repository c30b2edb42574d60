/** Folders with a bit of everything that a disk can hold, always the same. */
import { chmodSync, lutimesSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seededBytes, seededNumbers } from "./arbitrary-bytes.js";

/** How many files `makeSampleFolder` makes of each sort, and a few odd ones. */
export interface SampleCounts {
  /** In the folder `many`. */
  readonly many: number;
  /** In folders two levels deep. */
  readonly nested: number;
  /** In the folder `before`. */
  readonly before: number;
}

/** Nested folders, many names in one, empty ones, links, modes, and 5 MiB in one file. */
export function makeSampleFolder(folder: string, counts: SampleCounts): void {
  const next = seededNumbers(7);
  mkdirSync(folder);
  const write = (path: string | Buffer, bytes: Uint8Array | string, mode = 0o644): void => {
    writeFileSync(path, bytes);
    chmodSync(path, mode);
    utimesSync(path, 1_600_000_000, 1_500_000_000 + (next() % 100_000_000) + (next() % 1000) / 1000);
  };
  mkdirSync(join(folder, "many"));
  for (let index = 0; index < counts.many; index += 1)
    write(join(folder, "many", `note-${index}.txt`), `note ${index} of many\n`);
  for (let index = 0; index < counts.nested; index += 1) {
    const parent = join(folder, "nested", `a${index % 10}`, `b${Math.floor(index / 10) % 12}`);
    mkdirSync(parent, { recursive: true });
    write(join(parent, `file ${index}`), seededBytes(index + 1, next() % 3000));
  }
  mkdirSync(join(folder, "before"));
  for (let index = 0; index < counts.before; index += 1)
    write(join(folder, "before", `photo-${index}.jpg`), seededBytes(100_000 + index, 500));
  mkdirSync(join(folder, "odd"));
  mkdirSync(join(folder, "empty folder"));
  write(join(folder, "odd", "empty"), "");
  write(join(folder, "odd", "line\nbreak"), "a name with a line break\n");
  write(join(folder, "odd", "back\\slash"), "a name with a backslash\n");
  write(join(folder, "odd", "日本語 ü"), "a name beyond ASCII\n");
  for (const mode of [0o600, 0o755, 0o444, 0o4755, 0o1777])
    write(join(folder, "odd", `mode-${mode.toString(8)}`), `${mode}`, mode);
  symlinkSync("empty", join(folder, "odd", "link to a file"));
  symlinkSync("../many", join(folder, "odd", "link to a folder"));
  symlinkSync("/nowhere/at all", join(folder, "odd", "link to nothing"));
  lutimesSync(join(folder, "odd", "link to nothing"), 1_400_000_000, 1_400_000_000);
  write(join(folder, "odd", "large"), seededBytes(3, 5 << 20));
  write(join(folder, "odd", "very old"), "before 1970");
  utimesSync(join(folder, "odd", "very old"), -86_400.5, -86_400.5);
  chmodSync(join(folder, "nested"), 0o750);
}

/** Names whose bytes are not UTF-8, in a folder that is there. */
export function addNamesOfBytes(folder: string): void {
  for (const bytes of [
    [0xff, 0xfe],
    [0xe9, 0x74, 0xe9],
    [0x61, 0x80],
  ]) {
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(bytes)]), `name of ${bytes.length} bytes`);
  }
  symlinkSync(Buffer.from([0xff]), Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xfd])]));
}
