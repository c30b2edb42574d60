/**
 * Many clients of one server, at the same time and over real sockets: some push to projects of their own and to one that all
 * share, some are processes of their own, others restore and look at logs. Whatever is acknowledged is remembered with what
 * was in the folder, so that it can be restored and compared; with anything that others do meanwhile, such as cleaning up.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readCommit } from "../../src/client/history.js";
import { push } from "../../src/client/push.js";
import { Remote } from "../../src/client/remote.js";
import { restore } from "../../src/client/restore.js";
import { BakError } from "../../src/errors.js";
import { byteStringFromText } from "../../src/objects/byte-string.js";
import { parseObjectId, type ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId, type ProjectId } from "../../src/objects/project-id.js";
import { dialWebSocket } from "../../src/protocol/websocket-dial.js";
import { seededBytes, seededNumbers } from "./arbitrary-bytes.js";
import type { BakUser, PushAnswer } from "./bak-process.js";
import { noProgress } from "../../src/client/push-options.js";
import { quietPush } from "./quiet-push.js";

/** What is in a folder: the content of each file by its path. */
type Contents = ReadonlyMap<string, Buffer>;

/** A commit that a client was told of. */
export interface Acknowledged {
  readonly project: ProjectId;
  readonly commit: ObjectId;
  readonly contents: Contents;
}

export const sharedProject = parseProjectId("shared");

export class Crowd {
  /** In the order in which they were acknowledged; the same commit may be there twice, where nothing had changed. */
  readonly acknowledged: Acknowledged[] = [];
  /** Commits that somebody has had forgotten, and that need not be there any more. */
  readonly forgotten = new Set<ObjectId>();
  readonly figures = { pushes: 0, headMoves: 0, restores: 0, logs: 0, cleanings: 0 };
  readonly user: BakUser;
  readonly url: string;
  #targets = 0;

  constructor(user: BakUser, url: string) {
    this.user = user;
    this.url = url;
  }

  /** Says hello about a project; whoever uses the conversation need not end it. */
  async with<T>(project: ProjectId, use: (remote: Remote) => Promise<T>): Promise<T> {
    const channel = await dialWebSocket(this.url);
    const remote = await Remote.open(channel, { project, agent: "crowd/1", wantTrees: false });
    try {
      return await use(remote);
    } finally {
      await remote.close();
    }
  }

  /** Pushes a client's folder, by a process of its own or from this one. */
  async push(member: Member, project: ProjectId): Promise<void> {
    const contents = new Map(member.contents);
    const commit = member.isProcess ? await this.#pushProcess(member, project) : await this.#pushHere(member, project);
    this.acknowledged.push({ project, commit, contents });
    this.figures.pushes += 1;
  }

  async #pushProcess({ folder }: Member, project: ProjectId): Promise<ObjectId> {
    const { commit } = await this.user.json<PushAnswer>(["push", folder, "-s", this.url, "-p", project]);
    return parseObjectId(String(commit));
  }

  async #pushHere({ folder }: Member, project: ProjectId): Promise<ObjectId> {
    const { commit } = await push({
      connect: async (hello) => Remote.open(await dialWebSocket(this.url), { project, agent: "crowd/1", ...hello }),
      folder: byteStringFromText(folder),
      indexFile: `${folder}.${project}.index`,
      ...quietPush,
      progress: noProgress(),
      onEvent: (event) => {
        if (event.type === "headMoved") this.figures.headMoves += 1;
      },
    });
    return commit as ObjectId;
  }

  /** Restores a commit, and says in what it differs from the folder that was pushed. */
  async differencesOf({ project, commit, contents }: Acknowledged): Promise<string[]> {
    const target = join(this.user.home, `target-${(this.#targets += 1)}`);
    try {
      const { failed } = await this.with(project, async (remote) =>
        restore(
          remote,
          { id: commit, content: await readCommit(remote, commit) },
          {
            target: byteStringFromText(target),
            paths: [],
            progress: { files: 0, bytes: 0, filesFetched: 0, filesMended: 0 },
            onEvent: () => undefined,
            threads: 0,
          },
        ),
      );
      this.figures.restores += 1;
      const wrong = differencesBetween(contents, readContents(target));
      return failed > 0 ? [`${failed} failed`, ...wrong] : wrong;
    } catch (error) {
      if (error instanceof BakError && this.forgotten.has(commit)) return [];
      throw error;
    } finally {
      rmSync(target, { recursive: true, force: true });
    }
  }

  /** Cleans the store: what nobody needs goes at once. */
  async clean(): Promise<void> {
    await this.with(sharedProject, (remote) => remote.collect({ graceMs: 0, isDryRun: false }, () => undefined));
    this.figures.cleanings += 1;
  }

  /** Forgets the oldest commit of some project that has others. */
  async forgetOne(): Promise<void> {
    const some = this.acknowledged[(this.figures.logs * 7) % Math.max(1, this.acknowledged.length)];
    const project = some?.project ?? sharedProject;
    const log = await this.log(project);
    const oldest = log.at(-1);
    if (oldest === undefined || log.length < 3) return;
    this.forgotten.add(oldest);
    await this.with(project, (remote) => remote.forget([oldest], { undo: false }));
  }

  /** The ids of a project's commits, newest first. */
  async log(project: ProjectId): Promise<ObjectId[]> {
    return this.with(project, async (remote) => {
      const ids: ObjectId[] = [];
      for await (const { commit } of remote.log()) ids.push(commit);
      this.figures.logs += 1;
      return ids;
    });
  }
}

/** One who pushes: a folder, and what is in it. Some content is the same in all folders, and comes from all at once. */
export class Member {
  readonly number: number;
  readonly own: ProjectId;
  readonly folder: string;
  readonly isProcess: boolean;
  readonly contents = new Map<string, Buffer>();
  readonly #next: () => number;

  constructor(at: string, options: { number: number; isProcess: boolean; seed: number }) {
    const { number, isProcess, seed } = options;
    this.number = number;
    this.own = parseProjectId(`own-${number}`);
    this.folder = join(at, `member-${number}`);
    this.isProcess = isProcess;
    this.#next = seededNumbers(seed * 1000 + number);
    for (let file = 0; file < 12; file += 1) this.change();
  }

  /** Writes or deletes a file. */
  change(): void {
    const path = `d${this.#next() % 3}/f${this.#next() % 20}`;
    if (this.#next() % 5 === 0 && this.contents.has(path)) {
      this.contents.delete(path);
      rmSync(join(this.folder, path));
      return;
    }
    // one of two hundred that all have, or one of nobody else's
    const seed = this.#next() % 2 === 0 ? this.#next() % 200 : this.#next();
    const content = seededBytes(seed, [0, 10, 3000, 3000, 60_000][seed % 5] as number);
    this.contents.set(path, content);
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), content);
  }
}

function readContents(folder: string): Contents {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  return new Map(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(folder.length + 1), readFileSync(path)];
    }),
  );
}

function differencesBetween(expected: Contents, found: Contents): string[] {
  const paths = new Set([...expected.keys(), ...found.keys()]);
  return [...paths].filter((path) => {
    const content = expected.get(path);
    return content === undefined || found.get(path)?.equals(content) !== true;
  });
}
