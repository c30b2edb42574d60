/** The lines of a server: what clients write in them stays on its line. */
import t from "tap";
import { describeEvent } from "../../src/cli/serve-events.js";
import { BakError } from "../../src/errors.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";

const peer = "192.0.2.7:5000";
const project = parseProjectId("laptop");

t.test("who opened what, and what was committed", (t) => {
  t.equal(
    describeEvent({ type: "opened", peer, project, agent: "bak/1.2.3" }),
    "192.0.2.7:5000 bak/1.2.3 opened 'laptop'",
  );
  const commit = "0123456789abcdef".repeat(4) as ObjectId;
  t.equal(
    describeEvent({ type: "committed", peer, project, commit }),
    "192.0.2.7:5000 committed 0123456789ab to 'laptop'",
  );
  t.equal(
    describeEvent({ type: "forgotten", peer, project, count: 1, commits: [commit] }),
    "192.0.2.7:5000 forgot 1 commit of 'laptop'",
  );
  t.equal(
    describeEvent({ type: "broughtBack", peer, project, count: 2, commits: [commit] }),
    "192.0.2.7:5000 brought back 2 commits of 'laptop'",
  );
  t.equal(describeEvent({ type: "closed", peer }), "192.0.2.7:5000 left");
  t.end();
});

t.test("a client's words can neither begin a line nor move the cursor", (t) => {
  const agent = "bak/1\u001b[2J\n2026-01-01 root committed everything\u202e\r";
  const line = describeEvent({ type: "opened", peer, project, agent });
  t.equal(line, "192.0.2.7:5000 bak/1 [2J 2026-01-01 root committed everything opened 'laptop'");
  t.end();
});

t.test("a failure is its message, and a bug its stack", (t) => {
  const error = new BakError("BAD_MESSAGE", "malformed message: not MessagePack");
  t.equal(describeEvent({ type: "failed", peer, error }), "192.0.2.7:5000 malformed message: not MessagePack");
  const bug = new TypeError("x is undefined");
  t.match(
    describeEvent({ type: "failed", peer, error: bug }),
    /^192\.0\.2\.7:5000 internal error: TypeError: x.*\n +at /,
  );
  t.equal(describeEvent({ type: "failed", peer, error: "odd" }), "192.0.2.7:5000 internal error: odd");
  t.end();
});
