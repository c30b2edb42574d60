/** `bak push --stdin`, and with a command, as a person uses them. */
import { hostname } from "node:os";
import { join } from "node:path";
import t from "tap";
import { bakScript, BakUser, environment, start } from "../helpers/bak-process.js";
import { projectIdFrom } from "../../src/objects/project-id.js";

t.test("what comes out of a pipe or a command is kept, and read back", async (t) => {
  const user = new BakUser(t, t.testdir({}));
  const env = { ...environment(user.home), BAK_SERVER: join(user.home, "store") };
  const bak = `'${process.execPath}' '${bakScript}'`;
  const shell = (script: string) =>
    start("bash", ["-c", script.replaceAll("bak ", `${bak} `)], { cwd: user.home, env }).ended;
  const project = projectIdFrom(`${hostname()}-dump.sql`);

  const first = await shell("seq 1 2000000 | bak push --stdin --name dump.sql -m nightly");
  t.match(first.stderr, /^bak: made a new store in '[^']+store'\n$/);
  t.match(
    first.stdout,
    new RegExp(
      `^[0-9a-f]{12} is the head of '${project}': 1 file, 14.9 MB\n1 added, 0 changed, 0 removed; sent [^\n]+\n$`,
    ),
  );
  const again = await shell("bak push --stdin-from-command --name dump.sql -- seq 1 2000000");
  t.match(again, { code: 0, stdout: "everything up to date\n", stderr: "" });
  const failed = await shell("bak push --stdin-from-command --name dump.sql -- sh -c 'echo half; exit 3'");
  t.match(failed, { code: 1, stdout: "", stderr: "bak: 'sh' ended with 3: no commit was made\n" });
  t.match(await shell("bak push --stdin-from-command --name dump.sql -- no-such-program"), {
    code: 1,
    stderr: /^bak: cannot run 'no-such-program': [^\n]*ENOENT\n$/,
  });
  const back = await shell(
    `bak cat head:dump.sql -p ${project} | cmp - <(seq 1 2000000) && bak log -p ${project} | wc -l`,
  );
  t.match(back, { stdout: "1\n", stderr: "" });
  t.match(await shell("bak push --stdin --name empty -p empty </dev/null; bak cat empty -p empty | wc -c"), {
    stdout: /^[0-9a-f]{12} is the head of 'empty': 1 file, 0 B\n[^\n]*\n0\n$/,
  });
  for (const [args, message] of [
    ["--stdin", /^bak: a name for the file is missing\n/],
    ["--stdin --name a/b", /^bak: not the name of a file: 'a\/b'\n/],
    ["--stdin --name a folder", /^bak: 'folder' and stdin cannot both be what is pushed\n/],
    ["--stdin --name a --dry-run", /^bak: [^\n]*--dry-run[^\n]*\n/],
    ["--stdin-from-command --name a", /^bak: a command is missing\n/],
    ["--name a", /^bak: --name is for --stdin/],
    [". more", /^bak: unexpected argument: more\n/],
  ] as const)
    t.match(await shell(`bak push ${args}`), { code: 2, stdout: "", stderr: message }, args);

  const waiting = user.start(
    ["push", "--stdin-from-command", "--name", "x", "--", "sh", "-c", "echo begun >&2; exec sleep 1000"],
    {
      env: { BAK_SERVER: join(user.home, "store") },
    },
  );
  await waiting.until(/begun/);
  waiting.child.kill("SIGTERM");
  t.match(await waiting.ended, { code: 130, stderr: /bak: interrupted\n$/ });
});
