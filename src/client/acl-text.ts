/**
 * POSIX ACLs as the text that tar has them in. On Linux they are extended attributes (acl(5)); in memory, as in
 * include/uapi/linux/posix_acl_xattr.h: a version of 32 bits, and for each entry a tag and permissions of 16 bits and an id of 32, all
 * little-endian.
 */
import type { ByteString } from "../objects/byte-string.js";

const keys: ReadonlyMap<string, ByteString> = new Map([
  ["system.posix_acl_access", "SCHILY.acl.access" as ByteString],
  ["system.posix_acl_default", "SCHILY.acl.default" as ByteString],
]);
const version = 2;
const headBytes = 4;
const entryBytes = 8;
/** What an entry is about, and whether it names somebody. */
const tags: ReadonlyMap<number, { readonly name: string; readonly hasId: boolean }> = new Map([
  [0x01, { name: "user", hasId: false }],
  [0x02, { name: "user", hasId: true }],
  [0x04, { name: "group", hasId: false }],
  [0x08, { name: "group", hasId: true }],
  [0x10, { name: "mask", hasId: false }],
  [0x20, { name: "other", hasId: false }],
]);

/** The record of a tar for an extended attribute that is an ACL: users and groups by number; undefined for any other, and for a malformed one. */
export function formatAcl(name: ByteString, value: Uint8Array): { key: ByteString; text: string } | undefined {
  const key = keys.get(name);
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  if (key === undefined || value.length < headBytes || (value.length - headBytes) % entryBytes !== 0) return undefined;
  if (view.getUint32(0, true) !== version) return undefined;
  const entries: string[] = [];
  for (let at = headBytes; at < value.length; at += entryBytes) {
    const tag = tags.get(view.getUint16(at, true));
    const permissions = view.getUint16(at + 2, true);
    if (tag === undefined || permissions > 7) return undefined;
    const letters = Array.from("rwx", (letter, bit) => ((permissions >> (2 - bit)) & 1 ? letter : "-")).join("");
    entries.push(`${tag.name}:${tag.hasId ? view.getUint32(at + 4, true) : ""}:${letters}`);
  }
  return { key, text: entries.join(",") };
}
