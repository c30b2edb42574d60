/** Files in an open folder, by its descriptor. */
import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import t from "tap";
import { loadAtCalls } from "../../src/platform/at-calls.js";

const calls = loadAtCalls();
const bytes = (name: string): Buffer => Buffer.from(`${name}\0`, "latin1");

t.test("a file is made, and given another name", { skip: !calls && "there are none here" }, (t) => {
  if (calls === undefined) throw new Error("skipped");
  const at = t.testdir({ taken: "old" });
  const folder = openSync(at, "r");
  const umask = process.umask(0);
  const file = calls.createFile(folder, bytes("new\xff"), 0o641);
  process.umask(umask);
  writeSync(file, "content");
  calls.close(file);
  t.strictSame(readdirSync(at, "latin1"), ["new\xff", "taken"]);
  calls.rename(folder, bytes("new\xff"), bytes("taken"));
  t.strictSame(readdirSync(at), ["taken"]);
  t.equal(readFileSync(join(at, "taken"), "utf8"), "content");
  t.equal(lstatSync(join(at, "taken")).mode & 0o7777, 0o641);
  closeSync(folder);
  t.end();
});

t.test("what fails, fails as Node's own calls do", { skip: !calls && "there are none here" }, (t) => {
  if (calls === undefined) throw new Error("skipped");
  const at = t.testdir({ there: "mine", folder: { full: "1" } });
  symlinkSync("nowhere", join(at, "link"));
  const folder = openSync(at, "r");
  for (const name of ["there", "link"]) {
    const error = { code: "EEXIST", errno: -17, syscall: "open", message: "EEXIST: file already exists, open" };
    t.throws(() => calls.createFile(folder, bytes(name), 0o600), error);
  }
  t.throws(() => calls.createFile(folder, bytes("missing/file"), 0o600), { code: "ENOENT" });
  t.throws(() => calls.rename(folder, bytes("missing"), bytes("x")), { code: "ENOENT", syscall: "rename" });
  t.throws(() => calls.rename(folder, bytes("there"), bytes("folder")), { code: "EISDIR" });
  t.throws(() => calls.close(987_654), { code: "EBADF", syscall: "close" });
  writeFileSync(join(at, "there"), "still mine");
  t.strictSame(readdirSync(at), ["folder", "link", "there"]);
  closeSync(folder);
  t.end();
});

t.test("Linux has them", { skip: process.platform !== "linux" && "not Linux" }, (t) => {
  t.ok(calls);
  t.end();
});
