/** Folders with every kind of name and metadata come back exactly, as tools that are not bak's see them. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { projectFolder } from "../helpers/project.js";
import { BakUser, bakScript, environment, start, type Finished } from "../helpers/bak-process.js";

const makeFolder = fileURLToPath(new URL("test/helpers/make-metadata-folder.sh", projectFolder));
const isRoot = process.geteuid?.() === 0;
/** A disk that takes extended attributes: a temporary folder in memory may not. */
const base = [tmpdir(), fileURLToPath(projectFolder)].find(takesAttributes);
const skip =
  (process.platform !== "linux" && "made for Linux") ||
  (base === undefined && "no disk here takes extended attributes");
const nobody = 65_534;
const asNobody = ["--reuid", `${nobody}`, "--regid", `${nobody}`, "--clear-groups"];

function takesAttributes(folder: string): boolean {
  const at = mkdtempSync(join(folder, "bak-metadata-"));
  const { status } = spawnSync("setfattr", ["-n", "user.x", "-v", "1", at]);
  rmSync(at, { recursive: true });
  return status === 0;
}

/** A folder that everybody may enter, and that goes when the test ends, however deep it is. */
function placeOf(t: Test): string {
  const at = mkdtempSync(join(base ?? tmpdir(), "bak-metadata-"));
  t.teardown(() => execFileSync("rm", ["-rf", at]));
  chmodSync(at, 0o755);
  return at;
}

function output(folder: string, command: string, ...args: string[]): string {
  const { stdout, stderr, status } = spawnSync(command, args, { cwd: folder, encoding: "latin1", maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
  return stdout;
}

/** What `find` says of every name, sorted: kind, mode, owner, size, blocks, mtime, how many names, target. */
function names(folder: string): string[] {
  return output(folder, "find", ".", "-printf", "%p\t%y\t%m\t%U:%G\t%s\t%b\t%T@\t%n\t%l\\0").split("\0").toSorted();
}

/** For each name the first that is of the same file. */
function groups(folder: string): string[] {
  const lines = output(folder, "find", ".", "!", "-type", "d", "-printf", "%i %p\\0").split("\0").filter(Boolean);
  const pairs = lines.map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)] as const);
  const first = new Map<string, string>();
  return pairs
    .toSorted(([, a], [, b]) => (a < b ? -1 : 1))
    .map(([inode, path]) => {
      if (!first.has(inode)) first.set(inode, path);
      return `${path} is ${first.get(inode)}`;
    });
}

function sameFolders(t: Test, source: string, copy: string): void {
  const rsync = ["-aHAXnic", "--delete", "--modify-window=-1", `${source}/`, `${copy}/`];
  t.equal(output("/", "rsync", ...rsync), "", "rsync finds nothing to do");
  // ext4 counts the blocks of a file whole once they have places
  for (const folder of [source, copy]) output("/", "sync", "-f", folder);
  t.strictSame(names(copy), names(source), "find says the same of every name");
  t.strictSame(groups(copy), groups(source), "the same names are of one file");
  for (const command of ["getfattr -Rdhm - .", "getfacl -RnP ."] as const) {
    const [tool = "", ...args] = command.split(" ");
    t.equal(output(copy, tool, ...args), output(source, tool, ...args), command);
  }
}

/** Runs bak as a user who is not root, on a machine of their own. */
function bakAsNobody(home: string, args: readonly string[]): Promise<Finished> {
  return start("setpriv", [...asNobody, process.execPath, bakScript, ...args], { cwd: home, env: environment(home) })
    .ended;
}

/** Whether another user can run bak, and all that the tests use: not where it lies in root's own home, say. */
function whyNobodyCannot(): string | false {
  if (!isRoot) return "only root becomes somebody else";
  const { status } = spawnSync("setpriv", [...asNobody, process.execPath, bakScript, "--version"], { cwd: "/" });
  return status !== 0 && "nobody but root can run bak here";
}

t.test("a folder with everything comes back whole, into nothing and over itself", { skip }, async (t) => {
  const at = placeOf(t);
  const user = new BakUser(t, at);
  const [source, copy, store] = [join(at, "source"), join(at, "copy"), join(at, "store")];
  execFileSync("bash", [makeFolder, source]);
  const pushed = await user.run(["push", source, "-s", store, "-p", "x"]);
  t.match(pushed, { code: 0, stderr: /^bak: made a new store in '.*'\n$/ });
  const restored = await user.run(["restore", "-s", store, "-p", "x", "--to", copy]);
  t.match(restored, { code: 0, stderr: "" });
  sameFolders(t, source, copy);
  const again = await user.run(["push", source, "-s", store, "-p", "x"]);
  t.match(again, { code: 0, stdout: "everything up to date\n", stderr: "" });
  const [tar, extracted] = [join(at, "x.tar"), join(at, "extracted")];
  mkdirSync(extracted);
  t.match(await user.run(["export", "head", "-s", store, "-p", "x", "-o", tar]), {
    code: 0,
    stderr: "bak: left out 'special/socket': a tar has no sockets\n",
  });
  output(extracted, "tar", "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "-xpf", tar);
  const comparison = ["-aHAXnic", "--delete", "--modify-window=-1", "--exclude=/special/socket"];
  t.equal(output("/", "rsync", ...comparison, `${source}/`, `${extracted}/`), "", "what GNU tar extracts is the same");
  // over a copy that has been spoiled, as a user would
  output(copy, "chmod", "-R", "u+rwX,g-rwx", ".");
  output(copy, "setfacl", "-R", "-b", "attributes");
  output(copy, "setfattr", "-x", "user.text", "attributes/file");
  output(copy, "setfattr", "-n", "user.other", "-v", "1", "attributes/file");
  output(copy, "touch", "-h", "links/dangling", "special/fifo", "hard", ".");
  output(copy, "rm", "hard/b", "special/socket");
  if (isRoot) output(copy, "chown", "-Rh", "7:8", "owners", "links");
  t.match(await user.run(["restore", "-s", store, "-p", "x", "--to", copy]), { code: 0, stderr: "" });
  sameFolders(t, source, copy);
});

t.test("without koffi bak works, and says what it leaves out", { skip }, async (t) => {
  const at = placeOf(t);
  const user = new BakUser(t, at);
  const [source, copy, store] = [join(at, "source"), join(at, "copy"), join(at, "store")];
  mkdirSync(source);
  for (const name of ["one", "two"]) writeFileSync(join(source, name), name);
  output(source, "ln", "one", "other");
  output(source, "setfattr", "-n", "user.x", "-v", "1", "one", "two");
  const hook = join(at, "hook.cjs");
  writeFileSync(
    hook,
    `const { Module } = require("node:module"); const load = Module._load;
Module._load = (name, ...rest) => { if (name === "koffi") throw new Error("none"); return load(name, ...rest); };`,
  );
  const env = { NODE_OPTIONS: `--require=${hook}` };
  const unkept = /^bak: extended attributes and ACLs are not kept: the package 'koffi' is not installed/;
  const [push, restore] = [
    ["push", source, "-s", store, "-p", "x"],
    ["restore", "-s", store, "-p", "x", "--to"],
  ];
  await user.json(push);
  const without = await user.run(push, { env });
  t.match(without, { code: 0, stdout: /0 added, 3 changed/, stderr: unkept });
  t.equal(without.stderr.match(/not kept/g)?.length, 1);
  t.match(await user.run(push, { env }), { code: 0, stdout: "everything up to date\n" });
  t.match(await user.run(push), { code: 0, stdout: /0 added, 3 changed/, stderr: "" }, "and with it all is kept again");
  const restored = await user.run([...restore, copy], { env });
  t.match(restored, {
    code: 3,
    stderr:
      /^bak: extended attributes of 2 names could not be set, such as 'one': the package 'koffi' is not installed[^\n]*\n$/,
  });
  t.equal(output("/", "rsync", "-aHnic", "--delete", `${source}/`, `${copy}/`), "", "microseconds, links and owners");
});

t.test("paths beyond what the system takes come back, too", { skip }, async (t) => {
  const at = placeOf(t);
  const user = new BakUser(t, at);
  const [source, copy, store] = [join(at, "source"), join(at, "copy"), join(at, "store")];
  const script = `import os, sys
os.mkdir(sys.argv[1]); os.chdir(sys.argv[1])
for level in range(60):
    open("file", "w").write(str(level)); os.symlink("file", "link"); os.mkfifo("fifo"); os.link("file", "other")
    os.mkdir("n" * 200); os.chdir("n" * 200)
open("deepest", "wb").write(b"x" * 3000000)`;
  execFileSync("/usr/bin/python3", ["-c", script, source]);
  const pushed = await user.json<{ counts: object }>(["push", source, "-s", store, "-p", "x"]);
  t.match(pushed.counts, { files: 241, dirs: 60, unreadable: 0 });
  t.match(await user.run(["restore", "-s", store, "-p", "x", "--to", copy]), { code: 0, stderr: "" });
  t.strictSame(names(copy), names(source));
  t.strictSame(groups(copy), groups(source));
  const hash = (folder: string): string =>
    output(folder, "bash", "-c", "find . -depth -type f -execdir cat {} + | sha256sum");
  t.equal(hash(copy), hash(source));
  t.match((await user.run(["push", source, "-s", store, "-p", "x"])).stdout, "everything up to date");
});

t.test("one who is not root keeps and restores what is theirs", { skip: skip || whyNobodyCannot() }, async (t) => {
  const at = placeOf(t);
  chownSync(at, nobody, nobody);
  const [source, copy, store] = [join(at, "source"), join(at, "copy"), join(at, "store")];
  output("/", "setpriv", ...asNobody, "bash", makeFolder, source);
  const pushed = await bakAsNobody(at, ["push", source, "-s", store, "-p", "x"]);
  t.match(pushed, { code: 0, stderr: /^bak: made a new store in '.*'\n$/ });
  for (const round of ["new", "again"]) {
    const restored = await bakAsNobody(at, ["restore", "-s", store, "-p", "x", "--to", copy]);
    t.match(restored, { code: 0, stderr: "" }, round);
    sameFolders(t, source, copy);
  }
});

t.test(
  "what only root sets is told to others once, and is no failure",
  { skip: skip || whyNobodyCannot() },
  async (t) => {
    const at = placeOf(t);
    const user = new BakUser(t, at);
    const [source, store, copy] = [join(at, "source"), join(at, "store"), join(at, "copy")];
    mkdirSync(join(source, "folder"), { recursive: true });
    for (const name of ["one", "two", "folder/three"]) {
      writeFileSync(join(source, name), name);
      chownSync(join(source, name), 1, 2);
      chmodSync(join(source, name), 0o6755);
    }
    output(source, "setfattr", "-n", "trusted.x", "-v", "1", "one");
    output(source, "setfattr", "-n", "user.x", "-v", "1", "one");
    await user.json(["push", source, "-s", store, "-p", "x"]);
    output(at, "chown", "-R", `${nobody}:${nobody}`, at);
    const restored = await bakAsNobody(at, ["restore", "-s", store, "-p", "x", "--to", copy]);
    t.match(restored, {
      code: 0,
      stderr:
        /^bak: 5 names belonged to others, and are yours now: only root sets owners\nbak: 1 name without attributes that only root sets, such as 'trusted.x' of 'one'\n$/,
    });
    t.equal(readFileSync(join(copy, "folder", "three"), "utf8"), "folder/three");
    t.equal(output(copy, "find", ".", "-type", "f", "-printf", "%m %U\n"), "755 65534\n".repeat(3));
    t.match(output(copy, "getfattr", "-d", "one"), 'user.x="1"');
    if (spawnSync("mknod", [join(source, "null"), "c", "1", "3"]).status !== 0) return; // not even root, in some containers
    const later = join(at, "later");
    await user.json(["push", source, "-s", store, "-p", "y"]);
    output(at, "chown", "-R", `${nobody}:${nobody}`, store);
    const skipped = await bakAsNobody(at, ["restore", "-s", store, "-p", "y", "--to", later]);
    t.match(skipped, { code: 3, stderr: /^bak: left out 'null': only root makes devices\n/ });
    t.notOk(existsSync(join(later, "null")));
  },
);
