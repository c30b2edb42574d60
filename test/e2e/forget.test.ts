/** `bak forget` as a person uses it, through a server. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { BakUser, type PushAnswer } from "../helpers/bak-process.js";

interface Forgot {
  isDryRun: boolean;
  kept: { commit: string; reasons: string[] }[];
  forgotten: { commit: string; received: string }[];
  broughtBack: { commit: string }[];
  until: string | null;
}

t.test("what a policy forgets is listed, goes, and comes back", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: {} }));
  const { url } = await user.serve(join(user.home, "store"));
  const there = ["-s", url, "-p", "docs"];
  const commits: string[] = [];
  for (let index = 0; index < 4; index += 1) {
    writeFileSync(join(user.home, "docs", `${index}`), `${index}`);
    const tags = index === 0 ? ["--tag", "keep"] : [];
    commits.push((await user.json<PushAnswer>(["push", "docs", ...tags, ...there])).commit ?? "");
  }
  const [one, two, three, four] = commits;
  const policy = ["forget", "--keep-last", "1", "--keep-tag", "keep", ...there];

  const dry = await user.run([...policy, "--dry-run"]);
  t.match(dry, { code: 0, stderr: "" });
  const verdicts = dry.stdout.split("\n").map((line) => line.replace(/ +\d{4}-\d\d-\d\d \d\d:\d\d/, ""));
  const short = (id = ""): string => id.slice(0, 12);
  t.strictSame(verdicts, [
    `keep    ${short(four)}  last`,
    `forget  ${short(three)}`,
    `forget  ${short(two)}`,
    `keep    ${short(one)}  tag keep`,
    "would forget 2 commits of 'docs', kept 2",
    "",
  ]);
  t.equal((await user.json<unknown[]>(["log", ...there])).length, 4, "nothing was done");

  const forgot = await user.json<Forgot>(policy);
  t.match(forgot, {
    isDryRun: false,
    kept: [
      { commit: four, reasons: ["last"] },
      { commit: one, reasons: ["tag keep"] },
    ],
    forgotten: [{ commit: three }, { commit: two }],
  });
  t.ok(Date.parse(forgot.until ?? "") > Date.now() + 6 * 86_400_000);
  t.match(await user.json(["log", ...there]), [{ commit: four }, { commit: one }]);
  t.match(await user.json(["log", "--forgotten", ...there]), [
    { commit: three, until: forgot.until },
    { commit: two, until: forgot.until },
  ]);
  t.match(await user.run(["restore", short(two), "--to", join(user.home, "back"), ...there]), {
    code: 1,
    stderr: /was forgotten\n.*bak forget --undo/,
  });

  t.match(await user.json(["forget", "--undo", short(two), ...there]), { broughtBack: [{ commit: two }] });
  t.match(await user.json(["log", ...there]), [{ commit: four }, { commit: two }, { commit: one }]);
  t.equal((await user.run(["restore", short(two), "--to", join(user.home, "back"), ...there])).code, 0);
  t.match(await user.run(["forget", "--undo", ...there]), { code: 0, stdout: /^brought back 1 commit of 'docs'$/m });
  t.match(await user.run(["forget", "head", ...there]), { code: 0, stdout: /^forgot 1 commit of 'docs';/m });
  t.match(await user.json(["log", ...there]), [{ commit: three }, { commit: two }, { commit: one }]);
});

t.test("what is not clear enough to forget by is refused", async (t) => {
  const user = new BakUser(t, t.testdir());
  mkdirSync(join(user.home, "docs"));
  await user.json(["push", "docs", "-s", "store", "-p", "docs"]);
  const wrong: [string[], RegExp][] = [
    [[], /nothing says what to forget\n.*--keep-daily/],
    [["--keep-daily", "0"], /would keep no commit of project 'docs'\n.*--keep-last 0/],
    [["--keep-tag", "typo"], /would keep no commit/],
    [["--keep-daily", "-2"], /-2/],
    [["--keep-daily", "many"], /many/],
    [["--keep-within", "1w"], /not a span of time: '1w'\n.*30d/],
    [["--keep-tag", "a,,b"], /not a tag/],
    [["head", "--keep-last", "1"], /do not go together/],
    [["--undo", "--keep-last", "1"], /do not go together/],
    [["docs"], /not a commit: 'docs'/],
  ];
  for (const [args, stderr] of wrong) {
    t.match(await user.run(["forget", ...args, "-s", "store", "-p", "docs"]), { code: 2, stdout: "", stderr });
  }
  t.match(await user.run(["forget", "--keep-last", "0", "-s", "store", "-p", "docs"]), {
    code: 0,
    stdout: /forgot 1 commit/,
  });
});
