/** What is left out, and told before it is: push, its dry run and status agree, and a restore has the rest. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { BakUser } from "../helpers/bak-process.js";
import { pathsIn } from "../client/world.js";

interface StatusAnswer {
  commit: string | null;
  received: string | null;
  isUpToDate: boolean;
  leftOut: number;
  leftOutNames: { path: string; isContent: boolean; rule: string }[];
  changes: { change: string; path: string; kind: string }[];
}

t.test("what the rules name is left out, and told of", async (t) => {
  const user = new BakUser(
    t,
    t.testdir({
      store: {},
      weak: "*.log\n",
      source: {
        ".bakignore": "*.o\nbuild/\n",
        a: "1",
        "a.o": "2",
        build: { x: "3" },
        cache: { "CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55", y: "4" },
        d: { ".bakignore": "!*.log\n", "z.log": "5" },
        "z.log": "6",
      },
    }),
  );
  const source = join(user.home, "source");
  const where = ["-s", join(user.home, "store"), "-p", "x"];
  const rules = ["--exclude-from", join(user.home, "weak"), "--exclude-caches"];
  const first = await user.run(["status", source, ...where, ...rules]);
  t.match(first, { code: 0, stderr: /^bak: no store in '.*store' yet: a push makes it\n$/ });
  t.match(
    first.stdout,
    /\nno commit yet\n\+ .bakignore\n\+ a\n\+ cache\/\n\+ d\/\n7 added, 0 changed, 0 removed, 4 left out\n$/,
  );
  t.strictSame(pathsIn(join(user.home, "store")), []);
  t.match(await user.run(["status", source, "-s", join(user.home, "weak"), "-p", "x"]), { code: 10 });
  const server = await user.serve(join(user.home, "served"));
  const served = await user.json<StatusAnswer>(["status", source, "-s", server.url, "-p", "x", ...rules]);
  t.match(served, { isUpToDate: false, commit: null, counts: { added: 7, changed: 0 } });
  await server.stop();
  t.match(await user.json(["push", source, ...where, ...rules]), { leftOut: 4, counts: { files: 5, dirs: 2 } });
  const copy = join(user.home, "copy");
  t.equal((await user.run(["restore", "--to", copy, ...where])).code, 0);
  const kept = [".bakignore", "a", "cache", "cache/CACHEDIR.TAG", "d", "d/.bakignore", "d/z.log"];
  t.strictSame(pathsIn(copy), kept);
  const [commit] = await user.json<{ excludes: string[] }[]>(["log", ...where]);
  t.strictSame(commit?.excludes, ["*.log", "--exclude-caches"]);

  mkdirSync(join(source, "new", "deep"), { recursive: true });
  writeFileSync(join(source, "new", "deep", "f"), "7");
  writeFileSync(join(source, "a"), "longer");
  rmSync(join(source, "d"), { recursive: true });
  const status = await user.run(["status", source, ...where, ...rules]);
  t.match(status, { code: 0, stderr: "" });
  const lines = status.stdout.split("\n");
  t.match(lines.splice(0, 2), [/^project 'x', store '.*store'$/, /^last commit [0-9a-f]{12}, .*: 5 files, /]);
  t.strictSame(lines, ["~ a", "- d/", "+ new/", "3 added, 1 changed, 3 removed, 4 left out", ""]);
  const answer = await user.json<StatusAnswer>(["status", source, ...where, ...rules, "-v", "--all"]);
  t.match(answer, { isUpToDate: false, leftOut: 4, commit: /^[0-9a-f]{64}$/, received: /^20.*Z$/ });
  t.strictSame(answer.leftOutNames, [
    { path: "a.o", isContent: false, rule: ".bakignore:1:*.o" },
    { path: "build", isContent: false, rule: ".bakignore:2:build/" },
    { path: "z.log", isContent: false, rule: `${join(user.home, "weak")}:1:*.log` },
    { path: "cache", isContent: true, rule: "--exclude-caches" },
  ]);
  const listed = answer.changes.map(({ change, path }) => `${{ added: "+", removed: "-" }[change] ?? "~"} ${path}`);
  t.strictSame(listed, ["~ a", "- d", "- d/.bakignore", "- d/z.log", "+ new", "+ new/deep", "+ new/deep/f"]);
  const dry = await user.run(["push", source, "-n", "-v", ...where, ...rules]);
  t.match(dry.stdout, /^! a\.o {2}\.bakignore:1:\*\.o$/m);
  t.match(dry.stdout, /^! cache\/\* {2}--exclude-caches$/m);
  t.match(dry.stdout, /^\+ new\/deep\/f\nwould push: 3 added, 1 changed, 3 removed, 4 left out\n$/m);
  t.equal((await user.json<unknown[]>(["log", ...where])).length, 1, "neither has made a commit");
});
