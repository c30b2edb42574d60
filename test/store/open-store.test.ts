/** What can be opened as a store, what can be made one, and what is said of the rest. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { nodeDisk } from "../../src/store/disk.js";
import { openStore } from "../../src/store/open-store.js";
import { failingDisk } from "../helpers/store-disks.js";
import { blob, sendObjects } from "../helpers/store-pack.js";

t.test("a store is made where there is nothing, with the folders above it", async (t) => {
  const folder = join(t.testdir(), "a", "b", "store");
  const store = await openStore(folder, { create: true });
  await store.close();
  t.strictSame(readdirSync(folder).toSorted(), ["config.json", "incoming", "lock", "packs", "projects"]);
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
  t.equal(config["version"], 1);
  t.equal(config["id"], store.id);
  t.match(config["created"], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  t.match(store.id, /^[A-Za-z0-9_-]{21}$/);
  t.equal(statSync(folder).mode & 0o777, 0o700);
  t.equal(statSync(join(folder, "config.json")).mode & 0o777, 0o600);
});

t.test(
  "a store is made in an empty folder, in that of a new file system, and where making one was interrupted",
  async (t) => {
    const folder = t.testdir({
      empty: {},
      disk: { "lost+found": {} },
      interrupted: { lock: "1\n", incoming: { rest: "" } },
    });
    for (const name of ["empty", "disk", "interrupted"]) {
      await (await openStore(join(folder, name), { create: true })).close();
      t.ok(existsSync(join(folder, name, "config.json")), name);
    }
  },
);

t.test("nothing is made where nobody asked for it", async (t) => {
  const folder = t.testdir({ empty: {} });
  await t.rejects(openStore(join(folder, "none"), { create: false }), { code: "NO_STORE", hint: /./ });
  await t.rejects(openStore(join(folder, "empty"), { create: false }), { code: "NO_STORE" });
  t.strictSame(readdirSync(folder), ["empty"]);
  t.strictSame(readdirSync(join(folder, "empty")), []);
});

t.test("what is something else is left as it is", async (t) => {
  const folder = t.testdir({ file: "text", photos: { "a.jpg": "" } });
  for (const create of [true, false]) {
    await t.rejects(openStore(join(folder, "file"), { create }), { code: "NO_STORE", message: /not a folder/ });
    await t.rejects(openStore(join(folder, "file", "in"), { create }), { code: "NO_STORE", message: /not a folder/ });
    await t.rejects(openStore(join(folder, "photos"), { create }), { code: "NO_STORE", message: /other files/ });
  }
  t.strictSame(readdirSync(join(folder, "photos")), ["a.jpg"]);
});

const configs: Record<string, [text: string, code: string]> = {
  "of a later version": ['{"version":3,"id":"x"}', "STORE_VERSION"],
  "that is empty": ["", "STORE_DAMAGED"],
  "that is no JSON": ['{"version":1', "STORE_DAMAGED"],
  "that is no object": ["null", "STORE_DAMAGED"],
  "that is an array": ["[]", "STORE_DAMAGED"],
  "without a version": ['{"id":"V1StGXR8_Z5jdHi6B-myT","created":"2026-01-01T00:00:00.000Z"}', "STORE_DAMAGED"],
  "with a version that is no number": ['{"version":"1"}', "STORE_DAMAGED"],
  "with version 0": ['{"version":0}', "STORE_DAMAGED"],
  "without an id": ['{"version":1,"created":"2026-01-01T00:00:00.000Z"}', "STORE_DAMAGED"],
  "without a time": ['{"version":1,"id":"V1StGXR8_Z5jdHi6B-myT"}', "STORE_DAMAGED"],
};

for (const [what, [text, code]] of Object.entries(configs)) {
  t.test(`a config.json ${what} is told of, and left`, async (t) => {
    const folder = t.testdir({ "config.json": text });
    await t.rejects(openStore(folder, { create: true }), { code, message: /config\.json/, hint: /./ });
    t.strictSame(readdirSync(folder), ["config.json"]);
    t.equal(readFileSync(join(folder, "config.json"), "utf8"), text);
  });
}

t.test("a store that has lost its config.json is damaged, not new", async (t) => {
  const folder = t.testdir();
  const store = await openStore(folder, { create: true });
  await sendObjects(store, [blob("a")]);
  await store.close();
  rmSync(join(folder, "config.json"));
  await t.rejects(openStore(folder, { create: true }), { code: "STORE_DAMAGED", message: /config\.json/ });
});

t.test("a store without its empty folders, as some tools copy it, is whole", async (t) => {
  const folder = t.testdir();
  const store = await openStore(folder, { create: true });
  await store.close();
  for (const name of ["incoming", "packs", "projects"]) rmSync(join(folder, name), { recursive: true });
  const again = await openStore(folder, { create: false });
  t.strictSame(await again.projects(), []);
  await sendObjects(again, [blob("a")]);
  await again.close();
});

t.test("what the system refuses is said with its reason, and the lock is not kept", async (t) => {
  const folder = t.testdir();
  await (await openStore(folder, { create: true })).close();
  let refused = "";
  const disk = failingDisk(nodeDisk, ({ name }) => (name === refused ? "EACCES" : undefined));
  for (refused of ["openLock", "makeFolder", "syncFolder"]) {
    await t.rejects(openStore(folder, { create: false, disk }), { code: "STORE_FAILED", message: /EACCES/ });
  }
  await (await openStore(folder, { create: false })).close();
});

t.test(
  "a folder that may not be read is told of",
  { skip: process.getuid?.() === 0 && "root may read all" },
  async (t) => {
    const folder = t.testdir({ closed: {} });
    chmodSync(join(folder, "closed"), 0);
    await t.rejects(openStore(join(folder, "closed"), { create: true }), { code: "STORE_FAILED", message: /EACCES/ });
  },
);

t.test("the folder may be named in any way", async (t) => {
  const folder = t.testdir({ in: {} });
  const store = await openStore(`${folder}/in/../store/`, { create: true });
  t.equal(store.folder, join(folder, "store"));
  await store.close();
  mkdirSync(join(folder, "-x"));
  writeFileSync(join(folder, "-x", "lock"), "");
  await (await openStore(join(folder, "-x"), { create: true })).close();
});
