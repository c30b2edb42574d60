/**
 * A number above 0 from the command line; any other text ends the process as wrong usage.
 * @param {string} text
 */
export function positive(text) {
  const number = Number(text);
  if (!(number > 0)) {
    console.error(`not a number above 0: '${text}'`);
    process.exit(2);
  }
  return number;
}
