/** The command lines of the scripts that run for as long as wanted. */
import { spawnSync } from "node:child_process";
import t from "tap";

for (const [script, options] of Object.entries({
  torture: ["rounds", "minutes", "seed"],
  fuzz: ["minutes", "seed"],
})) {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [`scripts/${script}.js`, ...args], { encoding: "utf8", timeout: 20_000 });
  t.test(`npm run ${script} says how it is called, and what is wrong with that`, (t) => {
    const help = run("--help");
    t.match(help, { status: 0, stderr: "" });
    const told = Array.from(help.stdout.matchAll(/^ {2}--(\w+) N /gm), ([, name]) => name);
    t.strictSame(told, options);
    for (const args of [["--no-such"], ["there"], ["--seed"], ["--seed", "0"], ["--minutes", "long"]])
      t.match(run(...args), { status: 2, stdout: "", stderr: /^[^\n]+; --help lists all options\n$/ }, args.join(" "));
    t.end();
  });
}
