/** The folder that a user names, as it really is. */
import { mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { findSourceFolder } from "../../src/client/source-stat.js";

t.test("a link leads to its folder, whatever bytes are on the way", (t) => {
  const root = realpathSync(t.testdir({}));
  mkdirSync(Buffer.from(`${root}/\xff/in`, "latin1"), { recursive: true });
  symlinkSync(Buffer.from("\xff/in", "latin1"), join(root, "link"));
  t.equal(findSourceFolder(join(root, "link")), `${root}/\xff/in`);
  t.throws(() => findSourceFolder(join(root, "none")), { code: "SOURCE_FAILED", message: /^no such folder: / });
  symlinkSync("loop", join(root, "loop"));
  t.throws(() => findSourceFolder(join(root, "loop")), { code: "SOURCE_FAILED", message: /^cannot read '.*loop': / });
  t.end();
});
