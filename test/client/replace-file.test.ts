/** Files that are written whole, or not at all. */
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { replaceFile, writeBeside } from "../../src/client/replace-file.js";
import { byteStringFromText, type ByteString } from "../../src/objects/byte-string.js";

const kept = { isKept: true };

t.test("what was there stays until all of the new is written", (t) => {
  const folder = t.testdir({ file: "old" });
  const path = join(folder, "file");
  replaceFile(byteStringFromText(path), { mode: 0o640, isKept: false }, (fd) => {
    writeFileSync(fd, "new");
    t.equal(readFileSync(path, "utf8"), "old");
  });
  t.equal(readFileSync(path, "utf8"), "new");
  t.equal(statSync(path).mode & 0o777, 0o640);
  t.strictSame(readdirSync(folder), ["file"]);
  t.end();
});

t.test("where it can't be written, the old one stays, and nothing lies beside it", (t) => {
  const folder = t.testdir({ file: "old", folder: {} });
  const fail = (): void => {
    throw new Error("no more room");
  };
  t.throws(() => replaceFile(byteStringFromText(join(folder, "file")), kept, fail), { message: "no more room" });
  t.throws(() => replaceFile(byteStringFromText(join(folder, "folder")), kept, () => undefined), { code: "EISDIR" });
  t.throws(() => replaceFile(byteStringFromText(join(folder, "none", "file")), kept, fail), { code: "ENOENT" });
  t.equal(readFileSync(join(folder, "file"), "utf8"), "old");
  t.strictSame(readdirSync(folder), ["file", "folder"]);
  t.end();
});

t.test("what a process that was killed has left beside it is deleted after a day, and nothing else", (t) => {
  const folder = t.testdir({
    "file.V1StGXR8_Z.tmp": "left",
    "file.-bcdefghij.tmp": "of somebody who is writing",
    "file.abcdefghi.tmp": "",
    "file.abcdefghij.tmp.old": "",
    "other.abcdefghij.tmp": "",
    "file.0123456789.tmp": { "a folder": "" },
  });
  const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 60 * 60;
  for (const name of readdirSync(folder)) {
    if (name !== "file.-bcdefghij.tmp") utimesSync(join(folder, name), twoDaysAgo, twoDaysAgo);
  }
  replaceFile(byteStringFromText(join(folder, "file")), kept, (fd) => writeFileSync(fd, "new"));
  t.strictSame(readdirSync(folder).toSorted(), [
    "file",
    "file.-bcdefghij.tmp",
    "file.0123456789.tmp",
    "file.abcdefghi.tmp",
    "file.abcdefghij.tmp.old",
    "other.abcdefghij.tmp",
  ]);
  t.end();
});

t.test("a file that waits beside it is put there, or given up", (t) => {
  const folder = t.testdir({ file: "old" });
  const path = join(folder, "file");
  writeBeside(byteStringFromText(path), kept, (fd) => writeFileSync(fd, "never")).discard();
  t.strictSame(readdirSync(folder), ["file"]);
  const fresh = writeBeside(byteStringFromText(path), kept, (fd) => writeFileSync(fd, "new"));
  t.equal(readFileSync(path, "utf8"), "old");
  fresh.put();
  t.equal(readFileSync(path, "utf8"), "new");
  t.strictSame(readdirSync(folder), ["file"]);
  t.throws(() => fresh.put(), { code: "ENOENT" });
  t.end();
});

t.test("a name need not be UTF-8", (t) => {
  const folder = t.testdir();
  replaceFile(`${byteStringFromText(folder)}/\xff` as ByteString, kept, (fd) => writeFileSync(fd, "x"));
  t.strictSame(readdirSync(folder, { encoding: "buffer" }), [Buffer.of(0xff)]);
  t.end();
});
