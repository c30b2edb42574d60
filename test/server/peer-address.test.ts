/** Whom the limits by address count as one. */
import fc from "fast-check";
import t from "tap";
import { addressOf, isLoopback, networkOf } from "../../src/server/peer-address.js";

t.test("a peer's address is what stands before its port", (t) => {
  for (const [peer, address] of [
    ["192.0.2.7:5000", "192.0.2.7"],
    ["192.0.2.7", "192.0.2.7"],
    ["[2001:db8::1]:5000", "2001:db8::1"],
    ["2001:db8::1", "2001:db8::1"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["[::FFFF:192.0.2.7]:1", "192.0.2.7"],
    ["unknown", "unknown"],
    ["unknown:0", "unknown"],
    ["x".repeat(100), "x".repeat(64)],
    ["", ""],
  ] as const) {
    t.equal(addressOf(peer), address, peer);
  }
  t.end();
});

t.test("addresses of one /64 are one, and of two are two; of IPv4 each is one", (t) => {
  for (const [peer, network] of [
    ["192.0.2.7:5000", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2::", "2001:db8:1:2::/64"],
    ["2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"],
    ["[2001:0DB8:0001:0002::9]:80", "2001:db8:1:2::/64"],
    ["2001:db8:1:3::", "2001:db8:1:3::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["1::", "1:0:0:0::/64"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4::/64"],
    ["1::4:5:6:7:8", "1:0:0:4::/64"],
    ["1:2:3:4:5:6:192.0.2.7", "1:2:3:4::/64"],
    ["64:ff9b::192.0.2.7", "64:ff9b:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["fe80::2%lo", "fe80:0:0:0::/64"],
    ["unknown", "unknown"],
  ] as const) {
    t.equal(networkOf(peer), network, peer);
  }
  t.end();
});

t.test("however an address of IPv6 is written, its first 64 bits say which network it is of", (t) => {
  fc.assert(
    fc.property(fc.ipV6(), fc.integer({ min: 1, max: 65_535 }), (address, port) => {
      // a URL writes each address in one way: four digits a group at most, and the longest row of zeros left out
      const host = new URL(`http://[${address}]/`).hostname.slice(1, -1);
      if (networkOf(address) !== networkOf(host)) throw new Error(`${address} ${host}`);
      if (networkOf(`[${address}]:${port}`) !== networkOf(address)) throw new Error(`${address} with a port`);
      const [prefix] = networkOf(host).split("::/64");
      if (new URL(`http://[${prefix}:1:2:3:4]/`).hostname === "" || prefix?.split(":").length !== 4)
        throw new Error(host);
      if (networkOf(`${prefix}:1:2:3:4`) !== networkOf(host)) throw new Error(`${host} in ${prefix}`);
    }),
  );
  t.end();
});

t.test("only this machine's own addresses are loopback", (t) => {
  for (const own of ["127.0.0.1", "127.255.0.1:80", "::1", "[::1]:80", "::ffff:127.0.0.1"]) t.ok(isLoopback(own), own);
  for (const other of ["192.0.2.7", "0.0.0.0", "::", "128.0.0.1", "::2", "localhost", ""])
    t.notOk(isLoopback(other), other);
  t.end();
});
