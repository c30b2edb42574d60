/** README.md and README.ko.md say the same: what does not depend on the language is compared section by section. */
import { existsSync, readFileSync } from "node:fs";
import t from "tap";
import { projectFolder } from "../helpers/project.js";

/** A heading with what follows it, up to the next one. */
interface Section {
  level: number;
  title: string;
  /** Fenced blocks, with their fences. */
  blocks: string[];
  tableRows: number;
  listItems: number;
  /** What stands between backticks in the text, sorted: each language has words in an order of its own. */
  code: string[];
  /** Where links lead, sorted. */
  links: string[];
}

/** The sections of a page, the first of which begins with the title. */
function readSections(page: string): Section[] {
  const text = readFileSync(new URL(page, projectFolder), "utf8");
  const sections: Section[] = [];
  for (const [part] of text.matchAll(/^```[^]*?^```$|^.*$/gm)) {
    const heading = /^(#+) (.+)$/.exec(part);
    if (heading) sections.push(emptySection(heading[1] as string, heading[2] as string));
    const section = sections.at(-1);
    if (section === undefined) throw new Error(`${page} does not begin with a heading`);
    if (part.startsWith("```")) section.blocks.push(part);
    else readLine(section, part);
  }
  for (const section of sections) {
    section.code.sort();
    section.links.sort();
  }
  return sections;
}

function emptySection(marks: string, title: string): Section {
  return { level: marks.length, title, blocks: [], tableRows: 0, listItems: 0, code: [], links: [] };
}

function readLine(section: Section, line: string): void {
  if (line.startsWith("|")) section.tableRows++;
  if (/^\s*(?:[-*+]|\d+\.) /.test(line)) section.listItems++;
  for (const [, code] of line.matchAll(/`([^`]+)`/g)) section.code.push(code as string);
  for (const [, target] of line.matchAll(/\]\(([^)]+)\)/g)) section.links.push(target as string);
}

/** The anchor that GitHub gives a heading: letters and digits of any script, hyphens, and hyphens for spaces. */
function anchorOf(title: string): string {
  return `#${title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "")
    .replaceAll(" ", "-")}`;
}

const pages = { "README.md": "README.ko.md", "README.ko.md": "README.md" };
const [english, korean] = [readSections("README.md"), readSections("README.ko.md")];

t.test("both have the same headings, by their levels", async (t) => {
  t.same(
    korean.map((section) => section.level),
    english.map((section) => section.level),
  );
});

for (const [index, section] of english.entries()) {
  const other = korean[index] ?? emptySection("", "");
  t.test(`'${section.title}' and '${other.title}' have the same blocks, tables, lists, code and links`, async (t) => {
    const inBoth = (links: string[]) => links.filter((link) => !link.startsWith("#") && !(link in pages));
    t.same(other.blocks, section.blocks, "fenced blocks, byte for byte");
    t.equal(other.tableRows, section.tableRows, "rows of tables");
    t.equal(other.listItems, section.listItems, "items of lists");
    t.same(other.code, section.code, "commands, options and names in the text");
    t.same(inBoth(other.links), inBoth(section.links), "where links lead");
    t.equal(other.links.length, section.links.length, "as many links");
  });
}

for (const [page, other] of Object.entries(pages)) {
  t.test(`${page} links to the other language at its top, and nothing in it leads nowhere`, async (t) => {
    const sections = page === "README.md" ? english : korean;
    const anchors = sections.map((section) => anchorOf(section.title));
    const links = sections.flatMap((section) => section.links);
    t.ok(sections[0]?.links.includes(other), `a link to ${other}`);
    t.equal(new Set(anchors).size, anchors.length, "no two headings have one anchor");
    t.same(
      links.filter((link) => link.startsWith("#") && !anchors.includes(link)),
      [],
      "every anchor is that of a heading",
    );
    const files = links.filter((link) => !/^#|^https:/.test(link)).map((link) => link.split("#"));
    for (const [file, anchor] of files) {
      t.ok(existsSync(new URL(file as string, projectFolder)), `${file} is there`);
      if (anchor === undefined) continue;
      const elsewhere = readSections(file as string).map((section) => anchorOf(section.title));
      t.ok(elsewhere.includes(`#${anchor}`), `${file} has #${anchor}`);
    }
  });
}

t.test("every command is mentioned in both", async (t) => {
  const { commands } = JSON.parse(readFileSync(new URL("oclif.manifest.json", projectFolder), "utf8")) as {
    commands: Record<string, { hidden?: boolean }>;
  };
  for (const sections of [english, korean]) {
    const text = sections.flatMap(({ blocks, code }) => [...blocks, ...code]).join("\n");
    const missing = Object.keys(commands).filter(
      (name) => !new RegExp(`\\bbak ${name.replaceAll(":", " ")}\\b`).test(text),
    );
    t.same(missing, []);
  }
});
