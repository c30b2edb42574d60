/** One owner at a time, with flock and without; a dead owner keeps nobody out. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { loadFlock } from "../../src/platform/flock.js";
import { nodeDisk } from "../../src/store/disk.js";
import { Layout } from "../../src/store/layout.js";
import { lockStore } from "../../src/store/lock.js";
import type { StoreLock } from "../../src/store/store-lock.js";
import { failingDisk, systemError } from "../helpers/store-disks.js";

const owner = fileURLToPath(new URL("../helpers/store-owner.js", import.meta.url));

/** Starts a process that owns the store, or tries to, and gives what it says. */
async function startOwner(t: Test, folder: string, how: string): Promise<{ child: ChildProcess; says: string }> {
  const child = spawn(process.execPath, [...process.execArgv, owner, folder, how], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  const [says] = (await once(createInterface(child.stdout), "line")) as [string];
  return { child, says };
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

const ways: Record<string, (layout: Layout) => Promise<StoreLock>> = {
  file: (layout) => lockStore(nodeDisk, layout, undefined),
};
const flock = loadFlock();
if (flock !== undefined) ways["flock"] = (layout) => lockStore(nodeDisk, layout, flock);

for (const [how, lock] of Object.entries(ways)) {
  t.test(`${how}: the lock is one's own until it is released, also in one process`, async (t) => {
    const layout = new Layout(t.testdir({ incoming: {} }));
    for (let round = 0; round < 3; round += 1) {
      const held = await lock(layout);
      await t.rejects(lock(layout), {
        code: "STORE_LOCKED",
        message: `store '${layout.folder}' is locked by process ${process.pid}`,
      });
      await held.release();
    }
    t.strictSame(readdirSync(layout.incoming), []);
    t.ok(readdirSync(layout.folder).length <= 2, "and leaves one file");
  });

  t.test(`${how}: another process is kept out, and comes in when the owner has been killed`, async (t) => {
    const layout = new Layout(t.testdir({ incoming: {} }));
    const { child, says } = await startOwner(t, layout.folder, how);
    t.equal(says, "owner");
    await t.rejects(lock(layout), { code: "STORE_LOCKED", message: new RegExp(`process ${child.pid}$`) });
    t.equal((await startOwner(t, layout.folder, how)).says, "STORE_LOCKED");
    await kill(child);
    await (await lock(layout)).release();
    t.equal((await startOwner(t, layout.folder, how)).says, "owner");
  });

  t.test(`${how}: of many at once, one has the lock`, async (t) => {
    const layout = new Layout(t.testdir({ incoming: {} }));
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => lock(layout)));
    const held = results.filter((result) => result.status === "fulfilled");
    t.equal(held.length, 1);
    await held[0]?.value.release();
    await (await lock(layout)).release();
  });
}

t.test("where the file system can't lock, there is still a lock", async (t) => {
  const layout = new Layout(t.testdir({ incoming: {} }));
  const cannot = (): boolean => {
    throw systemError("EOPNOTSUPP");
  };
  const held = await lockStore(nodeDisk, layout, cannot);
  await t.rejects(lockStore(nodeDisk, layout, cannot), { code: "STORE_LOCKED" });
  await held.release();
  const fails = (): boolean => {
    throw systemError("EIO");
  };
  await t.rejects(lockStore(nodeDisk, layout, fails), { code: "EIO" });
});

t.test("a full disk does not keep the owner out", async (t) => {
  const layout = new Layout(t.testdir({ incoming: {} }));
  let failed = 0;
  const full = failingDisk(nodeDisk, ({ name }) => {
    if (name !== "replace") return undefined;
    failed += 1;
    return "ENOSPC";
  });
  await (await lockStore(full, layout, loadFlock())).release();
  t.equal(failed, 1, "its name could not be written down");
});

t.test("file: what other owners have left does not count", async (t) => {
  const layout = new Layout(t.testdir({ incoming: {} }));
  const self = process.platform === "linux" ? readFileSync("/proc/self/stat", "latin1").split(" ")[21] : "";
  const left = {
    "an owner that released it": "",
    "a process that is no more": "4194304 1 boot",
    "an earlier process with the id of this one": `${process.pid} 1 boot`,
    "this process id and time, before the machine was started anew": `${process.pid} ${self} boot`,
    "bytes that are no owner": "\0\0\0",
  };
  for (const [what, text] of Object.entries(left)) {
    const number = Math.max(0, ...readdirSync(layout.folder).map((name) => Number(name.slice(5)) || 0)) + 1;
    writeFileSync(layout.ownerFile(number), text);
    await (await lockStore(nodeDisk, layout, undefined)).release();
    t.pass(what);
  }
});

t.test("file: who finds a higher number than the own gives way", async (t) => {
  const layout = new Layout(t.testdir({ incoming: {} }));
  let overtaken = false;
  const disk = {
    ...nodeDisk,
    async link(from: string, to: string): Promise<void> {
      await nodeDisk.link(from, to);
      if (overtaken) return;
      overtaken = true;
      // meanwhile another has taken and released the lock a few times, and has it now
      await nodeDisk.link(to, layout.ownerFile(7));
    },
  };
  await t.rejects(lockStore(disk, layout, undefined), { code: "STORE_LOCKED" });
  t.strictSame(readdirSync(layout.folder).toSorted(), ["incoming", "lock.7"]);
});
