/**
 * Names of files as they are: bytes. A ByteString holds one byte in each char (latin1), so names that are not UTF-8
 * survive, `<` orders them by their bytes, and they work as keys of a Map.
 */

declare const brand: unique symbol;
export type ByteString = string & { readonly [brand]: "ByteString" };

/** The bytes, one to a char. */
export function byteString(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1") as ByteString;
}

/** The bytes of a text in UTF-8, as a name that was typed or written in a program has them. */
export function byteStringFromText(text: string): ByteString {
  return Buffer.from(text, "utf8").toString("latin1") as ByteString;
}

/** The bytes of a ByteString. */
export function bytesOf(text: ByteString): Buffer {
  return Buffer.from(text, "latin1");
}

/** `folder/name`, or the name alone for the root, whose path is empty. */
export function joinPath(folder: ByteString, name: ByteString): ByteString {
  return (folder === "" ? name : `${folder}/${name}`) as ByteString;
}

/** The names along a path; none for the root. */
export function splitPath(path: ByteString): ByteString[] {
  return path === "" ? [] : (path.split("/") as ByteString[]);
}

// eslint-disable-next-line no-control-regex
const plain = /^[\x20-\x7e]*$/;
// ignoreBOM: a byte order mark is part of a name, and must not vanish
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// control characters, line separators, the marks of direction that could disguise a name (every Bidi_Control of Unicode),
// and the byte order mark, which no terminal shows
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\\]/gu;

/**
 * A name for a person to read, on one line and harmless to a terminal: UTF-8 where it is that, and `\xHH` for bytes that
 * are not, for control characters and for the backslash.
 */
export function displayName(name: ByteString): string {
  if (plain.test(name) && !name.includes("\\")) return name;
  try {
    return decoder.decode(bytesOf(name)).replace(unsafe, (char) => escaped(Buffer.from(char, "utf8")));
  } catch {
    return name.replace(/[^\x20-\x7e]|\\/g, (char) => escaped(bytesOf(char as ByteString)));
  }
}

function escaped(bytes: Buffer): string {
  return Array.from(bytes, (byte) => (byte === 0x5c ? "\\\\" : `\\x${byte.toString(16).padStart(2, "0")}`)).join("");
}

/** Text from outside, quoted for a message: on one line, harmless to a terminal, and cut after `maxChars`. */
export function quoted(text: string, maxChars: number): string {
  return `'${displayName(byteStringFromText(text.slice(0, maxChars)))}'`;
}
