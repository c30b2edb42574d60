/** V8's flags have other names from line to line of Node, and those that it does not know it complains of. */
import { spawnSync } from "node:child_process";
import t from "tap";

t.test("this Node knows the flags that are set", (t) => {
  const module = new URL("../../src/threads/compile-later.js", import.meta.url).href;
  const script = `const { compileLater } = await import(${JSON.stringify(module)}); compileLater(); compileLater();`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  t.strictSame({ status, stdout, stderr }, { status: 0, stdout: "", stderr: "" });
  t.end();
});
