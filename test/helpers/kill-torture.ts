/**
 * Rounds of kill -9: a folder changes, is pushed by a real process to a real server, and either of them, or both, are killed
 * at some moment. What has to hold after each round is said where it is checked.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { differences, type BakUser, type Finished, type PushAnswer, type Running } from "./bak-process.js";
import { within } from "./deadline.js";
import type { LivingFolder } from "./living-folder.js";

/** Who is killed. */
const victims = ["client", "server", "both", "starting server", "folder"] as const;
type Victim = (typeof victims)[number];

/** When: after some time, or as soon as something is seen in the store. */
const moments = ["time", "time", "incoming", "pack", "log"] as const;

export interface KillFigures {
  rounds: number;
  /** Processes that were killed while they still ran. */
  kills: number;
  /** Pushes that ended well though something was killed meanwhile. */
  survivedPushes: number;
  /** Commits that were acknowledged, each of which was restored at least once. */
  acknowledged: number;
  restores: number;
  /** Kills while the store was perhaps being cleaned. */
  cleanings: number;
}

interface Kept {
  readonly commit: string;
  /** The folder as it was, copied by another program. */
  readonly copy: string;
}

const endMs = 90_000;
const toldRounds = 8;
const project = "torture";

export class KillTorture {
  readonly figures: KillFigures = {
    rounds: 0,
    kills: 0,
    survivedPushes: 0,
    acknowledged: 0,
    restores: 0,
    cleanings: 0,
  };
  /** What the last rounds did, for whoever has to find out why one failed. */
  readonly stories: string[][] = [];
  readonly #user: BakUser;
  readonly #folder: LivingFolder;
  readonly #next: () => number;
  readonly #store: string;
  /** Acknowledged commits whose folders are still at hand, oldest first. */
  #kept: Kept[] = [];
  /** All commits that were acknowledged, oldest first. */
  readonly #acknowledged: string[] = [];
  #port = 0;
  #server: Running | undefined;
  #copies = 0;
  /** How long a push has taken lately. */
  #pushMs = 1000;

  constructor(user: BakUser, folder: LivingFolder, next: () => number) {
    this.#user = user;
    this.#folder = folder;
    this.#next = next;
    this.#store = join(user.home, "store");
  }

  /** One round; throws what did not hold. */
  async round(): Promise<void> {
    const victim = victims[this.#next() % victims.length] as Victim;
    this.figures.rounds += 1;
    // a push to the folder has an index of its own, which has not seen what the other has
    const changes = this.#folder.change({ isQuietAllowed: victim !== "folder" });
    this.stories.push([`round ${this.figures.rounds} kills the ${victim}`, ...changes]);
    if (this.stories.length > toldRounds) this.stories.shift();
    if (victim === "starting server") await this.#killStart();
    else if (victim === "folder") await this.#killFolderPush();
    else await this.#killPush(victim);
    await this.#recover();
  }

  /** The last commits, each once more. */
  async finish(): Promise<void> {
    for (const kept of this.#kept) await this.#restore(kept);
    await this.#stopServer();
  }

  /** A server that is killed while it starts. */
  async #killStart(): Promise<void> {
    await this.#stopServer();
    const starting = this.#user.start(await this.#serveArguments());
    await sleep(this.#next() % 600);
    await this.#kill(starting, "the starting server");
  }

  /** A push to a folder: client and store are one process. */
  async #killFolderPush(): Promise<void> {
    await this.#stopServer();
    const push = this.#user.start(["push", this.#folder.path, "-s", this.#store, "-p", project, "--json"]);
    await this.#moment(push);
    await this.#kill(push, "the push to a folder");
    this.#acknowledge(await push.ended);
  }

  async #killPush(victim: "client" | "server" | "both"): Promise<void> {
    const server = await this.#serve();
    const push = this.#user.start(this.#pushArguments());
    const cleaning = this.#next() % 3 === 0 ? this.#clean() : undefined;
    await this.#moment(push);
    if (victim !== "client") await this.#kill(server, "the server");
    if (victim === "client" || (victim === "both" && this.#next() % 2 === 0)) await this.#kill(push, "the client");
    // whoever is left finds a server again, or is killed before there is one
    if (victim === "both") await this.#kill(push, "the client");
    else await this.#serve();
    const finished = await within(endMs, "the push", push.ended);
    await within(endMs, "the cleaning", Promise.resolve(cleaning?.ended)); // well or not: its server may be gone
    this.#tell(`the push ended with ${finished.code ?? finished.signal}: ${said(finished)}`);
    if (victim === "server") {
      // one that had not been connected may give up at once: there was no server
      if (finished.code !== 0 && finished.code !== 10) throw new Error(`the push failed: ${said(finished)}`);
      if (finished.code === 0) this.figures.survivedPushes += 1;
    }
    this.#acknowledge(finished);
  }

  /**
   * The store opens by itself, with nothing left over from before; its log has all that was acknowledged, in order; a push
   * and a restore give the folder as it is, whatever the client's index was left as; and an older commit is what it was.
   */
  async #recover(): Promise<void> {
    if (this.#next() % 2 === 0) await this.#stopServer(); // or goes on with the one that is there
    await this.#serve();
    const before = await this.#log();
    this.#assertKept(before);
    const finished = await within(endMs, "the next push", this.#user.run(this.#pushArguments()));
    if (finished.code !== 0) throw new Error(`the next push ended with ${finished.code}: ${said(finished)}`);
    const kept = this.#acknowledge(finished);
    if (kept === undefined) throw new Error(`the next push says of no commit: ${finished.stdout}`);
    this.#folder.pushed();
    await this.#restore(kept);
    const older = this.#kept[this.#next() % this.#kept.length];
    if (older !== undefined && older !== kept) await this.#restore(older);
    this.#assertKept(await this.#log());
  }

  /** Remembers what a push that ended well has answered; what it has written before it was killed counts, too. */
  #acknowledge({ code, stdout }: Finished): Kept | undefined {
    let answer: PushAnswer;
    try {
      answer = JSON.parse(stdout) as PushAnswer;
    } catch {
      return undefined; // killed before it could say
    }
    if (code !== 0 && code !== null) return undefined; // it says why it failed
    const { commit } = answer;
    if (commit === null) throw new Error(`a push without a commit: ${stdout}`);
    if (this.#acknowledged.at(-1) !== commit) {
      this.#acknowledged.push(commit);
      this.figures.acknowledged += 1;
    }
    const copy = join(this.#user.home, `copy-${(this.#copies += 1)}`);
    const { status } = spawnSync("cp", ["-a", this.#folder.path, copy]);
    if (status !== 0) throw new Error("cp failed");
    const kept = { commit, copy };
    this.#tell(`acknowledged ${commit}`);
    this.#kept.push(kept);
    if (this.#kept.length > 6) rmSync((this.#kept.shift() as Kept).copy, { recursive: true });
    return kept;
  }

  /** Commits may be there that nobody was told of, since their push was killed; none may be missing. */
  #assertKept(log: readonly string[]): void {
    let at = -1;
    for (const commit of this.#acknowledged) {
      const found = log.indexOf(commit, at + 1);
      if (found < 0) throw new Error(`commit ${commit} was acknowledged, and is not in its place in the log`);
      at = found;
    }
  }

  /** The commits of the project, oldest first. */
  async #log(): Promise<string[]> {
    const { code, stdout, stderr } = await this.#user.run(["log", ...this.#place(), "--json"]);
    if (code === 10 && this.#acknowledged.length === 0) return []; // no commit yet
    if (code !== 0) throw new Error(`bak log ended with ${code}: ${stderr}`);
    return (JSON.parse(stdout) as { commit: string }[]).map(({ commit }) => commit).toReversed();
  }

  async #restore({ commit, copy }: Kept): Promise<void> {
    const out = join(this.#user.home, "out");
    rmSync(out, { recursive: true, force: true });
    const { code, stderr } = await this.#user.run(["restore", commit, "--to", out, ...this.#place()]);
    if (code !== 0) throw new Error(`restoring ${commit} ended with ${code}: ${stderr}`);
    const wrong = differences(copy, out);
    if (wrong !== "") throw new Error(`commit ${commit} is restored as another folder:\n${wrong}`);
    this.figures.restores += 1;
  }

  /** The server, started if there is none: it opens the store without help, and what was being received is gone. */
  async #serve(): Promise<Running> {
    if (this.#server !== undefined) return this.#server;
    const running = this.#user.start(await this.#serveArguments());
    await within(endMs, "the server's start", running.until(/^bak: serving /m)).catch((error: unknown) => {
      throw new Error(`${String(error)}; process ${running.child.pid}: ${stateOf(running.child.pid)}`);
    });
    const left = readdirSync(join(this.#store, "incoming"));
    if (left.length > 0) throw new Error(`left over in incoming/: ${left.join(" ")}`);
    const temporary = readdirSync(this.#store, { recursive: true, encoding: "utf8" }).filter((each) =>
      each.endsWith(".tmp"),
    );
    if (temporary.length > 0) throw new Error(`left over: ${temporary.join(" ")}`);
    this.#server = running;
    return running;
  }

  async #serveArguments(): Promise<string[]> {
    if (this.#port === 0) this.#port = await freePort();
    return ["serve", this.#store, "--port", String(this.#port)];
  }

  async #stopServer(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.child.kill("SIGINT");
    const { code } = await within(endMs, "the server's end", server.ended);
    if (code !== 0 && code !== 130) throw new Error(`the server ended with ${code}`);
  }

  /** Waits for the moment to kill at, or for the push's own end. */
  async #moment(push: Running): Promise<void> {
    const moment = moments[this.#next() % moments.length] as (typeof moments)[number];
    const afterMs = (this.#next() / 2 ** 32) * this.#pushMs * 1.2;
    const begun = performance.now();
    const { child } = push;
    void push.ended.then(() => {
      this.#pushMs = (this.#pushMs * 3 + Math.min(5000, performance.now() - begun)) / 4;
    });
    if (moment === "time") {
      await sleep(afterMs);
      this.#tell(`after ${Math.round(afterMs)} ms`);
      return;
    }
    const seen = this.#look(moment);
    while (child.exitCode === null && child.signalCode === null && this.#look(moment) <= seen) await nextTurn();
    this.#tell(`when ${moment} had changed`);
    for (let turns = this.#next() % 20; turns > 0; turns -= 1) await nextTurn();
  }

  /** What grows in the store while a push goes on. */
  #look(what: "incoming" | "pack" | "log"): number {
    try {
      if (what === "log") return statSync(join(this.#store, "projects", project, "log")).size;
      const folder = join(this.#store, what === "incoming" ? "incoming" : "packs");
      return readdirSync(folder, { recursive: what === "pack" }).length;
    } catch {
      return 0; // not there yet
    }
  }

  async #kill(running: Running, who: string): Promise<void> {
    if (running === this.#server) this.#server = undefined;
    if (running.child.exitCode === null && running.child.signalCode === null) {
      running.child.kill("SIGKILL");
      this.figures.kills += 1;
      this.#tell(`killed ${who}`);
    }
    await within(endMs, `the end of ${who}`, running.ended);
  }

  #tell(what: string): void {
    this.stories.at(-1)?.push(what);
  }

  /** Has the store cleaned meanwhile: nothing of what it deletes may be missed. */
  #clean(): Running {
    this.figures.cleanings += 1;
    this.#tell("the store is cleaned meanwhile");
    return this.#user.start(["gc", "-s", `ws://127.0.0.1:${this.#port}`, "--grace", "0"]);
  }

  #place(): string[] {
    return ["-s", `ws://127.0.0.1:${this.#port}`, "-p", project];
  }

  #pushArguments(): string[] {
    return ["push", this.#folder.path, ...this.#place(), "--json"];
  }
}

/** All that a process has said, on one line: with `--json` an error is told on stdout. */
function said({ stdout, stderr }: Finished): string {
  return `${stderr}${stdout}`.trim().replaceAll(/\s*\n\s*/g, " ");
}

/** What a process is at, where the system tells: running, waiting for a disk, stopped. */
function stateOf(pid: number | undefined): string {
  try {
    return /^State:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
  } catch {
    return "not there";
  }
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, "close");
  return port;
}
