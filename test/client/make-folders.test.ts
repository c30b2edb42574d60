/** Folders that are made with those above them. */
import { statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { makeFolders } from "../../src/client/make-folders.js";
import { byteString, byteStringFromText } from "../../src/objects/byte-string.js";

const text = byteStringFromText;

t.test("what is missing is made, and what is there may stay", (t) => {
  const folder = t.testdir({});
  const deep = join(folder, "a", "ü", "c");
  makeFolders(text(deep), 0o700);
  t.ok(statSync(deep).isDirectory());
  t.equal(statSync(join(folder, "a")).mode & 0o777, 0o700);
  makeFolders(text(deep), 0o755);
  t.equal(statSync(deep).mode & 0o777, 0o700, "as it is");
  symlinkSync("a", join(folder, "link"));
  makeFolders(text(join(folder, "link", "new")));
  t.ok(statSync(join(folder, "a", "new")).isDirectory());
  makeFolders(byteString(Buffer.concat([Buffer.from(`${folder}/`), Buffer.of(0xff, 0x2f, 0xfe)])));
  t.ok(statSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.of(0xff, 0x2f, 0xfe)])).isDirectory());
  makeFolders(text("/"));
  t.end();
});

t.test("what stands in the way is told of", (t) => {
  const folder = t.testdir({ file: "" });
  symlinkSync("nowhere", join(folder, "dangling"));
  const failing =
    (...names: string[]): (() => void) =>
    () =>
      makeFolders(text(join(folder, ...names)));
  t.throws(failing("file"), { code: "EEXIST" });
  t.throws(failing("file", "x"), { code: "ENOTDIR" });
  t.throws(failing("dangling"), { code: "EEXIST" });
  t.throws(failing("dangling", "x"), { code: "EEXIST" });
  t.throws(failing("a".repeat(300)), { code: "ENAMETOOLONG" });
  t.end();
});

t.test(
  "where no folder can be made, it ends all the same",
  { skip: process.platform !== "linux" && "no /proc" },
  (t) => {
    t.throws(() => makeFolders(text("/proc/no/such/folder")), { code: "ENOENT" });
    t.end();
  },
);
