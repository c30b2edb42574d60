/** Where a connection comes from: the address within `ADDRESS:PORT`, and the network that it stands for. */
import { BlockList, isIP, isIPv4 } from "node:net";

/** Whether only this machine reaches an address. */
export function isLoopback(address: string): boolean {
  const loopback = new BlockList();
  loopback.addSubnet("127.0.0.0", 8);
  loopback.addAddress("::1", "ipv6");
  const bare = addressOf(address);
  return isIP(bare) !== 0 && loopback.check(bare, isIPv4(bare) ? "ipv4" : "ipv6");
}

/** The address of a peer without its port; what is no address stays as it is, as far as it is short. */
export function addressOf(peer: string): string {
  const [, bare = peer] = /^\[?(.*?)\]?(?::\d{1,5})?$/.exec(peer) ?? [];
  const address = isIP(peer) !== 0 ? peer : bare;
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  return (mapped ?? address).slice(0, 64);
}

/** What counts as one who tries again: an IPv4 address, or the /64 of an IPv6 one, since whoever has one of those has them all. */
export function networkOf(peer: string): string {
  const written = addressOf(peer).replace(/%.*$/, "");
  if (isIPv4(written) || isIP(written) === 0) return written;
  const address = written.replace(/:[\d.]+\.\d+$/, ":0:0"); // four bytes in the end stand for two groups
  const [before = "", after = ""] = address.split("::");
  const groups = before === "" ? [] : before.split(":");
  const rest = after === "" ? [] : after.split(":");
  const isShortened = address.includes("::");
  const whole = isShortened
    ? [...groups, ...Array<string>(Math.max(8 - groups.length - rest.length, 0)).fill("0"), ...rest]
    : groups;
  return `${whole
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
