/** How a push sums up what it met. */
import t from "tap";
import { formatChanges, formatMoved } from "../../src/cli/push-talk.js";

const still = { changed: 0, grown: 0, shrunk: 0, replaced: 0, vanished: 0 };

t.test("what moved is counted in a line, if anything did", (t) => {
  t.equal(formatMoved({ moved: still }), undefined);
  t.equal(formatMoved({ moved: { ...still, grown: 1 } }), "1 file changed while being read");
  t.equal(formatMoved({ moved: { ...still, vanished: 2 } }), "2 paths vanished");
  const all = { changed: 1, grown: 1000, shrunk: 1, replaced: 2, vanished: 1 };
  t.equal(
    formatMoved({ moved: all }),
    "1,002 files changed while being read, 2 files replaced by something else, 1 path vanished",
  );
  t.end();
});

t.test("what was left out is counted beside what changed, if anything was", (t) => {
  const counts = { files: 1, dirs: 0, bytes: 0, unreadable: 0, added: 1200, changed: 0, removed: 3 };
  t.equal(formatChanges({ counts, ruledOut: 0 }), "1,200 added, 0 changed, 3 removed");
  t.equal(formatChanges({ counts, ruledOut: 4 }), "1,200 added, 0 changed, 3 removed, 4 left out");
  t.end();
});
