/** The calls that change files, on a real file system. */
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import t from "tap";
import { nodeDisk, writeAll } from "../../src/store/disk.js";
import { cachedBytes, seesFilesLeave } from "../helpers/cached-pages.js";

t.test("bytes are written to the last where the system takes a few at a time", async (t) => {
  const bytes = Buffer.from("all of these bytes");
  const written: number[] = [];
  const write = (from: Buffer, offset: number, length: number): Promise<{ bytesWritten: number; buffer: Buffer }> => {
    const bytesWritten = Math.min(length, 1 + (written.length % 3));
    written.push(...from.subarray(offset, offset + bytesWritten));
    return Promise.resolve({ bytesWritten, buffer: from });
  };
  await writeAll({ write } as unknown as Pick<FileHandle, "write">, bytes);
  t.strictSame(Buffer.from(written), bytes);
});

t.test("files are made new, and only for their owner", async (t) => {
  const folder = t.testdir({ old: "" });
  const file = await nodeDisk.createFile(join(folder, "new"));
  await file.write(Buffer.from("12"));
  await file.write(Buffer.from("34"));
  await file.sync();
  await file.close();
  t.equal(readFileSync(join(folder, "new"), "utf8"), "1234");
  t.equal(statSync(join(folder, "new")).mode & 0o777, 0o600);
  await t.rejects(nodeDisk.createFile(join(folder, "old")), { code: "EEXIST" });
  await nodeDisk.makeFolder(join(folder, "in"));
  t.equal(statSync(join(folder, "in")).mode & 0o777, 0o700);
  await t.rejects(nodeDisk.makeFolder(join(folder, "in")), { code: "EEXIST" });
});

t.test("files are appended to, cut off, renamed, linked and removed", async (t) => {
  const folder = t.testdir({ a: "one" });
  const path = (name: string): string => join(folder, name);
  const file = await nodeDisk.appendFile(path("a"));
  await file.write(Buffer.from(" two"));
  await file.close();
  t.equal(readFileSync(path("a"), "utf8"), "one two");
  await nodeDisk.truncate(path("a"), 3);
  t.equal(readFileSync(path("a"), "utf8"), "one");
  await nodeDisk.link(path("a"), path("b"));
  await t.rejects(nodeDisk.link(path("a"), path("b")), { code: "EEXIST" });
  await nodeDisk.rename(path("b"), path("c"));
  await nodeDisk.remove(path("a"));
  await nodeDisk.syncFolder(folder);
  t.strictSame(readdirSync(folder), ["c"]);
  await t.rejects(nodeDisk.truncate(path("a"), 0), { code: "ENOENT" });
  await t.rejects(nodeDisk.remove(path("a")), { code: "ENOENT" });
});

t.test("a lock file keeps what it says until that is replaced", async (t) => {
  const folder = t.testdir({ lock: "123456\n" });
  const lock = await nodeDisk.openLock(join(folder, "lock"));
  t.equal(readFileSync(join(folder, "lock"), "utf8"), "123456\n");
  await lock.replace("7\n");
  await lock.replace("8\n");
  t.equal(readFileSync(join(folder, "lock"), "utf8"), "8\n");
  await lock.close();
  mkdirSync(join(folder, "not a file"));
  await t.rejects(nodeDisk.openLock(join(folder, "not a file")), { code: "EISDIR" });
});

t.test("a long file leaves memory once it is on the disk, and a short one does not", async (t) => {
  const folder = t.testdir();
  if (!seesFilesLeave(t, folder)) return;
  for (const [name, mib, left] of [
    ["long", 33, 0],
    ["short", 4, 4 << 20],
  ] as const) {
    const path = join(folder, name);
    const file = await nodeDisk.createFile(path);
    for (let at = 0; at < mib; at += 1) await file.write(Buffer.alloc(1 << 20, at));
    await file.sync();
    t.equal(cachedBytes(path), left, name);
    await file.write(Buffer.from("more"));
    await file.sync();
    await file.close();
    const bytes = readFileSync(path);
    t.equal(bytes.length, (mib << 20) + 4, name);
    t.ok(bytes.subarray(-5).equals(Buffer.from([mib - 1, ...Buffer.from("more")])), name);
  }
});
