/** Zstd from one end to the other: pushed where Node has it, refused with words where it has not, and restored everywhere. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { BakUser, differences, type PushAnswer } from "../helpers/bak-process.js";
import { makeSampleFolder } from "../helpers/sample-folder.js";

const hasZstd = "zstd" in process.versions;

function suffixes(store: string): string[] {
  const names = readdirSync(join(store, "packs"), { recursive: true, encoding: "utf8" });
  return [...new Set(names.flatMap((name) => /\.tar\.\w+$/.exec(name) ?? []))].toSorted();
}

async function restoresAll(t: Test, user: BakUser, place: readonly string[], to: string): Promise<void> {
  t.match(await user.run(["restore", "--to", join(user.home, to), "-p", "p", ...place]), { code: 0, stderr: "" });
  t.equal(differences(join(user.home, "docs"), join(user.home, to)), "", "what comes back is what was pushed");
}

function prepare(t: Test): { user: BakUser; docs: string; store: string } {
  const user = new BakUser(t, t.testdir());
  const docs = join(user.home, "docs");
  makeSampleFolder(docs, { many: 60, nested: 5, before: 3 });
  return { user, docs, store: join(user.home, "store") };
}

t.test("a store that is served with zstd gets zstd from whoever can, and gzip from the others", async (t) => {
  const { user, docs, store } = prepare(t);
  const server = await user.serve(store, "0", ["--compression", "zstd"]);
  const place = ["-s", server.url];
  await user.json<PushAnswer>(["push", docs, "-p", "p", ...place]);
  t.strictSame(suffixes(store), [hasZstd ? ".tar.zst" : ".tar.gz"]);
  await restoresAll(t, user, place, "over-the-network");
  writeFileSync(join(docs, "one-more"), "more");
  t.equal((await user.run(["push", docs, "-p", "p", "--compression", "gzip", ...place])).code, 0);
  t.strictSame(suffixes(store), hasZstd ? [".tar.gz", ".tar.zst"] : [".tar.gz"], "its user's word counts before that");
  await server.stop();
  const config = JSON.parse(readFileSync(join(store, "config.json"), "utf8")) as unknown;
  t.match(config, { version: hasZstd ? 2 : 1, compression: "zstd" });
  await restoresAll(t, user, ["-s", store], "from-the-folder");
});

t.test("a user's own wish is met, or refused with what to do", async (t) => {
  const { user, docs, store } = prepare(t);
  const wish = await user.run(["push", docs, "-p", "p", "--compression", "zstd", "-s", store]);
  if (hasZstd) {
    t.equal(wish.code, 0);
    t.strictSame(suffixes(store), [".tar.zst"]);
    const packs = readdirSync(join(store, "packs"), { recursive: true, encoding: "utf8" });
    for (const pack of packs.filter((name) => name.endsWith(".tar.zst"))) {
      const path = join(store, "packs", pack);
      t.equal(spawnSync("zstd", ["-tq", path]).status, 0, "the zstd program finds nothing wrong");
      t.match(spawnSync("tar", ["tf", path], { encoding: "utf8" }).stdout, /^commit\/[0-9a-f]{64}$/m, "tar lists it");
    }
  } else {
    t.match(wish, { code: 1, stderr: /cannot compress with zstd[^]*22\.15/ });
    t.equal((await user.run(["push", docs, "-p", "p", "-s", store])).code, 0);
  }
  await restoresAll(t, user, ["-s", store], "back");
});

t.test("with none, nothing is compressed", async (t) => {
  const { user, docs, store } = prepare(t);
  writeFileSync(join(docs, "zeros"), Buffer.alloc(1 << 20));
  const { sent } = await user.json<PushAnswer>(["push", docs, "-p", "p", "--compression", "none", "-s", store]);
  t.ok(sent.packedBytes > 1 << 20);
  t.strictSame(suffixes(store), [".tar.gz"]);
  await restoresAll(t, user, ["-s", store], "back");
});
