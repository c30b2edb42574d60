/** Buffers that are not needed any more are freed, however little else there is to collect. */
import t from "tap";
import { countGarbage } from "../../src/threads/collect-garbage.js";

t.test("what was counted does not pile up", (t) => {
  const bytes = 1 << 20;
  let most = 0;
  for (let count = 0; count < 200; count += 1) {
    Buffer.alloc(bytes, 1);
    countGarbage(bytes);
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  }
  t.ok(most < 16 << 20, `${most >> 20} MiB at most`);
  t.end();
});
