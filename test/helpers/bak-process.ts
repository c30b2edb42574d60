/** Runs bak the way that a person does: as a process of its own, that knows nothing of the machine's own bak folders. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Test } from "tap";
import { projectFolder } from "./project.js";

export const bakScript = fileURLToPath(new URL("bin/run.js", projectFolder));

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** With `pipe`, `child.stdin` is there to be written to. */
  stdin?: "ignore" | "pipe";
}

/** A process that may still run. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Finished>;
  /** Resolves with the first match in what it has written so far, to stdout or stderr; rejects if it ends without. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
}

/** A server that has said where it listens. */
export interface Serving extends Running {
  readonly url: string;
  readonly port: string;
  /** Ctrl-C, and its end. */
  stop(): Promise<Finished>;
}

/** What Node 22.1 and later has compiled of bak, for all users of all tests: else each of them would keep it for himself. */
const compiledFolder = fileURLToPath(new URL(".tap/compiled", projectFolder));

/** The environment of a user whose home is `home`, and nothing of the one that the tests run in. */
export function environment(home: string): NodeJS.ProcessEnv {
  return {
    NODE_COMPILE_CACHE: compiledFolder,
    PATH: process.env["PATH"],
    HOME: home,
    LANG: "C.UTF-8",
    XDG_CACHE_HOME: join(home, "cache"),
    XDG_DATA_HOME: join(home, "data"),
    XDG_CONFIG_HOME: join(home, "config"),
  };
}

/**
 * Starts any command, with no other environment than is given: tap would load itself into every process that it knows of,
 * which slows them, and which another user may not even read.
 */
export function start(command: string, args: readonly string[], options: RunOptions = {}): Running {
  const variables = Object.entries({ PATH: process.env["PATH"], ...options.env }).map(
    ([name, value]) => `${name}=${value}`,
  );
  const child = spawn("env", ["-i", ...variables, command, ...args], {
    cwd: options.cwd,
    stdio: [options.stdin ?? "ignore", "pipe", "pipe"],
  });
  const written = { stdout: "", stderr: "" };
  const watchers = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      written[name] += text;
      for (const watch of watchers) watch();
    });
  }
  let isEnded = false;
  const ended = once(child, "close").then(([code, signal]) => {
    isEnded = true;
    for (const watch of watchers) watch();
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, ...written };
  });
  const until = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const watch = (): void => {
        const match = pattern.exec(written.stdout) ?? pattern.exec(written.stderr);
        if (match === null && !isEnded) return;
        watchers.delete(watch);
        if (match !== null) resolve(match);
        else reject(new Error(`it ended without ${pattern}: ${written.stdout}${written.stderr}`));
      };
      watchers.add(watch);
      watch();
    });
  return { child, ended, until };
}

/** One person's machine: runs bak with folders of its own for cache and data. */
export class BakUser {
  readonly home: string;
  readonly #t: Test;

  constructor(t: Test, home: string) {
    this.#t = t;
    this.home = home;
  }

  /** Starts `bak ARGS`; it is killed when the test ends. */
  start(args: readonly string[], options: RunOptions = {}): Running {
    const running = start(process.execPath, [bakScript, ...args], {
      cwd: options.cwd ?? this.home,
      env: { ...environment(this.home), ...options.env },
    });
    this.#t.teardown(async () => {
      running.child.kill("SIGKILL");
      await running.ended;
    });
    return running;
  }

  /** Runs `bak ARGS` to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return this.start(args, options).ended;
  }

  /** Runs `bak ARGS --json`, which must end with 0, and gives its answer. */
  async json<T>(args: readonly string[], options: RunOptions = {}): Promise<T> {
    const { code, stdout, stderr } = await this.run([...args, "--json"], options);
    if (code !== 0) throw new Error(`bak ${args.join(" ")} ended with ${code}: ${stderr}${stdout}`);
    return JSON.parse(stdout) as T;
  }

  /** Starts `bak serve STORE` and waits until it listens; port 0 picks one. */
  async serve(store: string, port = "0", extra: readonly string[] = []): Promise<Serving> {
    const running = this.start(["serve", store, "--port", port, ...extra]);
    const [, url = "", picked = ""] = await running.until(/^bak: serving .* on (wss?:\/\/\S+:(\d+))$/m);
    const stop = (): Promise<Finished> => {
      running.child.kill("SIGINT");
      return running.ended;
    };
    return { ...running, url, port: picked, stop };
  }
}

/** What `bak push --json` answers. */
export interface PushAnswer {
  project: string;
  isUpToDate: boolean;
  commit: string | null;
  parent: string | null;
  counts: { files: number; dirs: number; bytes: number; changed: number; added: number; removed: number };
  filesRead: number;
  bytesRead: number;
  sent: {
    objects: { blob: number; list: number; tree: number; commit: number };
    objectBytes: number;
    packedBytes: number;
  };
  unreadable: { path: string; why: string }[];
}

/** What rsync would have to do to make `copy` like `folder`, content, modes, links and nanoseconds: nothing, if it is a copy. */
export function differences(folder: string, copy: string): string {
  const args = ["-rlptnic", "--delete", "--modify-window=-1", `${folder}/`, `${copy}/`];
  const { stdout, stderr, status } = spawnSync("rsync", args, { encoding: "utf8", env: { PATH: process.env["PATH"] } });
  return status === 0 ? stdout : `rsync ended with ${status}: ${stderr}`;
}
