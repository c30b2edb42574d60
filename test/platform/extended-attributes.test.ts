/** Extended attributes, as attr's own tools see them. */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { loadAttributeCalls } from "../../src/platform/extended-attributes.js";

const calls = loadAttributeCalls();
const skip = (calls === undefined && "there are none here") || (process.platform !== "linux" && "not Linux");

t.test("attributes are set, listed in order, read and removed, by path and by descriptor", { skip }, (t) => {
  if (calls === undefined) throw new Error("skipped");
  const at = t.testdir({ file: "" });
  const path = join(at, "file");
  const descriptor = openSync(path, "r");
  const value = Buffer.from([0, 1, 255, 0]);
  t.strictSame(calls.list(path), []);
  calls.set(path, "user.zwei", value);
  calls.set(Buffer.from(path), "user.a\xff", Buffer.alloc(0));
  calls.set(descriptor, "user.ä", Buffer.alloc(3000, 7));
  for (const place of [path, Buffer.from(path), descriptor]) {
    t.strictSame(calls.list(place), ["user.a\xff", "user.zwei", "user.ä"]);
    t.strictSame(calls.get(place, "user.zwei"), value);
    t.strictSame(calls.get(place, "user.a\xff"), Buffer.alloc(0));
    t.strictSame(calls.get(place, "user.ä"), Buffer.alloc(3000, 7));
    t.equal(calls.get(place, "user.none"), undefined);
  }
  t.match(execFileSync("getfattr", ["-d", "-e", "hex", path], { encoding: "utf8" }), "user.zwei=0x0001ff00\n");
  calls.remove(path, "user.zwei");
  calls.remove(descriptor, "user.zwei");
  t.strictSame(calls.list(path), ["user.a\xff", "user.ä"]);
  closeSync(descriptor);
  t.end();
});

t.test("an ACL is an attribute, and a link is not followed", { skip }, (t) => {
  if (calls === undefined) throw new Error("skipped");
  const at = t.testdir({ file: "" });
  const path = join(at, "file");
  symlinkSync("file", join(at, "link"));
  execFileSync("setfacl", ["-m", "u:65534:r", path]);
  t.strictSame(calls.list(path), ["system.posix_acl_access"]);
  const acl = calls.get(path, "system.posix_acl_access") as Buffer;
  t.strictSame(calls.list(join(at, "link")), []);
  writeFileSync(join(at, "other"), "");
  calls.set(join(at, "other"), "system.posix_acl_access", acl);
  t.match(execFileSync("getfacl", ["-cn", join(at, "other")], { encoding: "utf8" }), "user:65534:r--\n");
  t.end();
});

t.test("what is not there, or may not be, fails as Node's own calls do", { skip }, (t) => {
  if (calls === undefined) throw new Error("skipped");
  const at = t.testdir({ file: "" });
  t.throws(() => calls.list(join(at, "none")), { code: "ENOENT", syscall: "listxattr" });
  t.throws(() => calls.set(join(at, "none"), "user.a", Buffer.of(1)), { code: "ENOENT", syscall: "setxattr" });
  t.throws(() => calls.set(join(at, "file"), "none.a", Buffer.of(1)), { code: "ENOTSUP" });
  t.throws(() => calls.set(join(at, "file"), `user.${"x".repeat(300)}`, Buffer.of(1)), { code: "ERANGE" });
  t.strictSame(calls.list("/proc/self/status"), [], "a file system without any has none");
  t.end();
});
