/** Trees made by hand to lead out of the target: the store takes no commit of one, and the client restores none. */
import { lstatSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { decodeCommit } from "../../src/objects/commit.js";
import { hostileTrees } from "../helpers/hostile-trees.js";
import { commitOf } from "../helpers/small-commit.js";
import { sendObjects } from "../helpers/store-pack.js";
import { placeOf, restoreTo } from "./restoring.js";
import { openWorld, pathsIn } from "./world.js";

t.test("a hostile tree is refused by the store, and by the client if a store has it", async (t) => {
  const { at } = placeOf(t);
  const outside = join(at, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "theirs"), "theirs");
  const world = await openWorld(t, join(at, "store"));
  for (const [index, { what, root, objects }] of hostileTrees(outside).entries()) {
    const commit = commitOf(root);
    await sendObjects(world.store, [...objects, commit]); // each hash is right
    const remote = await world.connect();
    await t.rejects(remote.commit(commit.id, undefined), { code: "BAD_OBJECT" }, `the store refuses ${what}`);
    await t.rejects(
      restoreTo(
        { world, remote, commit: { id: commit.id, content: decodeCommit(commit.bytes) } },
        join(at, "by the store"),
      ),
      { code: "BAD_OBJECT" },
      `the store sends no ${what}`,
    );
    // a store that looks at nothing, and sends what it has
    remote.trees = () => remote.get(objects.map(({ id }) => id));
    for (const [isThere, deletion] of [
      [false, undefined],
      [true, { isSpared: () => false }],
    ] as const) {
      const target = join(at, `target ${index} ${isThere}`);
      mkdirSync(join(target, "folder"), { recursive: true });
      if (isThere) symlinkSync(outside, join(target, "folder", "link"));
      const kept = { world, remote, commit: { id: commit.id, content: decodeCommit(commit.bytes) } };
      await t.rejects(restoreTo(kept, target, { deletion }), { code: "BAD_OBJECT" }, `the client refuses ${what}`);
      t.strictSame(
        pathsIn(target).filter((path) => !/^folder(\/link)?$/.test(path)),
        [],
        what,
      );
    }
    t.strictSame(pathsIn(outside), ["theirs"], what);
    t.strictSame(
      pathsIn(at).filter((path) => path.endsWith("evil")),
      [],
      what,
    );
  }
  t.ok(lstatSync(outside).isDirectory());
});
