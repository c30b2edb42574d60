/** Folders held open: what lies in them is reached whatever happens on the way there. */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { FolderCache, HeldFolder } from "../../src/client/held-folder.js";
import { byteString, type ByteString } from "../../src/objects/byte-string.js";
import { text } from "./world.js";

const notLinux = process.platform !== "linux" && "only Linux reaches a name through an open folder";

function openHere(t: Test, content: Parameters<Test["testdir"]>[0]): { at: string; folder: HeldFolder } {
  const at = realpathSync(t.testdir(content));
  const folder = HeldFolder.openTarget(text(at));
  t.teardown(() => folder.close());
  return { at, folder };
}

/** Descriptors of this process that lead to folders beneath a path. */
function openBeneath(at: string): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return realpathSync(`/proc/self/fd/${fd}`).startsWith(`${at}/`);
    } catch {
      return false; // that of the listing itself
    }
  }).length;
}

t.test("names lead to what they name, of any bytes", (t) => {
  const { at, folder } = openHere(t, { sub: { file: "1" } });
  const sub = folder.open(text("sub"));
  t.equal(readFileSync(sub.path(text("file")), "utf8"), "1");
  const name = byteString(Buffer.of(0xff, 0xfe));
  mkdirSync(sub.path(name));
  const inner = sub.open(name);
  writeFileSync(inner.path(text("ü")), "2");
  t.equal(
    readFileSync(Buffer.concat([Buffer.from(`${at}/sub/`), Buffer.of(0xff, 0xfe), Buffer.from("/ü")]), "utf8"),
    "2",
  );
  t.strictSame(readdirSync(folder.self), ["sub"]);
  for (const each of [inner, sub]) each.close();
  t.end();
});

t.test("a link to a folder is not opened, nor is anything else", (t) => {
  const { at, folder } = openHere(t, { sub: {}, file: "1" });
  symlinkSync("sub", join(at, "link"));
  for (const name of ["link", "file"]) t.throws(() => folder.open(text(name)), { code: /^(ENOTDIR|ELOOP)$/ });
  t.throws(() => folder.open(text("missing")), { code: "ENOENT" });
  t.end();
});

t.test("a folder that was opened stays the one that it was", { skip: notLinux }, (t) => {
  const { at, folder } = openHere(t, { sub: { deep: {} }, elsewhere: { deep: {} } });
  const names = { parent: (path: string) => (path === "" ? undefined : path.split("/").slice(0, -1).join("/")) };
  const name = (path: string): ByteString => text(path.split("/").at(-1) ?? "");
  const cache = new FolderCache<string>(folder, { ...names, name });
  cache.get("sub");
  renameSync(join(at, "sub"), join(at, "moved"));
  symlinkSync("elsewhere", join(at, "sub"));
  writeFileSync(cache.get("sub/deep").path(text("file")), "1");
  t.strictSame(readdirSync(join(at, "moved", "deep")), ["file"]);
  t.strictSame(readdirSync(join(at, "elsewhere", "deep")), []);
  cache.close();
  t.throws(() => cache.get("sub/deep"), { code: /^(ENOTDIR|ELOOP)$/ }, "opened again, the link is met");
  t.equal(openBeneath(at), 0);
  t.end();
});

t.test("many folders, and deep ones, take few descriptors", { skip: notLinux }, (t) => {
  const { at, folder } = openHere(t, { wide: {} });
  const paths: string[] = [];
  for (let index = 0; index < 200; index += 1) {
    mkdirSync(join(at, "wide", `${index}`));
    paths.push(`wide/${index}`);
  }
  let path = "";
  for (let depth = 0; depth < 150; depth += 1) paths.push((path = path === "" ? "deep" : `${path}/d`));
  mkdirSync(join(at, path), { recursive: true });
  const cache = new FolderCache<string>(folder, {
    parent: (each) => (each === "" ? undefined : each.split("/").slice(0, -1).join("/")),
    name: (each) => text(each.split("/").at(-1) ?? ""),
  });
  for (const [index, each] of [...paths, path, ...paths.toReversed()].entries()) {
    writeFileSync(cache.get(each).path(text("file")), each);
    if (index % 50 === 49) t.ok(openBeneath(at) <= 65, each);
  }
  for (const each of paths) t.equal(readFileSync(join(at, each, "file"), "utf8"), each);
  cache.close();
  t.equal(openBeneath(at), 0);
  rmSync(at, { recursive: true });
  t.end();
});
