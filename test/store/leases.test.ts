/** What leases hold while a store is cleaned: it may not grow with how many come and go meanwhile. */
import t from "tap";
import { Leases } from "../../src/store/leases.js";
import { ObjectIndex } from "../../src/store/object-index.js";

t.test("however many come and go during a cleaning, what they held is kept once", (t) => {
  const leases = new Leases(new ObjectIndex());
  const lasting = leases.open();
  const end = leases.beginCleaning();
  for (let count = 0; count < 1000; count += 1) leases.open().release();
  t.equal(leases.all.length, 2, "that of who is there, and one for all others");
  lasting.release();
  lasting.release();
  t.equal(leases.all.length, 1);
  end();
  t.equal(leases.all.length, 0);
  t.end();
});
