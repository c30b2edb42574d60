import { chmodSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { parseTable } from "../../bench/table.js";
import { beginBench, makePlace, runBench, type Place } from "../helpers/bench-process.js";

/** A tool that goes by the name of borg, keeps a folder by copying it, and gets it back as it is told to. */
function putBorg({ bin }: Place, restore: string): void {
  const path = join(bin, "borg");
  writeFileSync(
    path,
    `#!/bin/sh
case "$1" in
  --version) echo 'borg 1.4.5' ;;
  init) mkdir "$4" ;;
  create) cp -a . "$(echo "$2" | sed 's/::/\\//')" ;;
  extract) ${restore} ;;
esac
`,
  );
  chmodSync(path, 0o755);
}

const copiesBack = `cp -a "$(echo "$2" | sed 's/::/\\//')/." .`;

t.test("the comparison has a column for each tool, and one for each ratio", async (t) => {
  const place = makePlace(t);
  putBorg(place, copiesBack);
  const args = ["--corpus", "text,image", "--scale", "0.0005", "--runs", "1", "--peers", "borg"];
  const { code, stdout, stderr } = await runBench(t, place, args);
  t.equal(code, 0, stderr);
  const [text = "", image = ""] = stdout.split(/^(?=image: )/m);
  const [head, ...rows] = parseTable(text) ?? [];
  t.strictSame(head, ["step", "figure", "bak", "borg", "bak / borg"]);
  const wall = rows.filter(([, figure]) => figure === "wall");
  t.strictSame(
    wall.map(([step]) => step),
    ["first push", "unchanged", "restore"],
  );
  for (const row of wall) {
    t.match(row[2], /^\d+\.\d+ s$/);
    t.match(row[3], /^\d+\.\d+ s$/);
  }
  t.match(rows.find(([, figure]) => figure === "stored")?.[4], /^\d+\.\d\d$/);
  t.ok(parseTable(image)?.some(([step]) => step === "edited"));
});

t.test("a tool that restores something else ends the comparison, and is named", async (t) => {
  const place = makePlace(t);
  putBorg(place, `${copiesBack}; echo more >> "$(find . -type f | head -n 1)"`);
  const args = ["--corpus", "text", "--scale", "0.0005", "--runs", "1", "--peers", "borg"];
  const { code, stdout, stderr } = await runBench(t, place, args);
  t.equal(code, 1);
  t.equal(stdout, "");
  t.match(stderr, /^bench: '.*' was not restored by borg as it is: it has another (modification time|size)$/m);
});

t.test("a tool that fails ends the comparison with what it said", async (t) => {
  const place = makePlace(t);
  putBorg(place, "echo no such archive >&2; exit 2");
  const args = ["--corpus", "flat", "--scale", "0.0005", "--runs", "1", "--peers", "borg"];
  const { code, stderr } = await runBench(t, place, args);
  t.equal(code, 1);
  t.match(stderr, /^bench: 'borg extract' failed with exit code 2\n {5}no such archive$/m);
});

t.test("an interrupted comparison leaves no process and no folder behind", async (t) => {
  const place = makePlace(t);
  const running = beginBench(t, place, ["--corpus", "flat", "--scale", "0.002", "--peers", "none"]);
  await running.until(/first push/);
  running.child.kill("SIGINT");
  const { code } = await running.ended;
  t.equal(code, 130);
  t.strictSame(readdirSync(place.work), []);
});
