/** The audit trail: a line of JSON for each deed, in a file that may be moved away. */
import { existsSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { auditRecord, openAuditLog } from "../../src/cli/audit-log.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";

const project = parseProjectId("laptop-docs");
const peer = "192.0.2.7:5000";
const commit = "ab".repeat(32) as ObjectId;

const linesIn = (path: string): unknown[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);

t.test("lines are appended, and go on in a new file after it was moved", async (t) => {
  const path = join(t.testdir(), "audit");
  const errors: Error[] = [];
  const audit = await openAuditLog(path, (error) => void errors.push(error));
  t.equal(statSync(path).mode & 0o777, 0o600);
  audit.write({ type: "committed", peer, project, commit, token: "laptop" });
  audit.write({ type: "closed", peer });
  t.match(linesIn(path), [{ time: /^\d{4}-.*Z$/, event: "push", peer, token: "laptop", project, commit }]);
  t.strictSame(Object.keys(linesIn(path)[0] as object), [
    "level",
    "time",
    "event",
    "peer",
    "token",
    "project",
    "commit",
  ]);
  renameSync(path, `${path}.1`);
  audit.write({ type: "login", peer, project, token: "laptop" });
  t.notOk(existsSync(path));
  audit.reopen();
  audit.write({ type: "loginRefused", peer, project, why: "unknown token" });
  t.equal(linesIn(`${path}.1`).length, 2);
  t.match(linesIn(path), [{ event: "login refused", why: "unknown token" }]);
  audit.close();
  const again = await openAuditLog(path, () => undefined);
  again.write({ type: "unlocked" });
  again.close();
  t.equal(linesIn(path).length, 2);
  t.strictSame(errors, []);
});

t.test("a file that can't be written is told of before anything is served, or kept instead", async (t) => {
  const folder = t.testdir({ gone: {} });
  await t.rejects(
    openAuditLog(folder, () => undefined),
    { code: "USAGE" },
  );
  await t.rejects(
    openAuditLog(join(folder, "missing", "audit"), () => undefined),
    { code: "USAGE" },
  );
  const audit = await openAuditLog(join(folder, "gone", "audit"), () => undefined);
  renameSync(join(folder, "gone"), join(folder, "moved"));
  t.throws(() => audit.reopen(), { code: "USAGE" });
  audit.write({ type: "unlocked" });
  t.equal(linesIn(join(folder, "moved", "audit")).length, 1);
  audit.close();
});

t.test("what clients write stays on its line, and many commits are counted", (t) => {
  const agent = 'evil"}\n{"event":"push"\u001b[2J';
  t.notMatch(JSON.stringify(auditRecord({ type: "opened", peer, project, agent })), /\n|\\n|\\u001b/);
  const commits = Array.from({ length: 60_000 }, () => commit);
  const record = auditRecord({ type: "forgotten", peer, project, count: 60_000, commits });
  t.equal((record?.["commits"] as unknown[] | undefined)?.length, 100);
  t.equal(record?.["count"], 60_000);
  t.end();
});

t.test(
  "a disk that is full loses lines, and says so, and nothing else",
  { skip: !existsSync("/dev/full") },
  async (t) => {
    const errors: Error[] = [];
    const audit = await openAuditLog("/dev/full", (error) => void errors.push(error));
    for (let count = 0; count < 50_000; count += 1) audit.write({ type: "login", peer, project, token: "laptop" });
    t.ok(errors.length > 0);
    t.match(errors[0], { code: "ENOSPC" });
    audit.close();
  },
);
