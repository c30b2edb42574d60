/**
 * Headers of a tar that any tar reads: ustar (POSIX.1-1988), and before it, where that has no room for something, a PAX
 * header (POSIX.1-2001, pax(1)) with records in the form that GNU tar writes and reads. Names go into records as the bytes
 * that they are: GNU tar does so too, and warns of `hdrcharset`, which would say that they may not be UTF-8.
 */
import { bytesOf, type ByteString } from "../objects/byte-string.js";
import type { Attributes } from "../objects/entry.js";
import { formatAcl } from "./acl-text.js";

export const tarBlockBytes = 512;
/** A tar ends with two empty blocks, and is a multiple of this: twenty blocks, a record of a tape. */
export const tarRecordBytes = 20 * tarBlockBytes;

const typeFlags = { file: "0", link: "1", symlink: "2", char: "3", block: "4", dir: "5", fifo: "6" } as const;
/** What a member of a tar is: `link` is another name of a member before it. */
export type TarKind = keyof typeof typeFlags;

export interface TarMember {
  readonly kind: TarKind;
  /** Relative, without a slash at its end; empty for the folder that all others are in. */
  readonly path: ByteString;
  readonly attributes: Attributes;
  /** Names of owner and group; empty where they are not known. */
  readonly user: ByteString;
  readonly group: ByteString;
  /** Of a file, in bytes; 0 for any other kind. */
  readonly sizeBytes: number;
  /** Of a symlink its target, of a link the path of the other name; empty for any other kind. */
  readonly target: ByteString;
  /** Of a device. */
  readonly device?: { readonly major: number; readonly minor: number };
}

/** What comes before the content of a member. */
export function encodeTarHeader(member: TarMember): Buffer {
  const records: Buffer[] = [];
  const header = encodeUstar(member, records);
  for (const { name, value } of member.kind === "link" ? [] : (member.attributes.extendedAttributes ?? [])) {
    const acl = formatAcl(name, value);
    if (acl !== undefined) records.push(paxRecord(acl.key, Buffer.from(acl.text, "latin1")));
    // a record's key ends at the first equals sign: GNU tar writes one in a key as %3D
    records.push(paxRecord(`SCHILY.xattr.${name.replaceAll("%", "%25").replaceAll("=", "%3D")}` as ByteString, value));
  }
  if (records.length === 0) return header;
  const pax = Buffer.concat(records);
  return Buffer.concat([encodePaxHeader(member, pax.length), pax, Buffer.alloc(tarPadding(pax.length)), header]);
}

/** How many bytes of zeros come after so many of content. */
export function tarPadding(sizeBytes: number): number {
  return (tarBlockBytes - (sizeBytes % tarBlockBytes)) % tarBlockBytes;
}

const fields = {
  name: { at: 0, length: 100 },
  mode: { at: 100, length: 8 },
  uid: { at: 108, length: 8 },
  gid: { at: 116, length: 8 },
  size: { at: 124, length: 12 },
  mtime: { at: 136, length: 12 },
  checksum: { at: 148, length: 8 },
  type: { at: 156, length: 1 },
  linkName: { at: 157, length: 100 },
  magic: { at: 257, length: 8 },
  user: { at: 265, length: 32 },
  group: { at: 297, length: 32 },
  devMajor: { at: 329, length: 8 },
  devMinor: { at: 337, length: 8 },
  prefix: { at: 345, length: 155 },
} as const;
type Field = (typeof fields)[keyof typeof fields];

function encodeUstar(member: TarMember, records: Buffer[]): Buffer {
  const { attributes, device } = member;
  const header = emptyHeader(typeFlags[member.kind], attributes.mode);
  const path = member.kind === "dir" ? (`${member.path === "" ? "." : member.path}/` as ByteString) : member.path;
  putPath(header, path, records);
  putText(header, fields.linkName, { key: "linkpath", text: member.target, records });
  putNumber(header, fields.uid, { key: "uid", value: attributes.uid, records });
  putNumber(header, fields.gid, { key: "gid", value: attributes.gid, records });
  putNumber(header, fields.size, { key: "size", value: member.sizeBytes, records });
  putText(header, fields.user, { key: "uname", text: member.user, records });
  putText(header, fields.group, { key: "gname", text: member.group, records });
  putTime(header, attributes, records);
  if (device !== undefined) {
    putNumber(header, fields.devMajor, { key: "SCHILY.devmajor", value: device.major, records });
    putNumber(header, fields.devMinor, { key: "SCHILY.devminor", value: device.minor, records });
  }
  return withChecksum(header);
}

/** The header of the records that are about the member after them. */
function encodePaxHeader({ path, attributes }: TarMember, length: number): Buffer {
  const header = emptyHeader("x", 0o644);
  const name = path.slice(path.lastIndexOf("/") + 1);
  put(header, fields.name, `./PaxHeaders/${isAscii(name as ByteString) ? name : "-"}`.slice(0, fields.name.length));
  octal(header, fields.size, length);
  octal(header, fields.mtime, Math.min(Math.max(attributes.mtimeSeconds, 0), 0o77777777777));
  return withChecksum(header);
}

function emptyHeader(type: string, mode: number): Buffer {
  const header = Buffer.alloc(tarBlockBytes);
  octal(header, fields.mode, mode);
  for (const field of [fields.uid, fields.gid, fields.size, fields.mtime]) octal(header, field, 0);
  put(header, fields.type, type);
  put(header, fields.magic, "ustar\x0000");
  return header;
}

/** The sum of the header's bytes, its own counted as spaces. */
function withChecksum(header: Buffer): Buffer {
  put(header, fields.checksum, "        ");
  let sum = 0;
  for (const byte of header) sum += byte;
  put(header, fields.checksum, `${sum.toString(8).padStart(6, "0")}\0 `);
  return header;
}

/** A path of up to 255 bytes may fit into two fields, if a slash is at the right place. */
function putPath(header: Buffer, path: ByteString, records: Buffer[]): void {
  const { name, prefix } = fields;
  if (isAscii(path)) {
    if (path.length <= name.length) return put(header, name, path);
    // the slash that ends the path of a folder does not count
    const slash = path.indexOf("/", path.length - name.length - 1);
    if (slash > 0 && slash <= prefix.length && slash < path.length - 1) {
      put(header, prefix, path.slice(0, slash));
      return put(header, name, path.slice(slash + 1));
    }
  }
  records.push(paxRecord("path" as ByteString, bytesOf(path)));
  put(header, name, path.slice(0, name.length));
}

interface Value {
  /** Of the record that it goes to, where the header has no room. */
  readonly key: string;
  readonly records: Buffer[];
}

function putText(header: Buffer, field: Field, { key, text, records }: Value & { text: ByteString }): void {
  // owners' names end with a NUL, others need not
  const room = field === fields.linkName ? field.length : field.length - 1;
  if (text.length > room || !isAscii(text)) records.push(paxRecord(key as ByteString, bytesOf(text)));
  put(header, field, text.slice(0, room));
}

function putNumber(header: Buffer, field: Field, { key, value, records }: Value & { value: number }): void {
  if (value < 8 ** (field.length - 1)) return octal(header, field, value);
  records.push(paxRecord(key as ByteString, Buffer.from(String(value))));
}

function putTime(header: Buffer, { mtimeSeconds, mtimeNanoseconds }: Attributes, records: Buffer[]): void {
  const fits = mtimeSeconds >= 0 && mtimeSeconds < 8 ** (fields.mtime.length - 1);
  if (fits) octal(header, fields.mtime, mtimeSeconds);
  if (fits && mtimeNanoseconds === 0) return;
  records.push(paxRecord("mtime" as ByteString, Buffer.from(paxTime(mtimeSeconds, mtimeNanoseconds))));
}

/** Seconds since 1970 as a decimal number, which for a time before has its fraction count backwards. */
function paxTime(seconds: number, nanoseconds: number): string {
  const isBefore = seconds < 0 && nanoseconds > 0;
  const whole = isBefore ? seconds + 1 : seconds;
  const sign = isBefore && whole === 0 ? "-" : "";
  const fraction = String(isBefore ? 1_000_000_000 - nanoseconds : nanoseconds).padStart(9, "0");
  return `${sign}${whole}${nanoseconds === 0 ? "" : `.${fraction.replace(/0+$/, "")}`}`;
}

/** `LENGTH KEY=VALUE` and a line break, where the length is that of all of it, its own digits included. */
function paxRecord(key: ByteString, value: Uint8Array): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, "latin1"), value, Buffer.from("\n")]);
}

function put(header: Buffer, field: Field, text: string): void {
  header.write(text, field.at, field.length, "latin1");
}

/** Digits, and a NUL after them. */
function octal(header: Buffer, field: Field, value: number): void {
  put(header, field, value.toString(8).padStart(field.length - 1, "0"));
}

function isAscii(text: ByteString): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 0x7e) return false;
  return true;
}
