/** Many files, few of them open. */
import { readdirSync, readlinkSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { OpenFiles } from "../../src/store/open-files.js";

const count = 20;
const contents = Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}`, `content of ${index}`]));
const canCount = process.platform === "linux";

/** How many files in a folder this process has open. */
function openIn(folder: string): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false; // that of readdir itself
    }
  }).length;
}

t.test("any part of any file is read, by many at once", async (t) => {
  const folder = t.testdir(contents);
  const files = new OpenFiles(4);
  const order = Array.from({ length: 200 }, (_, index) => (index * 7) % count);
  const read = await Promise.all(order.map((name) => files.read(join(folder, `${name}`), { offset: 8, length: 5 })));
  t.strictSame(
    read.map(String),
    order.map((name) => `of ${name}`.slice(0, 5)),
  );
  if (canCount) t.ok(openIn(folder) <= 4, `${openIn(folder)} are open`);
  await files.close();
  if (canCount) t.equal(openIn(folder), 0);
});

t.test("a file that ends early gives fewer bytes", async (t) => {
  const folder = t.testdir({ short: "123" });
  const files = new OpenFiles(1);
  t.teardown(() => files.close());
  t.equal(String(await files.read(join(folder, "short"), { offset: 1, length: 10 })), "23");
  const room = await files.read(join(folder, "short"), { offset: 1, length: 2, headroom: 3 });
  t.equal(room.toString("latin1", 3), "23", "behind its headroom");
  t.equal(String(await files.read(join(folder, "short"), { offset: 10, length: 10 })), "");
});

t.test("a file that could not be opened is opened once it is there", async (t) => {
  const folder = t.testdir({ other: "x" });
  const files = new OpenFiles(2);
  t.teardown(() => files.close());
  await t.rejects(files.read(join(folder, "late"), { offset: 0, length: 1 }), { code: "ENOENT" });
  writeFileSync(join(folder, "late"), "1");
  t.equal(String(await files.read(join(folder, "late"), { offset: 0, length: 1 })), "1");
  renameSync(join(folder, "other"), join(folder, "late"));
  t.equal(
    String(await files.read(join(folder, "late"), { offset: 0, length: 1 })),
    "1",
    "the file that is open is read on",
  );
});

t.test("closing while files are read lets the reads end", async (t) => {
  const folder = t.testdir(contents);
  const files = new OpenFiles(2);
  const reading = Promise.all(
    Object.keys(contents).map((name) => files.read(join(folder, name), { offset: 0, length: 7 })),
  );
  await files.close();
  t.strictSame((await reading).map(String), Array.from({ length: count }).fill("content"));
  if (canCount) t.equal(openIn(folder), 0);
});
