/** How much a folder holds. */
import { execFileSync } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { leaveNothingOut } from "../../src/client/leave-out.js";
import { measureFolder, measureInBackground, type FolderSize } from "../../src/client/measure.js";
import { settle, within } from "../helpers/deadline.js";
import { addNamesOfBytes, makeSampleFolder } from "../helpers/sample-folder.js";
import { makeFifo, text } from "./world.js";

/** The same, counted by find. */
function measured(folder: string): FolderSize {
  const find = (...args: string[]): string => execFileSync("find", [folder, ...args], { encoding: "latin1" });
  const sizes = find("-type", "f", "-printf", "%s\n").split("\n").filter(Boolean).map(Number);
  return {
    files: find("!", "-type", "d", "-printf", "x").length,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
  };
}

t.test("all that is no folder is counted, and the bytes of files", async (t) => {
  const folder = join(t.testdir(), "sample");
  makeSampleFolder(folder, { many: 20, nested: 50, before: 2 });
  addNamesOfBytes(folder);
  makeFifo(join(folder, "fifo"));
  symlinkSync(".", join(folder, "loop"));
  const size = measured(folder);
  t.ok(size.files > 70 && size.bytes > 5 << 20);
  t.strictSame(await measureFolder({ folder: text(folder) }), size);
  const inBackground = new Promise<FolderSize>((resolve) => measureInBackground({ folder: text(folder) }, resolve));
  t.strictSame(await within(20_000, "the count", inBackground), size);
});

t.test("what is not there counts as nothing", async (t) => {
  const folder = t.testdir({ file: "1" });
  t.strictSame(await measureFolder({ folder: text(join(folder, "missing")) }), { files: 0, bytes: 0 });
  t.strictSame(await measureFolder({ folder: text(join(folder, "file")) }), { files: 0, bytes: 0 });
});

t.test("what is left out of a push does not count", async (t) => {
  const folder = t.testdir({
    a: "12",
    "a.o": "3",
    ".bakignore": "*.o",
    large: "12345",
    d: { ".bakignore": "!*.o", "b.o": "6" },
  });
  const leaveOut = { ...leaveNothingOut, maxFileBytes: 4 };
  t.strictSame(await measureFolder({ folder: text(folder), leaveOut }), { files: 4, bytes: 2 + 3 + 4 + 1 });
});

t.test("a count that was ended is not told", async (t) => {
  const folder = t.testdir();
  for (let index = 0; index < 500; index += 1) writeFileSync(join(folder, `${index}`), "");
  let isTold = false;
  const end = measureInBackground({ folder: text(folder) }, () => (isTold = true));
  end();
  await within(20_000, "another", new Promise((resolve) => measureInBackground({ folder: text(folder) }, resolve)));
  await settle();
  t.notOk(isTold);
});
