/** What commands that look into commits say of what the store has lost, and remember for `--json` and the exit code. */
import { exitCodes } from "../errors.js";
import { displayName, type ByteString } from "../objects/byte-string.js";
import type { ObjectId } from "../objects/object-id.js";
import { shortId } from "./format.js";

/** A folder of which something is lost, in a commit; where there is no path, the commit itself. */
export interface Loss {
  readonly path?: string;
  readonly commit: string;
}

export class LossTalk {
  readonly losses: Loss[] = [];
  readonly #complain: (text: string) => void;

  constructor(complain: (text: string) => void) {
    this.#complain = complain;
  }

  /** Tells of a folder of which something is lost, or of a commit that is. From then on the command has only partly done its work. */
  tell(path: ByteString | undefined, commit: ObjectId): void {
    process.exitCode = exitCodes.partly;
    const id = shortId(commit);
    if (path === undefined) {
      this.losses.push({ commit });
      return this.#complain(`cannot read commit '${id}': it is damaged or missing in the store`);
    }
    const name = path === "" ? "." : displayName(path);
    this.losses.push({ path: name, commit });
    this.#complain(
      `cannot look into '${name}' of commit '${id}': what was in it, or a part of that, is damaged or missing in the store`,
    );
  }
}
