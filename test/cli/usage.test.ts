/** How `--help` says that each command is called. */
import { readFileSync } from "node:fs";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import t from "tap";
import { usageLines, type CommandShape } from "../../src/cli/usage.js";
import { bakScript } from "../helpers/bak-process.js";

const run = promisify(execFile);
const { commands } = JSON.parse(readFileSync("oclif.manifest.json", "utf8")) as {
  commands: Record<string, CommandShape>;
};

t.test("the names, what must be given, and that there is more", (t) => {
  const lines = usageLines({
    id: "token:add",
    args: {
      name: { name: "name", required: true },
      other: { name: "other" },
      secret: { name: "secret", hidden: true },
    },
    flags: {
      project: { name: "project", type: "option", required: true, multiple: true, helpValue: "ID" },
      to: { name: "to", type: "option", required: true },
      yes: { name: "yes", type: "boolean", required: true },
      quiet: { name: "quiet", type: "boolean" },
    },
  });
  t.strictSame(lines, ["token add NAME [OTHER] --project ID... --to VALUE --yes [OPTION...]"]);
  t.strictSame(usageLines({ id: "x", usage: "<%= command.id %> [A...]" }), ["x [A...]"]);
  t.end();
});

t.test("each command's lines name its own flags and arguments, and say that there are more", (t) => {
  for (const command of Object.values(commands)) {
    const lines = usageLines(command);
    const flags = Object.values(command.flags ?? {});
    for (const line of lines) {
      t.ok(line.includes("[OPTION...]"), line);
      const named = Array.from(line.matchAll(/--([a-z][a-z-]*)/g), ([, name]) => name);
      t.same(
        named.filter((name) => !flags.some((flag) => flag.name === name)),
        [],
        line,
      );
      for (const { name, required } of flags) if (required === true) t.ok(named.includes(name), `${line}: ${name}`);
    }
    const text = lines.join(" ");
    for (const { name, hidden } of Object.values(command.args ?? {}))
      t.ok(hidden === true || text.includes(name.toUpperCase()), `${text}: ${name}`);
    for (const flag of flags) {
      const isSaid =
        flag.type !== "option" || flag.helpValue !== undefined || "options" in flag || flag.hidden === true;
      t.ok(isSaid, `${command.id} --${flag.name} says what its value is`);
    }
  }
  t.end();
});

t.test("--help shows them, and which arguments may be repeated", async (t) => {
  const [restore, serve] = await Promise.all(
    ["restore", "serve"].map(async (name) => (await run(process.execPath, [bakScript, name, "--help"])).stdout),
  );
  t.match(restore, "$ bak restore [COMMIT] [PATH...] --to DIR [OPTION...]\n");
  t.match(restore, /\n {2}\[COMMIT\] {3,}an id.*\n {2}\[PATH\.\.\.\] {2}paths/);
  t.match(serve, "$ bak serve [STORE] [OPTION...]\n");
});
