/** Who owns what is restored. */
import t from "tap";
import { OwnerMap } from "../../src/client/owner-map.js";
import type { Attributes } from "../../src/objects/entry.js";
import { plainAttributes } from "../helpers/small-commit.js";
import { text } from "./world.js";

const commit = {
  users: [
    { id: 1000, name: text("ada") },
    { id: 1001, name: text("gone") },
    { id: 0, name: text("ada") },
  ],
  groups: [{ id: 100, name: text("users") }],
};
const users = { idOf: (name: string) => ({ ada: 501, root: 0 })[name], nameOf: () => undefined };
const groups = { idOf: (name: string) => ({ users: 20 })[name], nameOf: () => undefined };

const attributes = (uid: number, gid: number, mode = 0o6755): Attributes => ({ ...plainAttributes, uid, gid, mode });

t.test("root gives files to those who have the names here, and else to the numbers", (t) => {
  const map = new OwnerMap(commit, { isNumeric: false, uid: 0, gid: 0, users, groups });
  t.match(map.map(attributes(1000, 100)), { uid: 501, gid: 20, mode: 0o6755, isOwned: true });
  t.match(map.map(attributes(1001, 101)), { uid: 1001, gid: 101 });
  t.match(map.map(attributes(7, 8)), { uid: 7, gid: 8 });
  t.match(map.map(attributes(0, 0)), { uid: 0, gid: 0 }, "root stays root");
  const numeric = new OwnerMap(commit, { isNumeric: true, uid: 0, gid: 0, users, groups });
  t.match(numeric.map(attributes(1000, 100)), { uid: 1000, gid: 100, isOwned: true });
  t.end();
});

t.test("another keeps what is theirs, and runs nothing as themselves that ran as somebody else", (t) => {
  const map = new OwnerMap(commit, { isNumeric: false, uid: 501, gid: 20, users, groups });
  const [own, others, group] = [attributes(1000, 100), attributes(501, 7), attributes(1000, 7)].map((each) =>
    map.map(each),
  );
  t.match(own, { mode: 0o6755, isOwned: false });
  t.match(others, { mode: 0o4755, isOwned: false }, "501 has no name in the commit, and is ours");
  t.match(group, { mode: 0o4755 });
  t.notOk(own && map.isOther(own));
  t.ok(others && map.isOther(others));
  t.match(map.map(attributes(1001, 20)), { mode: 0o2755 });
  t.end();
});
