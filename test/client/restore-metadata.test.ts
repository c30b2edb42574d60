/** What is restored beside content, onto names that are there already, and by those who may not set all of it. */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { loadAttributeCalls } from "../../src/platform/extended-attributes.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { commitOf, dirEntry, fileEntry, plainAttributes, treeOf } from "../helpers/small-commit.js";
import { blob, sendObjects } from "../helpers/store-pack.js";
import { openPlace, pushPlace, restoreFolder } from "./restoring.js";
import { differences, makeFifo, text } from "./world.js";

const calls = loadAttributeCalls();
const skip = calls === undefined && "there are no extended attributes here";
const isRoot = process.geteuid?.() === 0;

const attribute = (path: string, name: string, value: string): void =>
  void execFileSync("setfattr", ["-h", "-n", name, "-v", value, path]);

const attributesIn = (folder: string): string =>
  execFileSync("getfattr", ["-Rhd", "-m", "-", "."], { cwd: folder, encoding: "latin1" });

const aclsIn = (folder: string): string => execFileSync("getfacl", ["-Rn", "."], { cwd: folder, encoding: "latin1" });

function makeSource(source: string): void {
  writeFileSync(join(source, "file"), "1");
  writeFileSync(join(source, "read-only"), "2");
  writeFileSync(join(source, "large"), seededBytes(1, 3 << 20));
  writeFileSync(join(source, "d", "inner"), "3");
  symlinkSync("file", join(source, "link"));
  makeFifo(join(source, "fifo"));
  for (const name of ["file", "read-only", "large", "d", "."]) attribute(join(source, name), "user.x", name);
  chmodSync(join(source, "read-only"), 0o444);
  execFileSync("setfacl", ["-m", "u:7:rw", join(source, "d", "inner")]);
}

t.test("what is there with the right content is given the rest", { skip }, async (t) => {
  const place = await openPlace(t, { d: {} });
  const { source, target, world } = place;
  makeSource(source);
  const id = await pushPlace(place);
  await restoreFolder(world, id, target);
  t.equal(attributesIn(target), attributesIn(source));
  for (const name of ["file", "read-only", "d", "."]) attribute(join(target, name), "user.more", "x");
  execFileSync("setfattr", ["-x", "user.x", join(target, "read-only"), join(target, "d")]);
  attribute(join(target, "large"), "user.x", "another");
  execFileSync("setfacl", ["-b", join(target, "d", "inner")]);
  execFileSync("setfacl", ["-d", "-m", "u:9:rwx", join(target, "d"), target]);
  chmodSync(join(target, "fifo"), 0o777);
  chmodSync(join(target, "read-only"), 0o400);
  if (isRoot)
    for (const name of ["file", "fifo", "d", "link"]) execFileSync("chown", ["-h", "1:2", join(target, name)]);
  const restored = await restoreFolder(world, id, target);
  const right = isRoot ? 0 : 1; // the link
  t.match(restored, { failed: 0, replaced: 0, left: right, changed: 6 - right, events: [], shortfalls: [] });
  t.equal(attributesIn(target), attributesIn(source));
  t.equal(aclsIn(target), aclsIn(source));
  t.equal(differences(source, target), "");
});

t.test("nothing inherits the default ACL of the place that it is restored to", { skip }, async (t) => {
  const place = await openPlace(t, { d: {} });
  const { source, target, world } = place;
  makeSource(source);
  const id = await pushPlace(place);
  mkdirSync(target);
  execFileSync("setfacl", ["-d", "-m", "u:9:rwx", target]);
  await restoreFolder(world, id, target, { paths: [text("d"), text("file"), text("fifo"), text("large")] });
  t.match(aclsIn(target), /default:user:9:rwx/, "the target's own stays where only parts come to it");
  for (const name of ["file", "fifo", "large", "d/inner", "d"])
    t.equal(
      execFileSync("getfacl", ["-cn", join(target, name)], { encoding: "utf8" }),
      execFileSync("getfacl", ["-cn", join(source, name)], { encoding: "utf8" }),
      name,
    );
  await restoreFolder(world, id, target);
  t.equal(aclsIn(target), aclsIn(source));
});

t.test("what no file system here takes is told of once, with a count", { skip }, async (t) => {
  const { target, world } = await openPlace(t, { d: {} });
  const content = blob("x");
  const extendedAttributes = [{ name: text("nobody.knows"), value: Buffer.from("1") }];
  const tree = treeOf(
    { ...fileEntry("a", content), extendedAttributes },
    { ...fileEntry("b", content), extendedAttributes },
    { ...dirEntry("c", treeOf()), extendedAttributes },
  );
  const commit = commitOf(tree.id);
  await sendObjects(world.store, [content, treeOf(), tree, commit]);
  const restored = await restoreFolder(world, commit.id, target);
  t.match(restored, { files: 2, dirs: 1, failed: 0 });
  t.match(restored.shortfalls, [{ kind: "attributes", count: 3, attribute: "nobody.knows", errno: "ENOTSUP" }]);
  t.equal(lstatSync(join(target, "b")).mtimeMs, plainAttributes.mtimeSeconds * 1000);
});

t.test(
  "owners are found by name, or kept by number, and setuid stays with them",
  { skip: !isRoot && "only root gives files away" },
  async (t) => {
    const place = await openPlace(t, { d: {} });
    const { target, world } = place;
    const content = blob("x");
    const attributes = { uid: 4_000_001, gid: 4_000_002, mode: 0o6755 };
    const tree = treeOf(
      { ...fileEntry("a", content), ...attributes },
      { ...plainAttributes, name: text("link"), kind: "symlink", target: text("x"), ...attributes },
      { ...fileEntry("nameless", content), ...attributes, uid: 4_000_003 },
    );
    const users = [{ id: 4_000_001, name: text("daemon") }];
    const groups = [{ id: 4_000_002, name: text("mail") }];
    const commit = commitOf(tree.id, { users, groups });
    await sendObjects(world.store, [content, tree, commit]);
    const mail = Number(execFileSync("getent", ["group", "mail"], { encoding: "utf8" }).split(":")[2]);
    await restoreFolder(world, commit.id, target);
    t.match(lstatSync(join(target, "a")), { uid: 1, gid: mail, mode: 0o106755 });
    t.match(lstatSync(join(target, "link")), { uid: 1, gid: mail });
    t.match(lstatSync(join(target, "nameless")), { uid: 4_000_003, gid: mail });
    chownSync(join(target, "a"), 5, 5);
    await restoreFolder(world, commit.id, target, { isNumericOwner: true });
    t.match(lstatSync(join(target, "a")), { uid: 4_000_001, gid: 4_000_002, mode: 0o106755 });
  },
);
