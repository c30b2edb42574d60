/** A server in a terminal that is closed: it ends, also where SIGHUP would have it open its audit trail anew. */
import { spawnSync } from "node:child_process";
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { bakScript, environment, start } from "../helpers/bak-process.js";
import { until, within } from "../helpers/deadline.js";
import { openStore } from "../../src/store/open-store.js";

const hasPython = spawnSync("python3", ["-c", "import pty"]).status === 0;

/** Runs its arguments in a terminal of their own, which it closes when it is told to; then it says how they ended. */
const inTerminal = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
said = b""
while b" on ws://" not in said:
    said += os.read(terminal, 4096)
print("serving", pid, flush=True)
sys.stdin.readline()
os.close(terminal)
print("ended", os.waitpid(pid, 0)[1], flush=True)
`;

t.test(
  "SIGHUP opens the audit trail anew while the terminal is there, and ends the server once it is not",
  { skip: !hasPython && "no python3" },
  async (t) => {
    const home = t.testdir();
    const [store, audit] = [join(home, "store"), join(home, "audit")];
    const serve = [process.execPath, bakScript, "serve", store, "--port", "0", "--audit-log", audit];
    const running = start("python3", ["-c", inTerminal, ...serve], {
      cwd: home,
      env: environment(home),
      stdin: "pipe",
    });
    const [, pid = ""] = await within(30_000, "the server", running.until(/^serving (\d+)$/m));
    t.teardown(() => {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // it has ended
      }
    });
    renameSync(audit, `${audit}.1`);
    process.kill(Number(pid), "SIGHUP");
    await until(() => existsSync(audit), "a new file");
    running.child.stdin?.end("close\n");
    const [, status] = await within(10_000, "its end", running.until(/^ended (\d+)$/m));
    t.equal(status, "1", "by the signal, once the store is closed");
    await (await openStore(store, { create: false, threads: 0 })).close();
  },
);
