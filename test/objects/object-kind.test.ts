/** The kinds and their numbers stand in every pack's index. */
import t from "tap";
import { isObjectKind, maxObjectBytes, objectKinds } from "../../src/objects/object-kind.js";

t.test("kinds keep their order, and the limit its size", (t) => {
  t.strictSame(objectKinds, ["blob", "list", "tree", "commit"]);
  t.equal(maxObjectBytes, 8_388_608);
  t.end();
});

t.test("nothing else is a kind", (t) => {
  for (const kind of objectKinds) t.ok(isObjectKind(kind));
  for (const text of ["", "Blob", "blobs", "blob ", "toString", "__proto__", "length", "0"])
    t.notOk(isObjectKind(text));
  t.end();
});
