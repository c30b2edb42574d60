/** `bak cat` and `bak export` as a person uses them: into pipes and files. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { bakScript, BakUser, differences, environment, start, type Finished } from "../helpers/bak-process.js";
import { within } from "../helpers/deadline.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";

const large = seededBytes(5, 24 << 20);

/** A user with two commits of a folder. */
async function pushed(t: Test): Promise<BakUser> {
  const user = new BakUser(t, t.testdir({ docs: { a: "first", "b:c": "with a colon", d: { e: "in a folder" } } }));
  const docs = join(user.home, "docs");
  writeFileSync(join(docs, "large"), large);
  symlinkSync("a", join(docs, "link"));
  chmodSync(join(docs, "d"), 0o700);
  await user.run(["push", "docs", "-s", "store", "-p", "docs"]);
  writeFileSync(join(docs, "a"), "second, and longer");
  await user.run(["push", "docs", "-s", "store", "-p", "docs"]);
  return user;
}

t.test("files are written to stdout, and folders as a tar", async (t) => {
  const user = await pushed(t);
  const serving = await user.serve("store");
  const env = { BAK_SERVER: serving.url, BAK_PROJECT: "docs" };
  const bak = (...args: string[]): Promise<Finished> => user.run(args, { env });
  const shell = async (script: string): Promise<string> => {
    const variables = { ...environment(user.home), ...env, NODE: process.execPath, BAK: bakScript };
    const { stdout, stderr } = await start("bash", ["-c", script], { cwd: user.home, env: variables }).ended;
    return stdout + stderr;
  };

  t.match(await bak("cat", "a"), { code: 0, stdout: "second, and longer", stderr: "" });
  t.match(await bak("cat", "head~1:a", "head:b:c", ":d/e"), { code: 0, stdout: "firstwith a colonin a folder" });
  const sum = createHash("sha256").update(large).digest("hex");
  t.equal(await shell('"$NODE" "$BAK" cat head:large | sha256sum'), `${sum}  -\n`);
  t.equal(
    await shell('"$NODE" "$BAK" cat head:large | head -c 3 | wc -c; echo ${PIPESTATUS[0]}'),
    "3\n1\n",
    "whoever has had enough ends it without a word",
  );
  t.equal(await shell('"$NODE" "$BAK" export | head -c 1000000 | wc -c'), "1000000\n");
  for (const [args, code, message] of [
    [["cat", "d"], 1, "bak: 'd' is no file, but a folder\n     'bak export' writes folders, as a tar\n"],
    [["cat", "link"], 1, "bak: 'link' is no file, but a symlink\n"],
    [["cat", "nowhere"], 1, "bak: no path 'nowhere' in the commit\n     'bak ls' lists its paths\n"],
    [
      ["export", "head", "nowhere", "-o", "x.tar"],
      1,
      "bak: no path 'nowhere' in the commit\n     'bak ls' lists its paths\n",
    ],
    [["export", "--json"], 2, ""],
    [["export", "-o", "docs"], 2, "bak: cannot write 'docs': it is a folder\n"],
  ] as const)
    t.match(await bak(...args), { code, stderr: message }, args.join(" "));
  t.match(await bak("export", "-o", "no/such/folder.tar"), {
    code: 1,
    stderr: /^bak: cannot write 'no\/such\/folder.tar': no such file or folder\n/,
  });

  mkdirSync(join(user.home, "out"));
  t.match(await shell('"$NODE" "$BAK" export | tar -C out -xp'), /^bak: exported [0-9a-f]{12}: 5 files, 25\.2 MB, in/);
  t.equal(differences(join(user.home, "docs"), join(user.home, "out")), "");
  writeFileSync(join(user.home, "d.tar.gz"), "what was there before");
  symlinkSync("d.tar.gz", join(user.home, "latest"));
  const answer = await bak("export", "head~1", "d", "a", "-z", "-o", "latest", "--json");
  t.match(JSON.parse(answer.stdout), {
    file: "latest",
    files: 2,
    dirs: 1,
    bytes: 16,
    skipped: 0,
    failed: 0,
    failures: [],
  });
  t.equal(await shell("tar -tzf d.tar.gz; tar -xzOf d.tar.gz a"), "d/\nd/e\na\nfirst", "through the link");
  t.strictSame(
    readdirSync(user.home).filter((name) => name.endsWith(".tmp")),
    [],
  );
  const inTerminal = await shell(`script -qec '"$NODE" "$BAK" export' /dev/null`);
  t.match(inTerminal, /^bak: a tar is nothing for a terminal\r\n {5}name a file with -o, or write into a pipe\r\n$/);
  await serving.stop();
});

t.test("an interruption ends it, though nobody reads what was written", async (t) => {
  const user = await pushed(t);
  const child = spawn(process.execPath, [bakScript, "cat", "large", "-s", "store", "-p", "docs"], {
    cwd: user.home,
    env: environment(user.home),
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  await once(child.stdout, "readable"); // the pipe is full soon, and stays so
  child.kill("SIGINT");
  const [code] = (await within(8000, "the end", once(child, "exit"))) as [number];
  t.equal(code, 130);
  t.equal(said, "bak: interrupted\n");
});

t.test("a file that is damaged in the store is told of, and nothing wrong is written", async (t) => {
  const user = await pushed(t);
  const packs = join(user.home, "store", "packs");
  const files = readdirSync(packs, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".gz"));
  const whole = files.map((name) => readFileSync(join(packs, name)));
  const longest = whole.findIndex((bytes) => bytes.length > 20 << 20);
  const damaged = Buffer.from(whole[longest] as Buffer);
  damaged[damaged.length - 1_000_000] = (damaged[damaged.length - 1_000_000] as number) ^ 1;
  chmodSync(join(packs, files[longest] as string), 0o644);
  writeFileSync(join(packs, files[longest] as string), damaged);
  const place = ["-s", "store", "-p", "docs"];
  const { child, ended } = user.start(["cat", "large", ...place]);
  const parts: Buffer[] = [];
  child.stdout?.setEncoding("latin1").on("data", (text: string) => parts.push(Buffer.from(text, "latin1")));
  const { code, stderr } = await ended;
  t.equal(code, 1);
  t.match(stderr, /^bak: cannot read 'large': its content is damaged or missing in the store\n {5}[^\n]+\n$/);
  const written = Buffer.concat(parts);
  t.ok(written.length < large.length && written.equals(large.subarray(0, written.length)), "a beginning of it");
  const exported = await user.run(["export", "-o", "out.tar", ...place]);
  t.equal(exported.code, 3);
  t.match(exported.stderr, /'large'[^\n]*damaged or missing in the store\nbak: 1 file could not be exported\n$/);
});
