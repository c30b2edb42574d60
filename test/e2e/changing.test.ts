/** Pushes of a folder that others write to meanwhile, and over connections that break: what is kept was really there. */
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { join } from "node:path";
import t from "tap";
import { objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import { seededBytes, seededNumbers } from "../helpers/arbitrary-bytes.js";
import { BakUser, differences, type PushAnswer } from "../helpers/bak-process.js";
import { openCutter } from "../helpers/cutting-proxy.js";
import { within } from "../helpers/deadline.js";

const files = 400;
const lengths = [0, 10, 700, 20_000, 300_000];

/** A folder whose files are replaced, deleted, made again and added to, with a record of all that each has ever held. */
class Restless {
  readonly folder: string;
  changes = 0;
  readonly #held = new Map<string, Set<ObjectId>>();
  readonly #next = seededNumbers(1);

  constructor(folder: string) {
    this.folder = folder;
    for (let index = 0; index < files; index += 1) {
      mkdirSync(join(folder, `d${index % 7}`), { recursive: true });
      this.#replace(this.#name(index));
    }
    writeFileSync(join(folder, "log"), seededBytes(0, 5000));
  }

  /** Whether the file once held these bytes; the log, which is only added to, any beginning of what it holds. */
  hasHeld(name: string, bytes: Buffer): boolean {
    if (name !== "log") return this.#held.get(name)?.has(objectIdOf(bytes)) === true;
    return readFileSync(join(this.folder, name)).subarray(0, bytes.length).equals(bytes);
  }

  /** Does something to one of the files. */
  change(): void {
    this.changes += 1;
    const name = this.#name(this.#next() % files);
    const what = this.#next() % 10;
    if (what < 2) rmSync(join(this.folder, name), { force: true });
    else if (what < 3) appendFileSync(join(this.folder, "log"), seededBytes(this.changes, this.#next() % 40_000));
    else this.#replace(name);
  }

  *names(): Generator<string> {
    for (let index = 0; index < files; index += 1) yield this.#name(index);
    yield "log";
  }

  #name(index: number): string {
    return `d${index % 7}/file ${index}`;
  }

  /** Whole, at one moment. */
  #replace(name: string): void {
    const bytes = seededBytes(this.#next(), lengths[this.#next() % lengths.length] as number);
    const held = this.#held.get(name) ?? new Set();
    this.#held.set(name, held.add(objectIdOf(bytes)));
    writeFileSync(join(this.folder, "..", "new"), bytes);
    renameSync(join(this.folder, "..", "new"), join(this.folder, name));
  }
}

/** Changes files until the work has ended. */
async function changingDuring<T>(restless: Restless, work: Promise<T>): Promise<T> {
  const over = work.then(
    () => true,
    () => true,
  );
  do restless.change();
  while (!(await Promise.race([over, nextTurn(false)])));
  return work;
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

t.test(
  "files that change while they are pushed are kept as they were at some moment, and then as they are",
  async (t) => {
    const user = new BakUser(t, t.testdir({ source: {} }));
    const restless = new Restless(join(user.home, "source"));
    const server = await user.serve(join(user.home, "store"));
    const run = async (...args: string[]): Promise<number | null> => {
      const [command = "", ...rest] = args;
      return (await within(120_000, command, user.run([command, ...rest, "-s", server.url, "-p", "x"]))).code;
    };
    for (const extra of [[], [], ["--full"]]) {
      const before = restless.changes;
      t.equal(await changingDuring(restless, run("push", restless.folder, ...extra)), 0);
      t.ok(restless.changes > before + 20, `${restless.changes - before} changes`);
      const copy = join(user.home, `copy-${before}`);
      t.equal(await run("restore", "--to", copy), 0);
      let found = 0;
      const wrong = [...restless.names()].filter((name) => {
        const bytes = readIfThere(join(copy, name));
        if (bytes !== undefined) found += 1;
        return bytes !== undefined && !restless.hasHeld(name, bytes);
      });
      t.strictSame(wrong, []);
      t.ok(found > files / 2, `${found} files`);
    }
    t.equal(await run("push", restless.folder), 0);
    const copy = join(user.home, "copy");
    t.equal(await run("restore", "--to", copy), 0);
    t.equal(differences(restless.folder, copy), "", "the next push finds whatever had changed");
    t.match(await user.json<PushAnswer>(["push", restless.folder, "-s", server.url, "-p", "x"]), { isUpToDate: true });
  },
);

t.test("a connection that breaks anywhere, several times, leaves nothing wrong in the store", async (t) => {
  const user = new BakUser(t, t.testdir({ source: {} }));
  const source = join(user.home, "source");
  for (let index = 0; index < 150; index += 1)
    writeFileSync(join(source, `random-${index}`), seededBytes(index, 400_000));
  for (let index = 0; index < 300; index += 1)
    writeFileSync(join(source, `text-${index}`), `line ${index}\n`.repeat(900));
  for (let index = 0; index < 3; index += 1) writeFileSync(join(source, `large-${index}`), seededBytes(index, 9 << 20));
  const server = await user.serve(join(user.home, "store"));
  const cutter = await openCutter(t, server.port, { up: [700, 8_000_000, 70_000_000] });
  const pushed = await within(120_000, "the push", user.run(["push", source, "-s", cutter.url, "-p", "x"]));
  t.equal(pushed.code, 0, pushed.stderr);
  t.notMatch(pushed.stderr, /damaged|refused/);
  const copy = join(user.home, "copy");
  t.equal((await user.run(["restore", "--to", copy, "-s", server.url, "-p", "x"])).code, 0);
  t.equal(differences(source, copy), "");
});
