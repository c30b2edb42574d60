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

/** The tar of one member, without tar's end mark: what is then compressed. */
export async function encodeMemberTar(objects: readonly PackedObject<ObjectId>[]): Promise<Buffer> {
  const tar = pack();
  const parts: Uint8Array[] = [];
  const ended = new Promise<void>((resolve, reject) => {
    tar.on("data", (part) => void parts.push(part as Uint8Array));
    tar.on("end", resolve);
    tar.on("error", reject);
  });
  for (const { kind, id, bytes } of objects) {
    const header = {
      name: `${kind}/${id}`,
      size: bytes.length,
      mode: 0o444,
      uid: 0,
      gid: 0,
      mtime: epoch,
      type: "file",
    } as const;
    tar.entry(header, asBuffer(bytes));
  }
  tar.finalize();
  await ended;
  const length = objects.reduce((sum, { bytes }) => sum + tarLength(bytes.length), 0);
  return Buffer.concat(parts, length); // cuts the end mark off
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
  if (!header.equals(tarHeader(kind, id, length))) {
    throw new BakError("BAD_PACK", `damaged pack: entry '${kind}/${id}' has an unexpected tar header`);
  }
  return { kind, id, offset: at + tarBlockBytes, length };
}

/** The only header that an entry may have: ustar, every field fixed but name, size and checksum. */
function tarHeader(kind: ObjectKind, id: ObjectId, length: number): Buffer {
  const header = Buffer.alloc(tarBlockBytes);
  header.write(`${kind}/${id}`, 0, "latin1");
  header.write("000444 \x00000000 \x00000000 \x00", 100, "latin1");
  header.write(`${length.toString(8).padStart(11, "0")} 00000000000 `, 124, "latin1");
  header.write("        0", 148, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  header.write("000000 \x00000000 \x00", 329, "latin1");
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, "0")} \x00`, 148, "latin1");
  return header;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
