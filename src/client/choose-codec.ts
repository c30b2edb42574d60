/** Which codec a push compresses with: what its user says, else what the store asks for, where both ends can deal with it. */
import { BakError } from "../errors.js";
import { packCodecOf, writableCodecs, type Codec } from "../objects/member-codec.js";
import type { Remote } from "./remote.js";

/**
 * What to compress with. Throws NOT_SUPPORTED where the user asks for what this Node can't write or the store does not take;
 * the store's wish alone is passed over then, for gzip.
 */
export function chooseCodec(
  remote: Pick<Remote, "takes" | "compression" | "peer">,
  asked: Codec | undefined,
  writable: readonly Codec[] = writableCodecs(),
): Codec {
  const codec = asked ?? remote.compression;
  const isWritable = writable.includes(codec);
  if (isWritable && remote.takes.includes(packCodecOf(codec))) return codec;
  if (asked === undefined) return "gzip";
  if (!isWritable) {
    throw new BakError("NOT_SUPPORTED", `this Node cannot compress with ${asked}`, {
      hint: "use Node 22.15 or later, or leave --compression out",
    });
  }
  throw new BakError("NOT_SUPPORTED", `'${remote.peer}' does not take ${asked}`, { hint: "leave --compression out" });
}
