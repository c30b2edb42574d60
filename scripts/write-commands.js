/**
 * Writes docs/commands.md, the reference of all commands, from what they say of themselves in oclif.manifest.json.
 *
 *     npm run commands
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { format, resolveConfig } from "prettier";
import { manifestFile, root } from "./write-manifest.js";

/** @typedef {{ name: string, char?: string, summary?: string, description?: string, helpValue?: string | string[], type: string, options?: string[], default?: unknown, env?: string, multiple?: boolean, required?: boolean, hidden?: boolean, helpGroup?: string, allowNo?: boolean }} Flag */
/** @typedef {{ name: string, description?: string, required?: boolean, hidden?: boolean, options?: string[] }} Arg */
/** @typedef {{ description?: string, command: string } | string} Example */
/** @typedef {{ id: string, summary?: string, description?: string, usage?: string | string[], args: Record<string, Arg>, flags: Record<string, Flag>, examples?: Example[], hidden?: boolean, strict?: boolean }} Command */

export const commandsFile = join(root, "docs/commands.md");

/** The text of docs/commands.md. */
export async function makeCommands() {
  /** @type {{ usageLines: (command: Command) => string[] }} */
  const { usageLines } = await import(pathToFileURL(join(root, "dist/cli/usage.js")).href);
  const manifest = JSON.parse(readFileSync(manifestFile, "utf8"));
  /** @type {Command[]} */
  const commands = Object.values(manifest.commands);
  const shown = commands.filter(({ hidden }) => !hidden).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const text = [
    "# Commands",
    "What `bak COMMAND --help` says, for all commands. This page is written by `npm run commands`.",
    shown.map(({ id, summary }) => `- [\`bak ${spoken(id)}\`](#bak-${id.replaceAll(":", "-")}): ${summary}`).join("\n"),
    ...shown.flatMap((command) => describe(command, usageLines(command))),
  ].join("\n\n");
  return format(text, { ...(await resolveConfig(commandsFile)), filepath: commandsFile });
}

/** @param {string} id */
const spoken = (id) => id.replaceAll(":", " ");

/**
 * @param {Command} command
 * @param {string[]} usage
 */
function describe(command, usage) {
  const { id, summary, description, examples = [] } = command;
  const args = Object.values(command.args).filter(({ hidden }) => !hidden);
  const flags = Object.values(command.flags).filter(({ hidden, name }) => !hidden && name !== "json");
  const rows = [
    ...args.map((arg) => [`\`${arg.name.toUpperCase()}\``, sentence([arg.description, choices(arg)])]),
    ...flags.map((flag) => [`\`${nameOf(flag)}\``, textOf(flag)]),
  ];
  const table = rows.map((cells) => `| ${cells.map(inCell).join(" | ")} |`);
  return [
    `## bak ${spoken(id)}`,
    summary ?? "",
    `\`\`\`console\n${usage.map((line) => `$ bak ${line}`).join("\n")}\n\`\`\``,
    description ?? "",
    ["| | |", "| --- | --- |", ...table].join("\n"),
    ...(examples.length === 0 ? [] : [exampleOf(id, examples)]),
  ];
}

/** @param {Flag} flag */
function nameOf({ name, char, type, helpValue, allowNo }) {
  const value = type === "option" ? ` ${[helpValue ?? "VALUE"].flat()[0]}` : "";
  return `${char === undefined ? "" : `-${char}, `}--${allowNo ? "[no-]" : ""}${name}${value}`;
}

/** @param {Flag} flag */
function textOf(flag) {
  const { summary, description, env, default: initial, required } = flag;
  const more = [
    choices(flag),
    required ? "Required." : "",
    typeof initial === "string" || typeof initial === "number" ? `Default: \`${initial}\`.` : "",
    env === undefined ? "" : `Or the environment variable \`${env}\`.`,
  ];
  return sentence([summary, description, ...more]);
}

/** @param {{ options?: string[] }} of */
function choices({ options }) {
  return options === undefined ? "" : `One of ${options.map((option) => `\`${option}\``).join(", ")}.`;
}

/** @param {(string | undefined)[]} parts */
function sentence(parts) {
  const said = parts.filter((part) => part !== undefined && part !== "");
  return said.map((part, at) => (at < said.length - 1 && !/[.?!]$/.test(String(part)) ? `${part}.` : part)).join(" ");
}

/** @param {string} text */
function inCell(text) {
  return text.replaceAll("\n", " ").replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

/**
 * @param {string} id
 * @param {Example[]} examples
 */
function exampleOf(id, examples) {
  const lines = examples.flatMap((example) => {
    if (typeof example === "string") return [fill(example, id), ""];
    const { description, command } = example;
    return [...(description === undefined ? [] : [`# ${description}`]), fill(command, id), ""];
  });
  return `\`\`\`sh\n${lines.join("\n").trimEnd()}\n\`\`\``;
}

/**
 * @param {string} text
 * @param {string} id
 */
function fill(text, id) {
  return text.replaceAll("<%= config.bin %>", "bak").replaceAll("<%= command.id %>", spoken(id));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(commandsFile, await makeCommands());
