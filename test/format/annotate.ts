/** MessagePack as lines for a reader: one value a line, its bytes in hex, and beside it what it is. */

/** One value, or the header of an array or map. */
interface Token {
  readonly bytes: Buffer;
  /** The value, where it says more than its bytes do. */
  readonly value: string;
}

const commentColumn = 70;

/** A line of an example: bytes in hex and, after `#`, what they are. */
export function hexLine(bytes: Uint8Array, comment = ""): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
  return comment === "" ? hex : `${hex.padEnd(commentColumn)}# ${comment}`;
}

/** The bytes that lines of hex, with comments after `#`, stand for. */
export function parseHex(text: string): Buffer {
  const hex = text.replaceAll(/#.*$/gm, "").replaceAll(/\s/g, "");
  if (!/^([0-9a-f]{2})*$/.test(hex)) throw new Error(`not hex: ${hex.slice(0, 80)}`);
  return Buffer.from(hex, "hex");
}

/** Every value of `bytes` with its comment, in order; values beyond 40 bytes take several lines. */
export function annotate(bytes: Buffer, comments: readonly string[]): string {
  const tokens = [...readTokens(bytes)];
  if (tokens.length !== comments.length) throw new Error(`${tokens.length} values, ${comments.length} comments`);
  const lines = tokens.flatMap(({ bytes: part, value }, index) => {
    const shown = comments[index] === "mode" ? `0${Number(value).toString(8)}` : value;
    const comment = [comments[index], shown].filter((each) => each !== "").join(": ");
    const rows = rowsOf(part, 32);
    return rows.map((row, number) => hexLine(row, number === 0 ? comment : ""));
  });
  return lines.join("\n");
}

/** Bytes cut into rows; what is only a little longer than one row stays one. */
export function rowsOf(bytes: Buffer, rowBytes: number): Buffer[] {
  if (bytes.length <= rowBytes + 8) return [bytes];
  return Array.from({ length: Math.ceil(bytes.length / rowBytes) }, (_, row) =>
    bytes.subarray(row * rowBytes, (row + 1) * rowBytes),
  );
}

function* readTokens(bytes: Buffer): Generator<Token, void, undefined> {
  for (let at = 0; at < bytes.length;) {
    const [length, value] = tokenAt(bytes, at);
    yield { bytes: bytes.subarray(at, at + length), value };
    at += length;
  }
}

/** Length in bytes of the value at `at`, and the value in words. */
function tokenAt(bytes: Buffer, at: number): [number, string] {
  const marker = bytes[at] as number;
  if (marker < 0x80) return [1, String(marker)];
  if (marker >= 0xe0) return [1, String(marker - 0x100)];
  if ((marker & 0xf0) === 0x80) return [1, `map of ${marker & 0x0f}`];
  if ((marker & 0xf0) === 0x90) return [1, `array of ${marker & 0x0f}`];
  if ((marker & 0xe0) === 0xa0) return textAt(bytes, at + 1, 1, marker & 0x1f);
  switch (marker) {
    case 0xc0:
      return [1, "nil"];
    case 0xc2:
      return [1, "false"];
    case 0xc3:
      return [1, "true"];
    case 0xc4:
      return binaryAt(bytes, at + 2, 2, bytes.readUInt8(at + 1));
    case 0xc5:
      return binaryAt(bytes, at + 3, 3, bytes.readUInt16BE(at + 1));
    case 0xcc:
      return [2, String(bytes.readUInt8(at + 1))];
    case 0xcd:
      return [3, String(bytes.readUInt16BE(at + 1))];
    case 0xce:
      return [5, String(bytes.readUInt32BE(at + 1))];
    case 0xcf:
      return [9, String(bytes.readBigUInt64BE(at + 1))];
    case 0xd0:
      return [2, String(bytes.readInt8(at + 1))];
    case 0xd1:
      return [3, String(bytes.readInt16BE(at + 1))];
    case 0xd2:
      return [5, String(bytes.readInt32BE(at + 1))];
    case 0xd3:
      return [9, String(bytes.readBigInt64BE(at + 1))];
    case 0xd9:
      return textAt(bytes, at + 2, 2, bytes.readUInt8(at + 1));
    case 0xda:
      return textAt(bytes, at + 3, 3, bytes.readUInt16BE(at + 1));
    case 0xdc:
      return [3, `array of ${bytes.readUInt16BE(at + 1)}`];
    default:
      throw new Error(`no example uses ${marker.toString(16)}`);
  }
}

function textAt(bytes: Buffer, start: number, header: number, length: number): [number, string] {
  return [header + length, JSON.stringify(bytes.toString("utf8", start, start + length))];
}

/** Ids speak for themselves; names are shown as text where they are that. */
function binaryAt(bytes: Buffer, start: number, header: number, length: number): [number, string] {
  const text = bytes.toString("latin1", start, start + length);
  return [header + length, /^[\x20-\x7e]{1,40}$/.test(text) ? `"${text}"` : ""];
}
