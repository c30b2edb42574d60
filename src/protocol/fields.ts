/** The types of field that a message can have: how each goes onto the wire, and what is believed when it comes off. */
import { BakError } from "../errors.js";
import { codecs, type Codec } from "../objects/member-codec.js";
import { objectIdAt, objectIdBytes, objectIdLength, type ObjectId } from "../objects/object-id.js";
import { packCodecs, type PackCodec } from "../objects/pack-format.js";
import { isProjectId, type ProjectId } from "../objects/project-id.js";
import { maxIdsPerMessage } from "./limits.js";

/** One type of field. `decode` is given any scalar that MessagePack can hold and throws BAD_MESSAGE for all but its own. */
export interface Field<T> {
  encode(value: T): unknown;
  decode(value: unknown): T;
}

function refuse(expected: string): BakError {
  return new BakError("BAD_MESSAGE", `malformed message: expected ${expected}`);
}

/** An integer from 0 to 2^53-1. */
export const unsigned: Field<number> = {
  // beyond 32 bits the encoder would make a float of a number
  encode: (value) => (value > 0xffffffff ? BigInt(value) : value),
  decode: (value) => {
    const number = typeof value === "bigint" ? Number(value) : value;
    if (typeof number === "number" && Number.isSafeInteger(number) && number >= 0) return number;
    throw refuse("an unsigned integer");
  },
};

export const boolean: Field<boolean> = {
  encode: (value) => value,
  decode: (value) => {
    if (typeof value === "boolean") return value;
    throw refuse("a boolean");
  },
};

/** UTF-8 text of at most `maxBytes`. */
export function text(maxBytes: number): Field<string> {
  return {
    encode: (value) => value,
    decode: (value) => {
      if (typeof value === "string" && Buffer.byteLength(value) <= maxBytes) return value;
      throw refuse(`a text of at most ${maxBytes} bytes`);
    },
  };
}

/** Binary of at most `maxBytes`: a view of the frame, not a copy. */
export function binary(maxBytes: number): Field<Uint8Array> {
  return {
    encode: (value) => value,
    decode: (value) => {
      if (value instanceof Uint8Array && value.length <= maxBytes) return value;
      throw refuse(`at most ${maxBytes} bytes of binary`);
    },
  };
}

/** Ids, 32 bytes each, one after the other. */
export const objectIds: Field<Uint8Array> = {
  encode: (value) => value,
  decode: (value) => {
    const isIds = value instanceof Uint8Array && value.length % objectIdLength === 0 && value.length > 0;
    if (isIds && value.length <= maxIdsPerMessage * objectIdLength) return value;
    throw refuse(`1 to ${maxIdsPerMessage} object ids`);
  },
};

export const objectId: Field<ObjectId> = {
  encode: objectIdBytes,
  decode: (value) => {
    if (value instanceof Uint8Array && value.length === objectIdLength) return objectIdAt(value);
    throw refuse("an object id");
  },
};

export const projectId: Field<ProjectId> = {
  encode: (value) => value,
  decode: (value) => {
    if (typeof value === "string" && isProjectId(value)) return value;
    throw refuse("a project id");
  },
};

/** What members an end can deal with: names with spaces between them, `gzip` among them. Names of later codecs are passed over. */
export const packCodecList: Field<readonly PackCodec[]> = {
  encode: (value) => value.join(" "),
  decode: (value) => {
    const names = text(200).decode(value).split(" ");
    if (names.includes("gzip")) return packCodecs.filter((codec) => names.includes(codec));
    throw refuse("a list of codecs with gzip in it");
  },
};

/** What a store asks for; a name that we do not know is taken as `gzip`, which every end can deal with. */
export const codec: Field<Codec> = {
  encode: (value) => value,
  decode: (value) => {
    const name = text(64).decode(value);
    return codecs.find((each) => each === name) ?? "gzip";
  },
};

/** A field that may be nil. */
export function optional<T>(field: Field<T>): Field<T | undefined> {
  return {
    encode: (value) => (value === undefined ? null : field.encode(value)),
    decode: (value) => (value === null ? undefined : field.decode(value)),
  };
}
