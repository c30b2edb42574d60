/**
 * The tar entries inside one member of a pack: `blob/<id>`, `list/<id>`, `tree/<id>` or `commit/<id>`, each a plain ustar
 * header (POSIX.1-1988) with mode 0444, owner 0, mtime 0, and the object's bytes padded to 512.
 */
import { pack } from "tar-stream";
import { BakError } from "../errors.js";
import { isObjectId, type ObjectId } from "./object-id.js";
import { isObjectKind, maxObjectBytes, type ObjectKind, type PackedObject } from "./object-kind.js";
import { tarBlockBytes } from "./pack-format.js";

const epoch = new Date(0);

/** An object inside a member: where its bytes stand in the member's tar, and how many they are. */
export interface MemberObject {
  readonly kind: ObjectKind;
  readonly id: ObjectId;
  readonly offset: number;
  readonly length: number;
}

/** How many bytes of tar an object of `length` bytes takes. */
export function tarLength(length: number): number {
  return tarBlockBytes + Math.ceil(length / tarBlockBytes) * tarBlockBytes;
}

/**
 * Makes the tar of one member, without tar's end mark: what is then compressed. It is made in `scratch` where that is large
 * enough: memory that is used again costs less than new memory.
 */
export type MemberTarEncoder = (objects: readonly PackedObject<ObjectId>[], scratch?: Uint8Array) => Buffer;

/** What makes tars at once, for who must not let anything else run between a tar in shared memory and its use. */
export async function memberTarEncoder(): Promise<MemberTarEncoder> {
  headerForm ??= makeHeaderForm();
  const form = await headerForm;
  return (objects, scratch) => encodeTar(objects, form, scratch);
}

/** The tar of one member, in memory of its own. */
export async function encodeMemberTar(objects: readonly PackedObject<ObjectId>[]): Promise<Buffer> {
  const encode = await memberTarEncoder();
  return encode(objects);
}

function encodeTar(objects: readonly PackedObject<ObjectId>[], form: Buffer, scratch?: Uint8Array): Buffer {
  const length = objects.reduce((sum, { bytes }) => sum + tarLength(bytes.length), 0);
  const fits = scratch !== undefined && scratch.length >= length;
  const tar = fits ? asBuffer(scratch).subarray(0, length) : Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const { kind, id, bytes } of objects) {
    form.copy(tar, at);
    fillHeader(tar, at, { name: `${kind}/${id}`, length: bytes.length });
    const end = at + tarLength(bytes.length);
    tar.set(bytes, at + tarBlockBytes);
    tar.fill(0, at + tarBlockBytes + bytes.length, end);
    at = end;
  }
  return tar;
}

let headerForm: Promise<Buffer> | undefined;

/** The header that tar-stream gives an entry of ours, for all entries: only name, size and checksum differ. */
async function makeHeaderForm(): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: "-", size: 0, mode: 0o444, uid: 0, gid: 0, mtime: epoch, type: "file" }, "");
  tar.finalize();
  for await (const header of tar) return Buffer.from(header as Uint8Array);
  throw new Error("tar-stream made no header");
}

/** Writes name, size and checksum into a header whose other fields stand already. */
function fillHeader(tar: Buffer, at: number, entry: { name: string; length: number }): void {
  const size = entry.length.toString(8).padStart(11, "0");
  tar.write(entry.name, at, "latin1");
  tar.write(size, at + 124, "latin1");
  tar.write(checksumOf(entry.name, size), at + 148, "latin1");
}

/** The checksum field of our only form of header, from what differs in it. */
function checksumOf(name: string, size: string): string {
  let sum = fixedSum;
  for (let index = 0; index < name.length; index += 1) sum += name.charCodeAt(index);
  for (let index = 0; index < size.length; index += 1) sum += size.charCodeAt(index);
  return sum.toString(8).padStart(6, "0");
}

/**
 * The objects that a member's tar holds. Throws BAD_PACK unless the bytes are exactly what `encodeMemberTar` makes, so
 * that nothing hides in a header. Does not hash: that the bytes are those of the id is for the caller to check.
 */
export function decodeMemberTar(tar: Uint8Array): MemberObject[] {
  const bytes = asBuffer(tar);
  const objects: MemberObject[] = [];
  let at = 0;
  while (at < bytes.length) {
    const object = decodeHeader(bytes, at);
    const end = at + tarLength(object.length);
    if (end > bytes.length)
      throw new BakError("BAD_PACK", `damaged pack: entry '${object.kind}/${object.id}' is cut short`);
    for (let pad = object.offset + object.length; pad < end; pad += 1) {
      if (bytes[pad] !== 0)
        throw new BakError(
          "BAD_PACK",
          `damaged pack: entry '${object.kind}/${object.id}' has other padding than zeros`,
        );
    }
    objects.push(object);
    at = end;
  }
  if (objects.length === 0) throw new BakError("BAD_PACK", "damaged pack: member without an entry");
  return objects;
}

function decodeHeader(bytes: Buffer, at: number): MemberObject {
  if (at + tarBlockBytes > bytes.length) throw new BakError("BAD_PACK", "damaged pack: tar header is cut short");
  const header = bytes.subarray(at, at + tarBlockBytes);
  const nameEnd = header.indexOf(0);
  const [kind = "", id = "", ...rest] = header.toString("latin1", 0, Math.min(nameEnd, 100)).split("/");
  if (!isObjectKind(kind) || !isObjectId(id) || rest.length > 0)
    throw new BakError("BAD_PACK", "damaged pack: entry is not named by an object id");
  const octal = header.toString("latin1", 124, 135);
  const length = /^[0-7]{11}$/.test(octal) ? Number.parseInt(octal, 8) : Number.NaN;
  if (!(length <= maxObjectBytes))
    throw new BakError("BAD_PACK", `damaged pack: entry '${kind}/${id}' is not 0 to 8 MiB long`);
  if (!isOurHeader(header, `${kind}/${id}`, octal)) {
    throw new BakError("BAD_PACK", `damaged pack: entry '${kind}/${id}' has an unexpected tar header`);
  }
  return { kind, id, offset: at + tarBlockBytes, length };
}

/** Whether every field is as in the only header that an entry of that name and size may have. */
function isOurHeader(header: Buffer, name: string, size: string): boolean {
  const isSame = (from: number, to: number): boolean => header.compare(fixedFields, from, to, from, to) === 0;
  return (
    isSame(name.length, 124) &&
    isSame(135, 148) &&
    isSame(154, tarBlockBytes) &&
    header.toString("latin1", 148, 154) === checksumOf(name, size)
  );
}

/** ustar (POSIX.1-1988), every field that is the same in all our headers; zeros where the others stand. */
const fixedFields: Buffer = makeFixedFields();
/** What these fields add to the checksum, in which the checksum itself counts as eight spaces. */
const fixedSum: number = fixedFields.reduce((sum, byte) => sum + byte, 0) - 0x20 + 8 * 0x20;

function makeFixedFields(): Buffer {
  const header = Buffer.alloc(tarBlockBytes);
  header.write("000444 \x00000000 \x00000000 \x00", 100, "latin1");
  header.write(" 00000000000 ", 135, "latin1");
  header.write(" \x000", 154, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  header.write("000000 \x00000000 \x00", 329, "latin1");
  return header;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
