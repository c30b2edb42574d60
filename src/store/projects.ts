/** The projects of a store: a folder each, with the log of its commits. */
import { readdir, readFile, stat } from "node:fs/promises";
import { BakError, errnoOf } from "../errors.js";
import type { ObjectId } from "../objects/object-id.js";
import { isProjectId, type ProjectId } from "../objects/project-id.js";
import type { Disk } from "./disk.js";
import type { Layout } from "./layout.js";
import { formatLogLine, logLineLength, parseLog, type ParsedLog } from "./project-log.js";
import { Serial } from "./serial.js";
import type { LogLine } from "./store.js";
import { makeFolderDurably } from "./write-file.js";

/** Reads and extends the logs of one store's projects. */
export class Projects {
  readonly #disk: Disk;
  readonly #layout: Layout;
  /** Only of projects that have been appended to. */
  readonly #appending = new Map<ProjectId, Serial>();
  /** Lengths of logs whose last append failed: what may be in the file after that does not count. */
  readonly #lengths = new Map<ProjectId, number>();

  constructor(disk: Disk, layout: Layout) {
    this.#disk = disk;
    this.#layout = layout;
  }

  /** The projects that have a commit, sorted. Does not look into the logs: a damaged one hides no other. */
  async list(): Promise<ProjectId[]> {
    const withCommit: ProjectId[] = [];
    for (const name of await readdir(this.#layout.projects)) {
      if (isProjectId(name) && (await this.#logSize(name)) >= logLineLength) withCommit.push(name);
    }
    return withCommit.toSorted();
  }

  async readLog(project: ProjectId): Promise<LogLine[]> {
    return (await this.#read(project)).lines;
  }

  /** Appends a line, made at its turn, to the project's log, if its head is `base`. */
  append(
    project: ProjectId,
    { base, makeLine }: { base: ObjectId | undefined; makeLine: () => LogLine },
  ): Promise<LogLine> {
    let serial = this.#appending.get(project);
    if (serial === undefined) this.#appending.set(project, (serial = new Serial()));
    return serial.run(async () => {
      const log = await this.#read(project);
      assertHead(project, log.lines.at(-1)?.commit, base);
      const line = makeLine();
      await this.#write(project, line, log);
      return line;
    });
  }

  /** Resolves once no log is being written to. */
  async idle(): Promise<void> {
    await Promise.all([...this.#appending.values()].map((serial) => serial.idle()));
  }

  async #write(project: ProjectId, line: LogLine, log: ReadLog): Promise<void> {
    const path = this.#layout.log(project);
    const isNew = log.lines.length === 0;
    if (isNew) await makeFolderDurably(this.#disk, this.#layout.projectFolder(project));
    if (log.fileLength > log.length) await this.#disk.truncate(path, log.length);
    try {
      await this.#appendLine(path, line);
      if (isNew) await this.#disk.syncFolder(this.#layout.projectFolder(project));
      this.#lengths.delete(project);
    } catch (error) {
      await this.#takeBack(project, log.length);
      throw error;
    }
  }

  async #appendLine(path: string, line: LogLine): Promise<void> {
    const file = await this.#disk.appendFile(path);
    try {
      await file.write(Buffer.from(formatLogLine(line)));
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Undoes an append that failed, so that no one finds a commit there whose push was told that it failed. */
  async #takeBack(project: ProjectId, length: number): Promise<void> {
    this.#lengths.set(project, length);
    await this.#disk.truncate(this.#layout.log(project), length).catch(() => undefined); // the next append does it
  }

  async #read(project: ProjectId): Promise<ReadLog> {
    const path = this.#layout.log(project);
    const bytes = await readIfThere(path);
    return { ...parseLog(bytes.toString("latin1", 0, this.#lengths.get(project)), path), fileLength: bytes.length };
  }

  async #logSize(project: ProjectId): Promise<number> {
    const size = await sizeIfThere(this.#layout.log(project));
    return Math.min(size, this.#lengths.get(project) ?? size);
  }
}

interface ReadLog extends ParsedLog {
  readonly fileLength: number;
}

function assertHead(project: ProjectId, head: ObjectId | undefined, base: ObjectId | undefined): void {
  if (head === base) return;
  throw new BakError(
    "HEAD_MOVED",
    `head of project '${project}' moved: it is ${head ?? "none"}, not ${base ?? "none"}`,
    {
      hint: "somebody else pushed to the project meanwhile: push again",
    },
  );
}

async function readIfThere(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

async function sizeIfThere(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return 0;
    throw error;
  }
}
