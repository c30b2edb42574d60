/** The worked examples in docs/ are what the code makes today; with `--test-arg=--write` they are written again. */
import { readFileSync, writeFileSync } from "node:fs";
import t from "tap";
import { compressMember, inflateMember } from "../../src/objects/member-gzip.js";
import { packTrailers } from "../../src/objects/pack-format.js";
import { parseHex } from "./annotate.js";
import { makeExamples, memberTars } from "./examples.js";
import { projectFolder } from "../helpers/project.js";

const documents = ["format", "protocol"].map((name) => new URL(`docs/${name}.md`, projectFolder));
const block = /^```(hex|text) (\S+)\n([^]*?)\n?^```$/gm;

/** The text of every example in a document, by its name. */
function readExamples(document: URL): Map<string, string> {
  const text = readFileSync(document, "utf8");
  return new Map([...text.matchAll(block)].map(([, , name, example]) => [name as string, example as string]));
}

async function compressExamples(): Promise<Buffer[]> {
  return (await memberTars()).map((tar) => compressMember(tar, 2));
}

/** The members of the pack as the document has them: how they are compressed depends on the machine's zlib. */
function membersIn(example: string): Buffer[] {
  const pack = example.split(/^(?=\S+ +# (?:member|trailer))/m).map((part) => parseHex(part));
  const trailer = pack.pop();
  t.same(trailer, packTrailers.gzip, "the pack of the example ends in the trailer");
  return pack;
}

if (process.argv.includes("--write")) {
  const examples = await makeExamples(await compressExamples());
  for (const document of documents) {
    const text = readFileSync(document, "utf8").replaceAll(block, (whole, form: string, name: string) => {
      const example = examples.get(name);
      return example === undefined ? whole : `\`\`\`${form} ${name}\n${example}\n\`\`\``;
    });
    writeFileSync(document, text);
  }
}

const written = new Map(documents.flatMap((document) => [...readExamples(document)]));
const members = membersIn(written.get("pack") ?? "");
const examples = await makeExamples(members);

t.test("the members of the example's pack inflate to what the code packs", async (t) => {
  t.same(await Promise.all(members.map((member) => inflateMember(member))), await memberTars());
});

for (const [name, example] of examples)
  t.equal(written.get(name), example, `the example '${name}' is what the code makes`);

t.same(
  [...written.keys()].filter((name) => !examples.has(name)),
  [],
  "every example in docs/ is made by the code",
);
