/** Names of users and groups, as `getent` has them. */
import { spawnSync } from "node:child_process";
import t, { type Test } from "tap";
import { loadGroupNames, loadUserNames, type OwnerNames } from "../../src/platform/owner-names.js";

function agreesWith(t: Test, names: OwnerNames, database: string): void {
  const { stdout, status } = spawnSync("getent", [database], { encoding: "latin1" });
  if (status !== 0) return t.comment("there is no getent here");
  const lines = stdout.trimEnd().split("\n");
  t.ok(lines.length > 3);
  for (const line of lines) {
    const [name = "", , number] = line.split(":");
    t.equal(names.nameOf(Number(number)), name);
    t.equal(names.idOf(name), Number(number));
  }
}

t.test("every user and group is known by name and by number", (t) => {
  agreesWith(t, loadUserNames(), "passwd");
  agreesWith(t, loadGroupNames(), "group");
  t.end();
});

t.test("who is not there has no name and no number", (t) => {
  for (const names of [loadUserNames(), loadGroupNames()]) {
    t.equal(names.nameOf(3_999_999_999), undefined);
    t.equal(names.idOf("nobody-of-that-name"), undefined);
    t.equal(names.idOf("\xff\xfe"), undefined);
    t.equal(names.idOf("x".repeat(100_000)), undefined);
  }
  t.end();
});
