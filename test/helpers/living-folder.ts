/** A folder that somebody works in: between two pushes files are added, edited, moved, replaced and deleted. */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { seededBytes } from "./arbitrary-bytes.js";

const lengths = [0, 1, 100, 5000, 5000, 70_000, 400_000];
const largeBytes = 3 << 20;

/** Everything that is done follows from the numbers of `next`. */
export class LivingFolder {
  readonly path: string;
  readonly #next: () => number;
  #made = 0;
  /** Files that a push which ended well has seen: the client's index knows them. */
  #known: string[] = [];

  constructor(path: string, next: () => number) {
    this.path = path;
    this.#next = next;
    mkdirSync(path, { recursive: true });
    for (let left = 40; left > 0; left -= 1) this.#add();
    writeFileSync(join(path, "large"), seededBytes(next(), largeBytes));
  }

  /** A push of the folder as it is now has ended well, and the index of the next has seen it. */
  pushed(): void {
    this.#known = this.#files();
  }

  /** Does some things, and says what; only where it is allowed, some that size and time do not show. */
  change({ isQuietAllowed }: { isQuietAllowed: boolean }): string[] {
    return Array.from({ length: 1 + (this.#next() % 8) }, () => this.#changeOne(isQuietAllowed));
  }

  #changeOne(isQuietAllowed: boolean): string {
    const file = this.#pick(this.#files());
    switch (this.#next() % 9) {
      case 0:
      case 1:
        return this.#add();
      case 2:
        if (file === undefined) return this.#add();
        this.#write(file, this.#content());
        return `edited ${file}`;
      case 3:
        if (file === undefined) return this.#add();
        rmSync(join(this.path, file));
        return `deleted ${file}`;
      case 4: {
        if (file === undefined) return this.#add();
        const to = this.#newName();
        this.#makeRoom(to);
        renameSync(join(this.path, file), join(this.path, to));
        return `moved ${file} to ${to}`;
      }
      case 5:
        return isQuietAllowed ? this.#replaceQuietly() : this.#add();
      case 6:
        return this.#editLarge();
      case 7: {
        const link = this.#newName();
        this.#makeRoom(link);
        symlinkSync(`../${file ?? "nowhere"}`, join(this.path, link));
        return `linked ${link}`;
      }
      default:
        return this.#changeFolder();
    }
  }

  #add(): string {
    const name = this.#newName();
    this.#write(name, this.#content());
    return `added ${name}`;
  }

  /** Other bytes, but the same length and time: only the index can tell, by ctime and inode. */
  #replaceQuietly(): string {
    const file = this.#pick(this.#known.filter((each) => existsSync(join(this.path, each))));
    if (file === undefined) return this.#add();
    const path = join(this.path, file);
    const made = `${this.path}.new`;
    writeFileSync(made, seededBytes(this.#next(), statSync(path).size));
    spawnSync("touch", ["-r", path, made]); // to the nanosecond, which Node cannot
    renameSync(made, path);
    return `replaced ${file} quietly`;
  }

  /** A few bytes in the middle of the large file, or a few more. */
  #editLarge(): string {
    const path = join(this.path, "large");
    const bytes = existsSync(path) ? readFileSync(path) : seededBytes(this.#next(), largeBytes);
    const at = this.#next() % bytes.length;
    const inserted = seededBytes(this.#next(), this.#next() % 2 === 0 ? 0 : 5000);
    bytes[at]! ^= 0xff;
    writeFileSync(`${this.path}.new`, Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]));
    renameSync(`${this.path}.new`, path);
    return "edited large";
  }

  #changeFolder(): string {
    const folder = this.#pick(
      readdirSync(this.path, { withFileTypes: true })
        .filter((each) => each.isDirectory())
        .map(({ name }) => name)
        .toSorted(),
    );
    if (folder === undefined) return this.#add();
    if (this.#next() % 3 === 0) {
      rmSync(join(this.path, folder), { recursive: true });
      return `deleted folder ${folder}`;
    }
    const to = `moved-${(this.#made += 1)}`;
    renameSync(join(this.path, folder), join(this.path, to));
    return `moved folder ${folder} to ${to}`;
  }

  #files(): string[] {
    return readdirSync(this.path, { recursive: true, withFileTypes: true })
      .filter((each) => each.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(this.path.length + 1))
      .toSorted();
  }

  #newName(): string {
    this.#made += 1;
    return `d${this.#next() % 6}/${this.#next() % 3 === 0 ? "deep/" : ""}file-${this.#made}`;
  }

  #content(): Buffer {
    const length = lengths[this.#next() % lengths.length] as number;
    if (this.#next() % 2 === 0) return Buffer.from(`line ${this.#made}\n`.repeat(Math.ceil(length / 8)));
    return seededBytes(this.#next(), length);
  }

  #write(name: string, bytes: Uint8Array): void {
    this.#makeRoom(name);
    writeFileSync(join(this.path, name), bytes);
  }

  #makeRoom(name: string): void {
    mkdirSync(dirname(join(this.path, name)), { recursive: true });
  }

  #pick(names: readonly string[]): string | undefined {
    return names[this.#next() % Math.max(1, names.length)];
  }
}
