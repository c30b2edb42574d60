/** The kernel's lock on an open file. */
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { loadFlock } from "../../src/platform/flock.js";

const flock = loadFlock();

t.test("a lock is that of one open file, and ends with it", { skip: !flock && "there is no flock here" }, (t) => {
  if (flock === undefined) throw new Error("skipped");
  const path = join(t.testdir(), "lock");
  const [first, second] = [openSync(path, "a+"), openSync(path, "a+")];
  t.ok(flock(first));
  t.ok(flock(first), "it is there already");
  t.notOk(flock(second));
  closeSync(first);
  t.ok(flock(second));
  closeSync(second);
  t.throws(() => flock(second), { code: "EBADF", syscall: "flock", errno: Number });
  t.end();
});

t.test("Linux has it", { skip: process.platform !== "linux" && "not Linux" }, (t) => {
  t.type(flock, "function");
  t.end();
});
