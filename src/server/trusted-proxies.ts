/** Whom a reverse proxy speaks for: the address that it has written into X-Forwarded-For, if it is one that is trusted. */
import { BlockList, isIP, isIPv4 } from "node:net";
import { BakError } from "../errors.js";
import { addressOf } from "./peer-address.js";

/** So many hops are looked at. */
const maxHops = 32;

/** The proxies whose word counts. */
export class TrustedProxies {
  readonly #list = new BlockList();

  /** Addresses, and networks such as `10.0.0.0/8`. Throws USAGE for anything else. */
  constructor(names: readonly string[]) {
    for (const name of names) this.#add(name);
  }

  /** Whether a connection from there may speak for others. */
  has(address: string): boolean {
    return isIP(address) !== 0 && this.#list.check(address, isIPv4(address) ? "ipv4" : "ipv6");
  }

  /**
   * Where a request comes from: the last hop that is not a trusted proxy. What stands to the left of that is its own word, and
   * is not looked at; where a proxy has written what is no address, it is the proxy that counts.
   */
  originOf(remote: string, forwarded: string | readonly string[] | undefined): string {
    let origin = addressOf(remote);
    const hops = [forwarded ?? []].flat().join(",").split(",").slice(-maxHops);
    while (this.has(origin)) {
      const hop = addressOf((hops.pop() ?? "").trim());
      if (isIP(hop) === 0) return origin;
      origin = hop;
    }
    return origin;
  }

  #add(name: string): void {
    const [address = "", bits, ...more] = name.trim().split("/");
    const family = isIPv4(address) ? "ipv4" : "ipv6";
    const isNumber = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === "ipv4" ? 32 : 128));
    if (isIP(address) === 0 || address.includes("%") || !isNumber || more.length > 0) {
      throw new BakError("USAGE", `not an address or a network: '${name}'`, {
        hint: "such as 127.0.0.1 or 10.0.0.0/8",
      });
    }
    if (bits === undefined) this.#list.addAddress(address, family);
    else this.#list.addSubnet(address, Number(bits), family);
  }
}
