/** Restores of what patterns choose. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { selectBy } from "../../src/client/restore-selection.js";
import { keep, placeOf, restoreTo } from "./restoring.js";
import { pathsIn, text } from "./world.js";

const by = (include: string[], exclude: string[] = []) => selectBy(include.map(text), exclude.map(text));

t.test(
  "what is included comes with all in it, and with the folders on the way; what is excluded does not",
  async (t) => {
    const { source, target } = placeOf(t, {
      "a.jpg": "1",
      "b.txt": "2",
      deep: { er: { "c.jpg": "3", thumbs: { "d.jpg": "4" } }, "e.txt": "5" },
      none: { "f.txt": "6", g: {} },
      whole: { h: { i: "7" }, "j.txt": "8" },
    });
    const kept = await keep(t, source);
    const cases: [string, ReturnType<typeof by>, string[]][] = [
      [
        "by name",
        by(["*.jpg"]),
        ["a.jpg", "deep", "deep/er", "deep/er/c.jpg", "deep/er/thumbs", "deep/er/thumbs/d.jpg"],
      ],
      ["but for a folder", by(["*.jpg"], ["thumbs/"]), ["a.jpg", "deep", "deep/er", "deep/er/c.jpg"]],
      ["a folder", by(["whole"], ["*.txt"]), ["whole", "whole/h", "whole/h/i"]],
      ["anchored", by(["/*.txt"]), ["b.txt"]],
      ["by path", by(["deep/*/c.jpg"]), ["deep", "deep/er", "deep/er/c.jpg"]],
      [
        "taken back",
        by([], ["*.txt", "!b.txt", "deep", "none/g"]),
        ["a.jpg", "b.txt", "none", "whole", "whole/h", "whole/h/i"],
      ],
      ["nothing", by(["no such"]), []],
    ];
    for (const [index, [what, select, expected]] of cases.entries()) {
      const into = join(target, `${index}`);
      const dry = await restoreTo(kept, into, { select, isDryRun: true });
      const { result } = await restoreTo(kept, into, { select });
      t.strictSame(pathsIn(into), expected, what);
      t.strictSame(dry.result, result, what);
    }
  },
);

t.test("of paths, only what is chosen comes", async (t) => {
  const { source, target } = placeOf(t, { a: { b: { "x.txt": "1", y: "2" }, c: { z: "3" } }, "d.txt": "4", e: "5" });
  const paths = ["a/b", "a/c", "d.txt", "e"].map(text);
  await restoreTo(await keep(t, source), target, { paths, select: by(["*.txt"]) });
  t.strictSame(pathsIn(target), ["a", "a/b", "a/b/x.txt", "d.txt"]);
});

t.test("what is not chosen is not deleted, nor the folders that it is in", async (t) => {
  const { source, target } = placeOf(t, { a: { "1.txt": "1", "1.jpg": "1" }, b: { "2.txt": "2" } });
  const kept = await keep(t, source);
  await restoreTo(kept, target);
  const extras = ["a/3.txt", "a/3.jpg", "b/4.txt", "c/5.txt", "c/5.jpg", "d/6.jpg", "7.jpg"];
  for (const folder of ["c", "d"]) mkdirSync(join(target, folder));
  const left = async (include: string[], exclude: string[]): Promise<string[]> => {
    for (const path of extras) {
      mkdirSync(join(target, path, ".."), { recursive: true });
      writeFileSync(join(target, path), "mine");
    }
    const options = { select: by(include, exclude), deletion: { isSpared: () => false } };
    const dry = await restoreTo(kept, target, { ...options, isDryRun: true });
    t.strictSame((await restoreTo(kept, target, options)).result, dry.result);
    return extras.filter((path) => existsSync(join(target, path)));
  };
  t.strictSame(await left([], ["*.jpg"]), ["a/3.jpg", "c/5.jpg", "d/6.jpg", "7.jpg"]);
  t.strictSame(await left(["*.jpg"], []), ["a/3.txt", "b/4.txt", "c/5.txt"]);
  t.ok(existsSync(join(target, "d")), "a folder that is not included itself");
  t.strictSame(await left(["c/"], []), ["a/3.txt", "a/3.jpg", "b/4.txt", "d/6.jpg", "7.jpg"]);
  t.notOk(existsSync(join(target, "c")));
  t.ok(existsSync(join(target, "a", "1.jpg")));
});
