/** Opening to read: what has taken a file's place, and what reading leaves of the access time. */
import {
  closeSync,
  mkdirSync,
  readFileSync,
  readSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t from "tap";
import { openToRead } from "../../src/client/open-file.js";
import { makeFifo } from "./world.js";

t.test("the file is read, and its access time stays", (t) => {
  const folder = t.testdir();
  const [path, other] = [join(folder, "file"), join(folder, "other")];
  for (const each of [path, other]) {
    writeFileSync(each, "content");
    utimesSync(each, 1000, 2000); // older than the content: the next to read it sets it
  }
  readFileSync(other);
  const descriptor = openToRead(path);
  const buffer = Buffer.alloc(100);
  t.equal(buffer.toString("utf8", 0, readSync(descriptor, buffer)), "content");
  closeSync(descriptor);
  if (statSync(other).atimeMs === 1_000_000) t.comment("nothing sets access times here");
  t.equal(statSync(path).atimeMs, 1_000_000);
  t.end();
});

t.test("a file of another's is read too, where the access time cannot be left alone", (t) => {
  // whoever runs this may write none of it, and owns it only as root
  const descriptor = openToRead("/etc/passwd");
  t.ok(readFileSync(descriptor).length > 0);
  closeSync(descriptor);
  t.end();
});

t.test("no link is followed, and a fifo does not hold the one who opens it", (t) => {
  const folder = t.testdir({ file: "content" });
  symlinkSync("file", join(folder, "link"));
  mkdirSync(join(folder, "folder"));
  makeFifo(join(folder, "fifo"));
  t.throws(() => openToRead(join(folder, "link")), { code: "ELOOP" });
  t.throws(() => openToRead(join(folder, "missing")), { code: "ENOENT" });
  for (const name of ["fifo", "folder"]) {
    const descriptor = openToRead(join(folder, name));
    t.notOk(statSync(`/proc/self/fd/${descriptor}`).isFile(), name);
    closeSync(descriptor);
  }
  t.end();
});
