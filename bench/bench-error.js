/** What the bench says and ends with, as opposed to a bug in it. */

/** A failure that the person at the terminal can do something about: one line, and perhaps what to do. */
export class BenchError extends Error {
  /**
   * @param {string} message lower case, no full stop, the subject in quotes
   * @param {{ hint?: string, cause?: unknown }} [options]
   */
  constructor(message, { hint, cause } = {}) {
    super(message, { cause });
    this.name = "BenchError";
    this.hint = hint;
  }
}
