/** What goes to which end of a pipe, and what a terminal sees. */
import { spawnSync } from "node:child_process";
import { createCipheriv } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { bakScript, BakUser, differences, environment, start, type Finished } from "../helpers/bak-process.js";

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const bak = `${quote(process.execPath)} ${quote(bakScript)}`;

/** What a line is redrawn with. */
const clear = "\u001b[1G\u001b[2K";

const noFullDevice = !existsSync("/dev/full") && "no /dev/full";

function inShell(user: BakUser, command: string): Promise<Finished> {
  return start("bash", ["-c", command], { cwd: user.home, env: environment(user.home) }).ended;
}

/** What a terminal of 100 columns is sent by a command, which must end well. */
function inTerminal({ home }: BakUser, args: string): string {
  const command = `stty cols 100; ${bak} ${args}`;
  const options = { cwd: home, env: { ...environment(home), SHELL: "/bin/sh", TERM: "xterm" } };
  const { stdout, status } = spawnSync("script", ["-qec", command, "/dev/null"], { ...options, encoding: "utf8" });
  if (status !== 0) throw new Error(`bak ${args} ended with ${status}: ${stdout}`);
  return stdout;
}

/** A user with a store of 3,000 names, so that listings are longer than a pipe holds. */
async function pushed(t: Test): Promise<BakUser> {
  const user = new BakUser(t, t.testdir({ docs: {} }));
  const folder = join(user.home, "docs");
  for (let index = 0; index < 3000; index += 1) {
    writeFileSync(join(folder, `a name that is long enough to fill a pipe ${index}`), String(index % 10));
  }
  const { code, stdout, stderr } = await user.run(["push", "docs", "-s", "store", "-p", "docs"]);
  t.equal(code, 0);
  t.match(stdout, /^[0-9a-f]{12} is the head of 'docs': 3,000 files, 3.00 kB\n[^\n]+\n$/);
  t.match(stderr, /^bak: made a new store in '[^']+store'\n$/, "no progress in a pipe");
  return user;
}

t.test("a reader that has enough ends it quietly", async (t) => {
  const user = await pushed(t);
  const place = "-s store -p docs";
  for (const command of [
    `${bak} ls -r ${place} | head -1`,
    `${bak} ls -r --json ${place} | head -c 1`,
    `${bak} ls ${place} | true`,
    `${bak} restore --to out ${place} | true`,
  ]) {
    const shell = start("bash", ["-c", `${command}; echo "status \${PIPESTATUS[0]}" >&2`], {
      cwd: user.home,
      env: environment(user.home),
    });
    const { stderr } = await shell.ended;
    t.match(stderr, /^status \d+\n$/, `${command}: not a word, and no stack trace`);
  }
  for (let index = 0; index < 3000; index += 1)
    writeFileSync(join(user.home, "out", `a name that is long enough to fill a pipe ${index}`), "spoiled");
  const shell = start("bash", ["-c", `${bak} restore --to out ${place} 2>&1 | head -1`], {
    cwd: user.home,
    env: environment(user.home),
  });
  const { stdout, stderr } = await shell.ended;
  t.match(stdout, /^bak: replaced '[^\n]*\n$/);
  t.equal(stderr, "");
  t.equal(differences(join(user.home, "docs"), join(user.home, "out")), "", "though nobody read on, all was restored");
});

t.test("an answer that cannot be written is told of, and no success", { skip: noFullDevice }, async (t) => {
  const user = await pushed(t);
  const place = "-s store -p docs";
  writeFileSync(join(user.home, "docs", "one more"), "");
  for (const args of [
    `ls -r ${place}`,
    `ls -r --json ${place}`,
    `cat "head:a name that is long enough to fill a pipe 1" ${place}`,
    `export ${place}`,
    `push docs ${place}`,
    "ls --help",
    "--help",
  ]) {
    const { code, stderr } = await inShell(user, `${bak} ${args} > /dev/full`);
    t.equal(code, 1, args);
    t.equal(stderr, "bak: cannot write to stdout: no space left on device\n", args);
  }
  const { code, stderr } = await inShell(user, `${bak} ls head nothing ${place} > /dev/full`);
  t.equal(code, 1);
  t.match(stderr, /^bak: (?!cannot write)[^\n]*\n(?: {5}[^\n]*\n)?$/, "what else failed is told of alone");
  t.equal((await user.json<unknown[]>(["log", ...place.split(" ")])).length, 2, "a push was made");
});

t.test("what stderr does not take ends nothing", { skip: noFullDevice }, async (t) => {
  const user = await pushed(t);
  const server = start("bash", ["-c", `exec ${bak} serve store --port 0 2> /dev/full`], {
    cwd: user.home,
    env: environment(user.home),
  });
  t.teardown(async () => {
    server.child.kill("SIGKILL");
    await server.ended;
  });
  const [, url = ""] = await server.until(/ on (ws:\S+)$/m);
  for (const text of ["one", "two"]) {
    writeFileSync(join(user.home, "docs", "one more"), text);
    const { code, stderr } = await user.run(["push", "docs", "-s", url, "-p", "docs"]);
    t.equal(code, 0, stderr);
  }
  server.child.kill("SIGINT");
  t.equal((await server.ended).code, 0);
});

t.test("a terminal sees how far a large file is", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: {} }));
  const size = 200 << 20;
  const stream = createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16));
  writeFileSync(join(user.home, "docs", "large"), stream.update(Buffer.alloc(size)));
  const seen = inTerminal(user, "push docs -s store -p docs");
  const shares = seen.split(clear).flatMap((each) => {
    const share = /^0 of 1 files {2}[\d.]+ [kM]?B of 210 MB {2}(\d+)%/.exec(each)?.[1];
    return share === undefined ? [] : [Number(share)];
  });
  t.ok(
    shares.some((share) => share > 0 && share < 100),
    shares.join(),
  );
  t.strictSame(
    shares,
    shares.toSorted((a, b) => a - b),
    "and it only grows",
  );
});

t.test("a terminal sees how far it is, and nothing of that in the end", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: {} }));
  for (let index = 0; index < 60; index += 1) {
    const folder = join(user.home, "docs", `folder ${index % 7}`);
    mkdirSync(folder, { recursive: true });
    const stream = createCipheriv("aes-128-ctr", Buffer.alloc(16, index), Buffer.alloc(16));
    writeFileSync(join(folder, `file ${index}`), stream.update(Buffer.alloc(2 << 20)));
  }
  for (const [args, line] of [
    ["push docs -s store -p docs", /^\d+( of 60)? files {2}[\d.]+ [kM]?B/],
    ["restore --to out -s store -p docs", /^\d+ of 60 files {2}[\d.]+ [kM]?B of 126 MB {2}\d+%/],
  ] as const) {
    const seen = inTerminal(user, args);
    const drawn = seen.split(clear);
    t.ok(drawn.length > 2, args);
    t.ok(
      drawn.some((each) => line.test(each)),
      `${args}: ${JSON.stringify(drawn.slice(0, 6))}`,
    );
    for (const each of drawn.slice(0, -1)) t.ok((each.split("\n").at(-1) ?? "").length < 100, "within the terminal");
    const answer = drawn.findLast((each) => each !== "");
    t.match(answer, /60 files, 126 MB/, "the last word is the answer");
    t.notMatch(answer, / files {2}/);
  }
});
