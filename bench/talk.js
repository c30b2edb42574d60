/** What the bench says meanwhile goes to stderr; stdout is for tables alone. */

/**
 * @param {string} text one line
 */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/**
 * @param {string} text lines of an answer
 */
export function answer(text) {
  process.stdout.write(`${text}\n`);
}
