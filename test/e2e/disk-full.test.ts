/** A push that fills the store's disk, as those at both ends see it. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { BakUser, type PushAnswer } from "../helpers/bak-process.js";
import { fillDisk, freeBytes, mountSmallDisk } from "../helpers/small-disk.js";

const mib = 1 << 20;

t.test("a push that does not fit fails, the server goes on, and the next that fits is kept", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: {} }));
  const disk = mountSmallDisk(t, 32);
  if (disk === undefined) return;
  const server = await user.serve(join(disk, "store"));
  const there = ["-s", server.url, "-p", "docs"];
  const docs = join(user.home, "docs");
  writeFileSync(join(docs, "small"), "small");
  const first = await user.json<PushAnswer>(["push", docs, ...there]);
  writeFileSync(join(docs, "medium"), seededBytes(1, 4 * mib));
  const second = await user.json<PushAnswer>(["push", docs, ...there]);

  writeFileSync(join(docs, "large"), seededBytes(2, 60 * mib));
  const full = await user.run(["push", docs, ...there]);
  t.match(full, { code: 1, stdout: "", stderr: /^bak: no space left on the store$/m });
  t.match(full.stderr, /free some space on its disk/);
  t.ok(freeBytes(disk) > mib, "there is room for what is needed to free some");

  fillDisk(join(disk, "movie"), disk);
  const back = join(user.home, "back");
  t.equal((await user.json<unknown[]>(["log", ...there])).length, 2);
  t.equal((await user.run(["restore", "--to", back, ...there])).code, 0);
  rmSync(join(docs, "large"));
  t.ok(readFileSync(join(back, "medium")).equals(seededBytes(1, 4 * mib)));
  t.equal((await user.run(["forget", first.commit ?? "", ...there])).code, 0);
  t.match(await user.json(["log", ...there]), [{ commit: second.commit }]);
  t.match(await user.json(["forget", "--undo", ...there]), { broughtBack: [{ commit: first.commit }] });

  rmSync(join(disk, "movie"));
  writeFileSync(join(docs, "note"), "the disk has room again");
  const third = await user.json<PushAnswer>(["push", docs, ...there]);
  t.match(third, { parent: second.commit, isUpToDate: false });
  t.equal((await user.run(["restore", "head", "note", "--to", back, ...there])).code, 0);
  t.equal(readFileSync(join(back, "note"), "utf8"), "the disk has room again");
  await server.stop();
});
