/** What the bench says and ends with, as opposed to a bug in it. */

/** A failure that the person at the terminal can do something about: one line, and perhaps what to do. */
export class BenchError extends Error {
  /**
   * @param {string} message lower case, no full stop, the subject in quotes
   * @param {{ hint?: string, cause?: unknown, exitCode?: number }} [options] 2 is for wrong usage
   */
  constructor(message, { hint, cause, exitCode = 1 } = {}) {
    super(message, { cause });
    this.name = "BenchError";
    this.hint = hint;
    this.exitCode = exitCode;
  }
}
