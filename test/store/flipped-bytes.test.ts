/** Every file of a store, with one byte of it wrong: a check tells, and what is restored is right or is not there. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { isBakError } from "../../src/errors.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import { openStore } from "../../src/store/open-store.js";
import type { Finding, Store } from "../../src/store/store.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { fastFolder } from "../helpers/fast-folder.js";
import { pushTo, restoreFrom } from "../helpers/store-client.js";

const project = parseProjectId("photos");

/** How many bytes are changed of one file: more of those whose every byte has a meaning of its own. */
const triesOf = (name: string): number => (name.startsWith("packs/") || name === "ballast" ? 6 : 25);

function filesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.filter((name) => statSync(join(folder, name)).isFile()).toSorted();
}

/** What a check finds; it reads all data. */
async function check(store: Store): Promise<Finding[]> {
  const findings: Finding[] = [];
  await store.check({
    readPermille: 1000,
    repair: false,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    onFinding: async (finding) => void findings.push(finding),
  });
  return findings;
}

t.test("a wrong byte anywhere is found, and never restored", async (t) => {
  const folder = fastFolder(t);
  const [source, sound, damaged] = [join(folder, "source"), join(folder, "sound"), join(folder, "damaged")];
  const versions = [join(folder, "first"), join(folder, "second")];
  mkdirSync(join(source, "deep"), { recursive: true });
  const store = await openStore(sound, { create: true, threads: 0 });
  const commits: ObjectId[] = [];
  for (const [at, version] of [...versions, join(folder, "third")].entries()) {
    writeFileSync(join(source, "deep", "text"), `this is number ${at}, `.repeat(50));
    writeFileSync(join(source, "photo"), seededBytes(at, 20_000));
    cpSync(source, version, { recursive: true });
    const { commit } = await pushTo(store, project, { folder: source, indexFile: join(folder, "index") });
    commits.push(commit as ObjectId);
  }
  await store.forget(project, commits.splice(2));
  t.strictSame(await check(store), [], "it is sound");
  await store.close();

  /** What is wrong with what comes back of the first two commits. */
  const restoreAll = async (opened: Store): Promise<string[]> => {
    const wrong: string[] = [];
    for (const [at, commit] of commits.entries()) {
      const target = join(folder, "target");
      rmSync(target, { recursive: true, force: true });
      let isWhole = true;
      try {
        await restoreFrom(opened, project, { commit, target });
      } catch {
        isWhole = false; // what is not there was told
      }
      const original = versions[at] as string;
      const found = existsSync(target) ? filesIn(target) : [];
      for (const name of found)
        if (!readFileSync(join(target, name)).equals(readFileSync(join(original, name)))) wrong.push(name);
      if (isWhole && found.length !== filesIn(original).length) wrong.push("not all");
    }
    return wrong;
  };

  for (const name of filesIn(sound).filter((each) => each !== "lock")) {
    const bytes = readFileSync(join(sound, name));
    const step = Math.max(1, Math.floor(bytes.length / triesOf(name)));
    const missed: string[] = [];
    for (let at = 0; at < bytes.length; at += step) {
      cpSync(sound, damaged, { recursive: true });
      const wrong = Buffer.from(bytes);
      wrong[at] = (wrong[at] as number) ^ (1 << (at % 8));
      writeFileSync(join(damaged, name), wrong);
      try {
        const opened = await openStore(damaged, { create: false, threads: 0 });
        if ((await check(opened)).length === 0) missed.push(`byte ${at} is not found`);
        missed.push(...(await restoreAll(opened)).map((path) => `byte ${at}: ${path}`));
        await opened.close();
      } catch (error) {
        if (!isBakError(error, "STORE_DAMAGED", "STORE_VERSION")) throw error;
      }
      rmSync(damaged, { recursive: true });
    }
    t.strictSame(missed, [], name);
  }
});
