/** Files that killed restores have left go with the next one; those of a restore that is still at work stay. */
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { until } from "../helpers/deadline.js";
import { keep, placeOf, restoreTo, temporaries } from "./restoring.js";
import { differences, pathsIn, untilOld } from "./world.js";

const leftover = ".bak-abcdefgh_--1z.tmp";

t.test("what a killed restore has left goes, and what only looks like it stays", async (t) => {
  const { source, target, at } = placeOf(t, { a: "1", dir: { sub: { b: "2" } } });
  const kept = await keep(t, source);
  await restoreTo(kept, target);
  const others = [".bak-abc-1.tmp", `x${leftover}`, `${leftover}x`, ".bak-abcdefghij-1Z.tmp"];
  for (const folder of ["", "dir", "dir/sub"]) writeFileSync(join(target, folder, leftover), "half");
  for (const name of others) writeFileSync(join(target, "dir", name), "mine");
  writeFileSync(join(at, "theirs"), "theirs");
  mkdirSync(join(target, "dir", leftover.replace("1z", "folder")));
  symlinkSync(join(at, "theirs"), join(target, "dir", leftover.replace("1z", "link")));
  await untilOld(...["", "dir", "dir/sub"].map((folder) => join(target, folder, leftover)));
  const dry = await restoreTo(kept, target, { isDryRun: true, deletion: { isSpared: () => false } });
  t.ok(existsSync(join(target, leftover)), "a dry run removes nothing");
  const { result } = await restoreTo(kept, target);
  t.match(result, { left: 2, deleted: 0 });
  t.strictSame(
    pathsIn(target).filter((path) => path.endsWith(leftover)),
    [`dir/x${leftover}`],
  );
  t.equal(readdirSync(join(target, "dir")).length, others.length + 3);
  const deleting = await restoreTo(kept, target, { deletion: { isSpared: () => false } });
  t.equal(deleting.result.deleted, dry.result.deleted);
  t.equal(readFileSync(join(at, "theirs"), "utf8"), "theirs");
});

t.test("two restores into one folder at a time leave each other's files alone", async (t) => {
  const { source, target } = placeOf(t, { dir: {} });
  writeFileSync(join(source, "dir", "large"), seededBytes(1, 12 << 20));
  const kept = await keep(t, source);
  const [slow, fast] = [kept, { ...kept, remote: await kept.world.connect() }];
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const get = slow.remote.get.bind(slow.remote);
  slow.remote.get = async function* (ids) {
    for await (const member of get(ids)) {
      if (existsSync(join(target, "dir")) && temporaries(target).length > 0) await held;
      yield member;
    }
  };
  const first = restoreTo(slow, target);
  await until(() => existsSync(join(target, "dir")) && temporaries(target).length > 0, "an unfinished file");
  const [unfinished] = temporaries(target);
  await untilOld(join(target, unfinished as string));
  t.match((await restoreTo(fast, target)).result, { failed: 0, files: 1 });
  t.ok(lstatSync(join(target, unfinished as string)).isFile());
  release();
  t.match((await first).result, { failed: 0, files: 1 });
  t.equal(differences(source, target), "");
  t.strictSame(temporaries(target), []);
});
