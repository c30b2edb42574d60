/** Fifos, sockets and devices. */
import { lstatSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { deviceNumbers } from "../../src/client/source-stat.js";
import { loadMakeSpecialFile } from "../../src/platform/special-files.js";

const make = loadMakeSpecialFile();
const skip = make === undefined && "they cannot be made here";
const isRoot = process.geteuid?.() === 0;

t.test("a fifo and a socket are made, and not in the place of anything", { skip }, (t) => {
  if (make === undefined) throw new Error("skipped");
  const at = t.testdir();
  make(join(at, "fifo"), { kind: "fifo", mode: 0o600, major: 0, minor: 0 });
  make(Buffer.from(join(at, "socket")), { kind: "socket", mode: 0o700, major: 0, minor: 0 });
  t.ok(lstatSync(join(at, "fifo")).isFIFO());
  t.ok(lstatSync(join(at, "socket")).isSocket());
  t.equal(lstatSync(join(at, "fifo")).mode & 0o7777, 0o600);
  t.throws(() => make(join(at, "fifo"), { kind: "fifo", mode: 0o600, major: 0, minor: 0 }), {
    code: "EEXIST",
    syscall: "mknod",
  });
  t.end();
});

t.test("devices have their numbers", { skip: skip || (!isRoot && "only root makes them") }, (t) => {
  if (make === undefined) throw new Error("skipped");
  const at = t.testdir();
  const numbers = [
    [1, 3],
    [0xfff, 0xfffff],
    [8, 256],
  ] as const;
  for (const [major, minor] of numbers) {
    for (const kind of ["char", "block"] as const) {
      const path = join(at, `${kind}-${major}-${minor}`);
      try {
        make(path, { kind, mode: 0o640, major, minor });
      } catch (error) {
        t.equal((error as NodeJS.ErrnoException).code, "EPERM", "a container may not make any");
        continue;
      }
      const stat = lstatSync(path, { bigint: true });
      t.ok(kind === "char" ? stat.isCharacterDevice() : stat.isBlockDevice());
      t.strictSame(deviceNumbers(stat.rdev), { major, minor });
    }
  }
  t.end();
});
