/** docs/security.md says what holds and which test tries it: those are there, none is left out, and so with the packages. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import t from "tap";
import { projectFolder } from "../helpers/project.js";

const read = (path: string): string => readFileSync(new URL(path, projectFolder), "utf8");
const text = read("docs/security.md");

t.test("each test that it names is there, and each that attacks is named", (t) => {
  const named = new Set([...text.matchAll(/`(test\/[\w/-]+\.test\.ts)`/g)].map(([, path]) => path as string));
  for (const path of named) t.ok(existsSync(new URL(path, projectFolder)), path);
  const attacks = readdirSync(new URL("test/attack/", projectFolder)).map((name) => `test/attack/${name}`);
  t.strictSame(
    attacks.filter((path) => !named.has(path)),
    [],
  );
  t.end();
});

t.test("each package that bak loads has its reason, and no other", (t) => {
  const { dependencies, optionalDependencies } = JSON.parse(read("package.json")) as Record<string, object>;
  const packages = Object.keys({ ...dependencies, ...optionalDependencies }).toSorted();
  const rows = text.slice(text.indexOf("## Dependencies")).matchAll(/^\| `([^`]+)` /gm);
  const named = [...rows].map(([, name]) => name ?? "");
  t.strictSame(named.toSorted(), packages);
  t.end();
});
