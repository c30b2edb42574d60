/**
 * Reads only the files that the journal of a push does not know to be in the store already, and takes down those that it
 * has read. What was read before counts only if the store has it now: it is asked about many files at a time.
 */
import type { ByteString } from "../objects/byte-string.js";
import type { FileContent } from "../objects/entry.js";
import { objectIdLength, type ObjectId } from "../objects/object-id.js";
import { isOlderThan, raceLimits, type RaceLimits } from "./compare.js";
import type { FileReader, ReadOutcome, ReadsFile } from "./file-reader.js";
import type { Journal } from "./journal.js";
import { isAlias } from "./long-paths.js";
import type { Remote } from "./remote.js";
import type { SourceStat } from "./source-stat.js";

/** The store is asked about so many files at a time, and the walk waits while so many questions are under way. */
const askFiles = 4096;
const maxQuestions = 2;

export interface JournaledReaderOptions {
  readonly reader: Pick<FileReader, "read" | "finish">;
  readonly journal: Journal;
  readonly remote: Pick<Remote, "hasMany">;
  /** Of the absolute paths that are read, how many chars are those of the pushed folder. */
  readonly folderLength: number;
}

interface Asked {
  readonly path: ByteString;
  readonly stat: SourceStat;
  readonly content: FileContent;
  readonly done: (outcome: ReadOutcome) => void;
  readonly before: ObjectId | undefined;
}

export class JournaledReader implements Pick<FileReader, "read" | "finish"> {
  readonly #options: JournaledReaderOptions;
  #gathered: Asked[] = [];
  readonly #questions = new Set<Promise<void>>();
  #failure: { readonly reason: unknown } | undefined;
  #limits: { readonly atMs: number; readonly limits: RaceLimits } | undefined;

  constructor(options: JournaledReaderOptions) {
    this.#options = options;
  }

  /** As that of a `FileReader`; of a file that need not be read, `done` is told that it is known. */
  read(...[path, stat, done, before]: Parameters<ReadsFile>): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure.reason;
    if (isAlias(path)) return this.#options.reader.read(path, stat, done, before);
    const content = this.#options.journal.find(this.#within(path), stat);
    if (content === undefined) return this.#readAnew(path, stat, done, before);
    this.#gathered.push({ path, stat, content, done, before });
    if (this.#gathered.length >= askFiles) this.#ask();
    return this.#questions.size < maxQuestions ? undefined : Promise.race(this.#questions);
  }

  /** Resolves once every file is known or has been read, or has failed. */
  async finish(): Promise<void> {
    this.#ask();
    while (this.#questions.size > 0) await Promise.all(this.#questions);
    if (this.#failure !== undefined) throw this.#failure.reason;
    await this.#options.reader.finish();
  }

  #within(path: ByteString): ByteString {
    return path.slice(this.#options.folderLength) as ByteString;
  }

  #readAnew(...[path, stat, done, before]: Parameters<ReadsFile>): Promise<void> | undefined {
    const limits = this.#limitsNow();
    const take = (outcome: ReadOutcome): void => {
      // one that was changed a moment ago may be changed once more without a trace
      if (outcome.type === "read" && outcome.unsteady === undefined && isOlderThan(outcome.stat.ctimeNs, limits))
        this.#options.journal.add(this.#within(path), outcome);
      done(outcome);
    };
    return this.#options.reader.read(path, stat, take, before);
  }

  /** Before when a time must be to prove anything of a file that is read from now on. */
  #limitsNow(): RaceLimits {
    const atMs = Date.now();
    if (this.#limits?.atMs !== atMs) this.#limits = { atMs, limits: raceLimits(atMs) };
    return this.#limits.limits;
  }

  #ask(): void {
    const files = this.#gathered;
    this.#gathered = [];
    if (files.length === 0) return;
    const question = this.#answer(files)
      .catch((error: unknown) => void (this.#failure ??= { reason: error }))
      .finally(() => this.#questions.delete(question));
    this.#questions.add(question);
  }

  async #answer(files: readonly Asked[]): Promise<void> {
    const ids = Buffer.allocUnsafe(files.length * objectIdLength);
    for (const [index, { content }] of files.entries())
      ids.write("blob" in content ? content.blob : content.list, index * objectIdLength, "hex");
    const isKnown = await this.#options.remote.hasMany(ids);
    for (const [index, { path, stat, content, done, before }] of files.entries()) {
      if (this.#failure !== undefined) return;
      if (isKnown(index)) done({ type: "known", content, stat });
      else await this.#readAnew(path, stat, done, before);
    }
  }
}
