/** The projects of a store: a folder each, with the log of its commits, and what was forgotten of them. */
import { readdir, readFile, stat } from "node:fs/promises";
import { BakError, errnoOf } from "../errors.js";
import type { ObjectId } from "../objects/object-id.js";
import { isProjectId, type ProjectId } from "../objects/project-id.js";
import type { Disk } from "./disk.js";
import { bringBackLines, forgetLines, withoutLive } from "./forgotten.js";
import { ifThere } from "./if-there.js";
import type { Layout } from "./layout.js";
import {
  formatForgottenLine,
  formatLogLine,
  parseForgotten,
  parseLog,
  auditForgotten,
  auditLog,
  shortestLine,
  type Audited,
  type ParsedLog,
} from "./project-log.js";
import { SerialByKey } from "./serial.js";
import { asidePath } from "./set-aside.js";
import type { ForgetListener, ForgottenLine, LogLine, ProjectLines } from "./store.js";
import { makeFolderDurably, writeFileWhole } from "./write-file.js";

/** Reads and changes the logs of one store's projects. */
export class Projects {
  readonly #disk: Disk;
  readonly #layout: Layout;
  readonly #changing = new SerialByKey<ProjectId>();
  /** Lengths of logs whose last append failed: what may be in the file after that does not count. */
  readonly #lengths = new Map<ProjectId, number>();
  /** The projects whose files' names are known to be on stable storage; a process that was killed may have left others. */
  readonly #settled = new Set<ProjectId>();
  readonly #listeners = new Set<ForgetListener>();

  constructor(disk: Disk, layout: Layout) {
    this.#disk = disk;
    this.#layout = layout;
  }

  /** The projects that have a commit, sorted. Does not look into the logs: a damaged one hides no other. */
  list(): Promise<ProjectId[]> {
    return this.#listWhere(async (project) => (await this.#logSize(project)) >= shortestLine);
  }

  /** The projects of which something was forgotten, sorted; perhaps some of which all has been brought back. */
  listForgotten(): Promise<ProjectId[]> {
    return this.#listWhere(async (project) => (await sizeIfThere(this.#layout.forgotten(project))) > 0);
  }

  async readLog(project: ProjectId): Promise<LogLine[]> {
    return (await this.#read(project)).lines;
  }

  /** Every line of both files of a project, looked at for itself. */
  audit(project: ProjectId): Promise<AuditedProject> {
    return this.#changing.run(project, () => this.#audit(project));
  }

  /**
   * Puts both files of a project in order, where something is wrong with them: what is no line goes, what its check tells
   * of a line is written, and so are the lines of the log that `rescue` finds by other means. The damaged files are kept.
   */
  repair(project: ProjectId, rescue: (audited: AuditedProject) => Promise<LogLine[]>): Promise<RepairedFile[]> {
    return this.#changing.run(project, async () => {
      const audited = await this.#audit(project);
      const { log, forgotten } = audited;
      const repaired: RepairedFile[] = [];
      if (log.faults.length > 0) {
        const path = this.#layout.log(project);
        const aside = await this.#copyAside(project, path);
        const lines = await rescue(audited);
        this.#lengths.delete(project);
        await this.#replaceLog(project, lines);
        repaired.push({ path, aside, lost: Math.max(0, lostOf(log) - (lines.length - log.lines.length)) });
      }
      if (forgotten.faults.length > 0) {
        const path = this.#layout.forgotten(project);
        const aside = await this.#copyAside(project, path);
        await this.#writeForgotten(project, forgotten.lines);
        repaired.push({ path, aside, lost: lostOf(forgotten) });
      }
      return repaired;
    });
  }

  /** Both files of a project, with no change between the one and the other. */
  readLines(project: ProjectId): Promise<ProjectLines> {
    return this.#changing.run(project, () => this.#readLines(project));
  }

  /** Appends a line, made at its turn from the one before, to the project's log, if its head is `base`. */
  append(
    project: ProjectId,
    { base, makeLine }: { base: ObjectId | undefined; makeLine: (before: LogLine | undefined) => LogLine },
  ): Promise<LogLine> {
    return this.#changing.run(project, async () => {
      const log = await this.#readMended(project);
      assertHead(project, log.lines.at(-1)?.commit, base);
      const line = makeLine(log.lines.at(-1));
      await this.#append(project, line, log);
      return line;
    });
  }

  /** Moves commits out of the log; gives how many lines that were. See `Store.forget`. */
  forget(project: ProjectId, commits: readonly ObjectId[], now: () => number): Promise<number> {
    return this.#changing.run(project, async () => {
      const { log, forgotten, moved } = forgetLines(await this.#readLines(project), commits, now());
      if (moved.length === 0) return 0;
      await this.#settle(project);
      await this.#writeForgotten(project, forgotten);
      for (const listener of this.#listeners) listener(project, commitsOf(moved));
      await this.#writeLog(project, log);
      return moved.length;
    });
  }

  /** Moves commits back into the log; gives how many lines that were. See `Store.undoForget`. */
  undoForget(project: ProjectId, commits: readonly ObjectId[]): Promise<number> {
    return this.#changing.run(project, async () => {
      const { log, forgotten, moved } = bringBackLines(await this.#readLines(project), commits);
      if (moved.length === 0) return 0;
      await this.#settle(project);
      await this.#writeLog(project, log);
      await this.#writeForgotten(project, forgotten);
      return moved.length;
    });
  }

  /** Puts a commit in the place of another; gives how many lines that were. See `Store.replaceCommit`. */
  replace(project: ProjectId, commit: ObjectId, by: ObjectId): Promise<number> {
    return this.#changing.run(project, async () => {
      const { lines } = await this.#read(project);
      const count = lines.filter((line) => line.commit === commit).length;
      if (count === 0) return 0;
      await this.#settle(project);
      await this.#writeLog(
        project,
        lines.map((line) => (line.commit === commit ? { ...line, commit: by } : line)),
      );
      return count;
    });
  }

  /** Drops what was forgotten before a time; gives how many lines that were. See `Store.expireForgotten`. */
  expireForgotten(project: ProjectId, beforeMs: number): Promise<number> {
    return this.#changing.run(project, async () => {
      const { forgotten } = await this.#readLines(project);
      const stays = forgotten.filter(({ forgottenMs }) => forgottenMs >= beforeMs);
      if (stays.length === forgotten.length) return 0;
      await this.#settle(project);
      await this.#writeForgotten(project, stays);
      return forgotten.length - stays.length;
    });
  }

  /** See `Store.onForget`. */
  onForget(listener: ForgetListener): () => void {
    const mine: ForgetListener = (project, commits) => listener(project, commits);
    this.#listeners.add(mine);
    return () => this.#listeners.delete(mine);
  }

  /** Resolves once no log is being written to. */
  async idle(): Promise<void> {
    await this.#changing.idle();
  }

  async #append(project: ProjectId, line: LogLine, log: ReadLog): Promise<void> {
    const isNew = log.lines.length === 0;
    if (isNew) await makeFolderDurably(this.#disk, this.#layout.projectFolder(project));
    else await this.#settle(project);
    await this.#cutTorn(project, log);
    try {
      await this.#appendLine(this.#layout.log(project), line);
      if (isNew) await this.#disk.syncFolder(this.#layout.projectFolder(project));
      this.#lengths.delete(project);
    } catch (error) {
      await this.#takeBack(project, log.length);
      throw error;
    }
    this.#settled.add(project);
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

  async #cutTorn(project: ProjectId, log: ReadLog): Promise<void> {
    if (log.fileLength > log.length) await this.#disk.truncate(this.#layout.log(project), log.length);
  }

  async #writeLog(project: ProjectId, lines: readonly LogLine[]): Promise<void> {
    await this.#cutTorn(project, await this.#read(project));
    this.#lengths.delete(project); // it would be of a file that is gone, whether the next step is told to have failed or not
    await this.#replaceLog(project, lines);
  }

  async #replaceLog(project: ProjectId, lines: readonly LogLine[]): Promise<void> {
    await this.#replace(project, this.#layout.log(project), lines.map(formatLogLine).join(""));
  }

  async #writeForgotten(project: ProjectId, lines: readonly ForgottenLine[]): Promise<void> {
    await this.#replace(project, this.#layout.forgotten(project), lines.map(formatForgottenLine).join(""));
  }

  async #replace(project: ProjectId, path: string, text: string): Promise<void> {
    this.#settled.delete(project);
    await writeFileWhole(this.#disk, path, { bytes: Buffer.from(text, "latin1"), temporary: this.#layout.temporary() });
    this.#settled.add(project);
  }

  /** Sees to it that no step that begins now reaches the disk before one whose end was not seen. */
  async #settle(project: ProjectId): Promise<void> {
    if (this.#settled.has(project)) return;
    await this.#disk.syncFolder(this.#layout.projectFolder(project));
    this.#settled.add(project);
  }

  async #readLines(project: ProjectId): Promise<ProjectLines> {
    const { lines: log } = await this.#read(project);
    return { log, forgotten: withoutLive(await this.#readForgotten(project), log) };
  }

  async #readForgotten(project: ProjectId): Promise<ForgottenLine[]> {
    const path = this.#layout.forgotten(project);
    return parseForgotten((await readIfThere(path)).toString("latin1"), path);
  }

  /** Copies a file to `damaged/`, which is there; gives the copy's path. */
  async #copyAside(project: ProjectId, path: string): Promise<string> {
    const aside = asidePath(this.#layout, path, `${project}.`);
    await writeFileWhole(this.#disk, aside, { bytes: await readFile(path), temporary: this.#layout.temporary() });
    return aside;
  }

  async #audit(project: ProjectId): Promise<AuditedProject> {
    const [log, forgotten] = await Promise.all([
      readIfThere(this.#layout.log(project)),
      readIfThere(this.#layout.forgotten(project)),
    ]);
    return {
      log: auditLog(log.toString("latin1", 0, this.#lengths.get(project))),
      forgotten: auditForgotten(forgotten.toString("latin1")),
    };
  }

  /** The log, of which the file has every byte as it should be. */
  async #readMended(project: ProjectId): Promise<ReadLog> {
    const log = await this.#read(project);
    if (!log.isMended) return log;
    await this.#writeLog(project, log.lines);
    return this.#read(project);
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

  async #listWhere(isWanted: (project: ProjectId) => Promise<boolean>): Promise<ProjectId[]> {
    const wanted: ProjectId[] = [];
    for (const name of await readdir(this.#layout.projects)) {
      if (isProjectId(name) && (await isWanted(name))) wanted.push(name);
    }
    return wanted.toSorted();
  }
}

/** What is left of a project's two files. */
export interface AuditedProject {
  readonly log: Audited<LogLine>;
  readonly forgotten: Audited<ForgottenLine>;
}

/** A file that has been put in order. */
export interface RepairedFile {
  readonly path: string;
  /** Where it is kept as it was. */
  readonly aside: string;
  /** Lines that nobody can tell any more; no less than 0. */
  readonly lost: number;
}

interface ReadLog extends ParsedLog {
  readonly fileLength: number;
}

function commitsOf(lines: readonly LogLine[]): ObjectId[] {
  return [...new Set(lines.map(({ commit }) => commit))];
}

function lostOf({ faults }: Audited<unknown>): number {
  return faults.filter(({ isMended }) => !isMended).length;
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
  return (await ifThere(readFile(path))) ?? Buffer.alloc(0);
}

async function sizeIfThere(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return 0;
    throw error;
  }
}
