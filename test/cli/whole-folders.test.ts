/** Folders that are new or gone stand for all that is in them. */
import t from "tap";
import { WholeFolders } from "../../src/cli/whole-folders.js";
import type { ChangeEvent } from "../../src/client/changes.js";
import type { ByteString } from "../../src/objects/byte-string.js";

t.test("what is in a folder that came or went with it is told of with that", (t) => {
  const whole = new WholeFolders();
  const list = (type: ChangeEvent["type"], path: string): boolean =>
    !whole.has({
      type,
      path: path.replace(/[/]$/, "") as ByteString,
      entry: { kind: path.endsWith("/") ? "dir" : "file" },
    });
  t.ok(list("added", "a/"));
  t.notOk(list("added", "a/b/"));
  t.notOk(list("added", "a/b/c"));
  t.notOk(list("added", "a/d"));
  t.ok(list("added", "a.txt"));
  t.ok(list("added", "ab/"));
  t.ok(list("changed", "d/"), "one that was there before says nothing of what is in it");
  t.ok(list("changed", "d/x"));
  t.ok(list("added", "d/y"));
  t.ok(list("removed", "e/"));
  t.notOk(list("removed", "e/x"));
  t.ok(list("added", "e"), "what came in its place is told of");
  t.ok(list("removed", "f"));
  t.end();
});
