/** A process that makes one token after the other in the folder that it is given, until it is killed. */
import { makeToken } from "./make-token.js";

const [, , folder = "", prefix = "", count = "1000000"] = process.argv;
for (let index = 0; index < Number(count); index += 1) {
  await makeToken(folder, `${prefix}${index}`);
  process.stdout.write(`${index}\n`);
  if (index >= 400) break; // a store has no room for many more
}
