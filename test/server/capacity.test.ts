/** What a server takes on, by how many files it may have open and by its memory. */
import { totalmem } from "node:os";
import t from "tap";
import { capacityOf } from "../../src/server/capacity.js";

const mib = 1 << 20;

t.test("sessions and those who wait fit into the files that may be open, with room for the store's own", (t) => {
  for (const descriptors of [64, 128, 256, 400, 512, 1024, 2048, 4096, 10_000, 65_536, 1_000_000]) {
    const { sessions, sessionsPerAddress, waiting, waitingPerAddress } = capacityOf({}, descriptors);
    const taken = 6 * sessions + waiting;
    t.ok(taken + Math.min(256, descriptors / 2) <= descriptors, `${sessions} and ${waiting}, of ${descriptors}`);
    t.equal(sessionsPerAddress, sessions, "one laptop's network, or a proxy, may have them all");
    t.ok(waitingPerAddress * 4 >= waiting && waitingPerAddress < waiting, "nobody can have all the places to wait");
  }
  t.end();
});

t.test("however few files there may be, some are served; however many, there is an end", (t) => {
  for (const descriptors of [0, 1, 20]) {
    t.match(capacityOf({}, descriptors), { sessions: 1, waiting: 4, waitingPerAddress: 1 }, `${descriptors}`);
  }
  t.match(capacityOf({}, 64), { sessions: 4, waiting: 8, waitingPerAddress: 2 });
  for (const descriptors of [20_000, Number.MAX_SAFE_INTEGER, Infinity]) {
    t.match(capacityOf({}, descriptors), { sessions: 1000, waiting: 512, waitingPerAddress: 128 }, `${descriptors}`);
  }
  t.match(capacityOf({}, 1024), { sessions: 106, waiting: 128, waitingPerAddress: 32 });
  t.end();
});

t.test("what is held is a part of the memory", (t) => {
  const { heldBytes } = capacityOf();
  t.ok(heldBytes >= 128 * mib && heldBytes <= 2048 * mib);
  t.ok(heldBytes <= Math.max(128 * mib, totalmem() / 4));
  t.end();
});

t.test("what its owner has said counts, and nothing else changes by it", (t) => {
  const own = capacityOf({}, 1024);
  t.strictSame(capacityOf({ sessions: 3, heldBytes: 5 }, 1024), { ...own, sessions: 3, heldBytes: 5 });
  t.end();
});
