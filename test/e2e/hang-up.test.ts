/** A server in a terminal that is closed: it ends by SIGHUP, also where that would have it open its audit trail anew, and by nothing else. */
import { spawnSync } from "node:child_process";
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { bakScript, BakUser, environment, start } from "../helpers/bak-process.js";
import { until, within } from "../helpers/deadline.js";
import { openStore } from "../../src/store/open-store.js";

const hasPython = spawnSync("python3", ["-c", "import pty"]).status === 0;

/** Runs its arguments in a terminal, in a session of their own if DETACHED says so, and closes that when it is told to; then it says how they ended. */
const inTerminal = `
import os, pty, re, sys
pid, terminal = pty.fork()
if pid == 0:
    if os.environ.get("DETACHED"):
        server = os.fork()
        if server != 0:
            print("server", server, flush=True)
            os.waitpid(server, 0)
            os._exit(0)
        os.setsid()
    os.execvp(sys.argv[1], sys.argv[1:])
said = b""
listens = None
while listens is None:
    said += os.read(terminal, 4096)
    listens = re.search(rb" on ws://\\S+:(\\d+)\\r?\\n", said)
server = re.search(rb"server (\\d+)", said)
print("serving", int(server[1]) if server else pid, int(listens[1]), flush=True)
sys.stdin.readline()
os.close(terminal)
print("closed", flush=True)
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
    const [, pid = ""] = await within(30_000, "the server", running.until(/^serving (\d+) \d+$/m));
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

t.test(
  "a server that SIGHUP does not reach goes on without its terminal",
  { skip: !hasPython && "no python3" },
  async (t) => {
    const home = t.testdir({ docs: { a: "" } });
    const user = new BakUser(t, home);
    const serve = [process.execPath, bakScript, "serve", join(home, "store"), "--port", "0"];
    const running = start("python3", ["-c", inTerminal, ...serve], {
      cwd: home,
      env: { ...environment(home), DETACHED: "1" },
      stdin: "pipe",
    });
    const [, pid = "", port = ""] = await within(30_000, "the server", running.until(/^serving (\d+) (\d+)$/m));
    t.teardown(() => process.kill(Number(pid), "SIGKILL"));
    running.child.stdin?.end("close\n");
    await within(10_000, "the end of the terminal", running.until(/^closed$/m));
    for (const text of ["one", "two"]) {
      writeFileSync(join(home, "docs", "a"), text);
      const { code, stderr } = await user.run(["push", "docs", "-s", `ws://127.0.0.1:${port}`, "-p", "docs"]);
      t.equal(code, 0, stderr);
    }
  },
);

t.test("a server without a terminal, as under nohup, goes on after SIGHUP", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: { a: "" } }));
  const server = await user.serve("store");
  server.child.kill("SIGHUP");
  const { code, stderr } = await user.run(["push", "docs", "-s", server.url, "-p", "docs"]);
  t.equal(code, 0, stderr);
  t.equal((await server.stop()).code, 0);
});
