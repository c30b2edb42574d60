/** The scripts of `bak completion`, in the shells that they are for. */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import t, { type Test } from "tap";
import { completionScript, type CompletedCommand, type Shell } from "../../src/cli/completion.js";
import { BakUser } from "../helpers/bak-process.js";
import { until } from "../helpers/deadline.js";

const commands: CompletedCommand[] = [
  {
    id: "push",
    summary: "Keep a folder's files: all [of] them.",
    flags: [
      { name: "to", char: "t", summary: "The folder: where?", value: "folder", isMultiple: false },
      { name: "codec", summary: "It's what compresses.", value: { options: ["gzip", "zstd"] }, isMultiple: true },
      { name: "compression", summary: "Whether to compress.", isMultiple: false },
      { name: "from", summary: "A file.", value: "file", isMultiple: false },
    ],
    args: ["folder"],
  },
  { id: "pull", summary: "Get it back.", flags: [], args: ["commit", "nothing"] },
];

/** A folder to stand in, with a file and a folder whose name has a space, and the script beside it. */
function place(t: Test, shell: Shell): { cwd: string; script: string } {
  const cwd = t.testdir({ here: { "a file": "" } });
  mkdirSync(join(cwd, "here", "a folder"));
  const script = join(cwd, "script");
  writeFileSync(script, completionScript(shell, commands));
  return { cwd: join(cwd, "here"), script };
}

/** What is completed of words, of which the last is being typed. */
type Complete = (...words: string[]) => string[];

function completesAll(t: Test, complete: Complete): void {
  t.same(complete("bak", "pus"), ["push"]);
  t.same(complete("bak", "pu"), ["pull", "push"]);
  t.same(complete("bak", "push", "--co"), ["--codec", "--compression"]);
  t.same(complete("bak", "push", "--codec", ""), ["gzip", "zstd"]);
  t.same(complete("bak", "push", "--to", ""), ["a folder"]);
  t.same(complete("bak", "push", "-t", "a f"), ["a folder"]);
  t.same(complete("bak", "push", "--from", "a f").toSorted(), ["a file", "a folder"]);
  t.same(complete("bak", "push", ""), ["a folder"]);
  t.same(complete("bak", "pull", "hea"), ["head", "head~1"]);
}

t.test("bash", { skip: isMissing("bash") }, (t) => {
  const { cwd, script } = place(t, "bash");
  const complete: Complete = (...words) => {
    const run = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bak; printf "%s\\n" "${COMPREPLY[@]}"';
    const { stdout, stderr } = spawnSync("bash", ["-c", run, script, ...words], { cwd, encoding: "utf8" });
    t.equal(stderr.replaceAll(/.*compopt: not currently executing completion function\n/g, ""), "");
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .toSorted();
  };
  completesAll(t, complete);
  t.same(complete("bak", "push", "--codec", "=", "z"), ["zstd"], "which is how bash takes --codec=z apart");
  t.same(complete("bak", "pull", "head", ""), [], "paths in a commit are not known");
  t.end();
});

t.test("fish", { skip: isMissing("fish") }, (t) => {
  const { cwd, script } = place(t, "fish");
  completesAll(t, (...words) => {
    const line = words.map((word) => word.replaceAll(" ", "\\ ")).join(" ");
    const args = ["--no-config", "-c", 'source $argv[1]; complete -C "$argv[2]"', script, line];
    const { stdout, stderr } = spawnSync("fish", args, { cwd, encoding: "utf8", env: { ...process.env, HOME: cwd } });
    t.equal(stderr, "");
    const lines = stdout.split("\n").filter((each) => each !== "");
    return lines.map((each) => (each.split("\t")[0] as string).replace(/\/$/, "")).toSorted();
  });
  t.end();
});

t.test("zsh, at a terminal", { skip: isMissing("zsh") || isMissing("script") }, async (t) => {
  const { cwd } = place(t, "zsh");
  const shell = spawn("script", ["-qfc", "zsh -f -i", "/dev/null"], { cwd, stdio: ["pipe", "pipe", "ignore"] });
  t.teardown(() => shell.kill("SIGKILL"));
  let shown = "";
  shell.stdout.setEncoding("latin1").on("data", (text: string) => (shown += text));
  // without the marks by which zsh colours what it shows
  const plain = (): string => stripVTControlCharacters(shown).replaceAll(/[\r\b]/g, "");
  const type = async (text: string, expected: RegExp): Promise<void> => {
    shown = "";
    shell.stdin.write(text);
    await until(() => expected.test(plain()), `${JSON.stringify(text)} in zsh: ${JSON.stringify(plain())}`, 20_000);
  };
  // what is typed is shown, too: the answer is put together so that it does not stand in it
  await type('PS1=; autoload -U compinit; compinit -u -D; source ../script; echo rea""dy\n', /ready/);
  await type("bak pus\t", /bak push /);
  // a tab behind which more has been typed already completes nothing
  await type("--com\t", /--compression /);
  await type("--cod\t", /--codec=/);
  await type("z\t", /zstd /);
  await type("-t a\t", /a\\ folder/);
  await type("\u0015bak pull hea\t", /head/);
  t.pass("all is completed");
});

t.test("bak writes the script of all its commands", async (t) => {
  const user = new BakUser(t, t.testdir());
  const { code, stdout } = await user.run(["completion", "fish"]);
  t.equal(code, 0);
  for (const id of ["push", "restore", "completion"]) t.match(stdout, `-a ${id} -d`);
  t.match(stdout, /from push' -l compression -x -a 'gzip zstd none'/);
  t.match(stdout, /from serve' .*-l port/);
  t.notMatch(stdout, /from gc' -l project/, "what is hidden in the help is hidden here");
  const { code: refused, stderr } = await user.run(["completion", "tcsh"]);
  t.equal(refused, 2);
  t.match(stderr, /^bak: expected tcsh to be one of: bash, zsh, fish/);
});

function isMissing(program: string): string | false {
  return spawnSync(program, ["--version"]).error === undefined ? false : `there is no ${program} here`;
}
