/** A folder of the commit on its way into the target. */
import { joinPath, type ByteString } from "../objects/byte-string.js";
import type { Attributes } from "../objects/entry.js";
import { Region } from "./folder-maker.js";
import { targetFolder, type RestoreTable } from "./restore-table.js";

export class TargetFolder {
  /** Undefined for the target itself. */
  readonly parent: TargetFolder | undefined;
  readonly name: ByteString;
  /** Those that it is to have when all is in it; undefined for a target that keeps its own. */
  readonly attributes: Attributes | undefined;
  /** Nothing was in it when it was opened. */
  readonly isNew: boolean;
  /** Unless it is told, its parent's. */
  readonly region: Region;
  /** It has had its attributes once; it may get them again. */
  isFinished = false;
  #round = 0;
  #number = targetFolder;

  constructor(
    parent: TargetFolder | undefined,
    name: ByteString,
    options: { attributes: Attributes | undefined; isNew: boolean; region?: Region },
  ) {
    this.parent = parent;
    this.name = name;
    this.attributes = options.attributes;
    this.isNew = options.isNew;
    this.region = options.region ?? parent?.region ?? new Region();
  }

  /** Within the target. */
  get path(): ByteString {
    return chainOf(this, isTarget)
      .map(({ name }) => name)
      .join("/") as ByteString;
  }

  /** The path of a name in it, within the target. */
  pathOf(name: ByteString): ByteString {
    return joinPath(this.path, name);
  }

  /** How many folders have to be added to the table of this round before a file in this one can be. */
  missingFrom(round: number): number {
    if (this.#isIn(round)) return 0;
    return chainOf(this, (folder) => folder.#isIn(round)).length;
  }

  /** Its number in the table of this round; added to it, with those above it, if it is not there yet. */
  numberIn(table: RestoreTable, round: number): number {
    if (this.#isIn(round)) return this.#number;
    const chain = chainOf(this, (each) => each.#isIn(round));
    let number = chain[0]?.parent === undefined ? targetFolder : chain[0].parent.#number;
    for (const folder of chain) {
      number = table.addFolder(number, folder.name);
      folder.#number = number;
      folder.#round = round;
    }
    return this.#number;
  }

  #isIn(round: number): boolean {
    return this.parent === undefined || this.#round === round;
  }
}

const isTarget = (folder: TargetFolder): boolean => folder.parent === undefined;

/** The folder and those that it lies in, the uppermost first, as far as one that ends the way up. */
function chainOf(folder: TargetFolder, isEnd: (folder: TargetFolder) => boolean): TargetFolder[] {
  const chain: TargetFolder[] = [];
  for (let at: TargetFolder | undefined = folder; at !== undefined && !isEnd(at); at = at.parent) chain.push(at);
  return chain.toReversed();
}
