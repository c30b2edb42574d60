/** Who fails to log in waits; the table of them stays small. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import t from "tap";
import { FailedLogins } from "../../src/server/failed-logins.js";
import { addressOf, isLoopback, networkOf } from "../../src/server/peer-address.js";

t.test("the sixth try waits a second, the next two, and none more than a minute", (t) => {
  const failed = new FailedLogins();
  const waits: number[] = [];
  for (let count = 0, now = 0; count < 14; count += 1) {
    const wait = failed.waitMs("192.0.2.1:1000", now);
    waits.push(wait);
    now += wait;
    t.equal(failed.waitMs("192.0.2.1:1", now), 0, "and not a moment longer");
    failed.add("192.0.2.1:2000", now);
  }
  t.strictSame(waits, [0, 0, 0, 0, 0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  t.end();
});

t.test("a success, and a quarter of an hour, make up for it; nobody else is concerned", (t) => {
  const failed = new FailedLogins();
  const failSix = (peer: string): void => {
    for (let count = 0; count < 6; count += 1) failed.add(peer, 0);
  };
  failSix("192.0.2.1:5");
  t.equal(failed.waitMs("192.0.2.2:5", 0), 0);
  failed.clear("192.0.2.1:9");
  t.equal(failed.waitMs("192.0.2.1:5", 0), 0);
  failSix("192.0.2.1:5");
  t.ok(failed.waitMs("192.0.2.1:5", 1000) > 0);
  failed.add("192.0.2.1:5", 20 * 60_000);
  t.equal(failed.waitMs("192.0.2.1:5", 20 * 60_000), 0);
  t.end();
});

t.test("neighbours in one IPv6 network count as one", (t) => {
  const failed = new FailedLogins();
  for (let count = 0; count < 6; count += 1) failed.add(`[2001:db8:0:7::${count}]:400${count}`, 0);
  t.ok(failed.waitMs("[2001:db8::7:a:b:c:d]:1", 0) > 0);
  t.equal(failed.waitMs("[2001:db8:0:8::1]:1", 0), 0);
  t.end();
});

/** What is in use, after everything else has been collected. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("globalThis.gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

t.test("a million addresses take no more room than four thousand", (t) => {
  const failed = new FailedLogins();
  const before = heapBytes();
  for (let count = 0; count < 1_000_000; count += 1)
    failed.add(`10.${count >> 16}.${(count >> 8) & 255}.${count & 255}:1`, 0);
  t.ok(heapBytes() - before < 4 << 20);
  for (let count = 0; count < 6; count += 1) failed.add("192.0.2.1:1", 0);
  t.ok(failed.waitMs("192.0.2.1:1", 0) > 0, "and the latest are known");
  t.end();
});

t.test("addresses and networks of peers", (t) => {
  const known: Record<string, [address: string, network: string]> = {
    "192.0.2.1:5000": ["192.0.2.1", "192.0.2.1"],
    "192.0.2.1": ["192.0.2.1", "192.0.2.1"],
    "::ffff:192.0.2.1:5000": ["192.0.2.1", "192.0.2.1"],
    "[2001:db8::1]:5000": ["2001:db8::1", "2001:db8:0:0::/64"],
    "2001:db8:1:2:3:4:5:6": ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    "::1": ["::1", "0:0:0:0::/64"],
    "fe80::1%eth0": ["fe80::1%eth0", "fe80:0:0:0::/64"],
    "1::": ["1::", "1:0:0:0::/64"],
    "this process": ["this process", "this process"],
  };
  for (const [peer, expected] of Object.entries(known))
    t.strictSame([addressOf(peer), networkOf(peer)], expected, peer);
  t.equal(addressOf("x".repeat(1000)).length, 64);
  for (const address of ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"]) t.ok(isLoopback(address), address);
  for (const address of ["0.0.0.0", "::", "192.168.1.7", "128.0.0.1", "localhost", ""])
    t.notOk(isLoopback(address), address);
  t.end();
});
