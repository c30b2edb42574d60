/** The rules that hold in a folder, and which of them decides about a name: the order is that of gitignore(5). */
import { byteStringFromText, type ByteString } from "../objects/byte-string.js";
import type { LeaveOut, Reason } from "./leave-out.js";
import { parsePattern, parsePatterns, type Pattern } from "./patterns.js";

/** Rules from one place. */
interface Layer {
  readonly source: ByteString;
  /** How deep beneath the pushed folder that folder lies which they are written for. */
  readonly depth: number;
  readonly patterns: readonly (Pattern & { readonly line?: number })[];
}

/** A name in a folder. */
export interface NameInFolder {
  /** The names that lead to the folder, from the pushed one on. */
  readonly folders: readonly ByteString[];
  readonly name: ByteString;
  /** Whether it is a folder, which is asked only where it matters. */
  readonly isFolder: () => boolean;
}

/** Never changed: a folder with rules of its own has other ones. */
export class FolderRules {
  /** The first that says anything decides; within it, the last pattern. */
  readonly #layers: readonly Layer[];
  /** Those of a folder come before those of the folders above it, and after so many. */
  readonly #first: number;

  private constructor(layers: readonly Layer[], first: number) {
    this.#layers = layers;
    this.#first = first;
  }

  /** The rules that hold in the pushed folder before it has been looked at. */
  static of({ patterns, files }: LeaveOut): FolderRules {
    const given = { source: byteStringFromText("--exclude"), depth: 0, patterns: patterns.map(parsePattern) };
    const named = files.map(({ name, content }) => ({ source: name, depth: 0, patterns: parsePatterns(content) }));
    const first = patterns.length > 0 ? [given] : [];
    return new FolderRules([...first, ...named.toReversed()], first.length);
  }

  /** Whether there is no rule at all. */
  get isEmpty(): boolean {
    return this.#layers.length === 0;
  }

  /** With what a file in a folder says, which lies so deep beneath the pushed one. */
  with(file: { readonly source: ByteString; readonly depth: number; readonly content: ByteString }): FolderRules {
    const { source, depth, content } = file;
    const patterns = parsePatterns(content);
    if (patterns.length === 0) return this;
    return new FolderRules(this.#layers.toSpliced(this.#first, 0, { source, depth, patterns }), this.#first);
  }

  /** The rule by which a name is left out; undefined for one that is to be kept. */
  whyLeftOut({ folders, name, isFolder }: NameInFolder): Reason | undefined {
    for (const { source, depth, patterns } of this.#layers) {
      const beneath = depth === 0 ? folders : folders.slice(depth);
      const found = patterns.findLast(
        (pattern) => pattern.matches(beneath, name) && (!pattern.isForFolders || isFolder()),
      );
      if (found !== undefined) return found.isNegated ? undefined : { source, line: found.line, rule: found.text };
    }
    return undefined;
  }
}
