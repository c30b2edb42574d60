/**
 * lstat(2) of the names in an open folder, by statx(2) of Linux. Node has only a call that takes a whole path, which the
 * kernel then walks name by name, and makes some forty objects of what it is told.
 */
import { endianness } from "node:os";
import { loadLibc, type Libc } from "./libc.js";

/** What there is to be known of a file. */
export interface FileStatus {
  /** st_mode, with the kind of file. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  /** In bytes. */
  readonly size: number;
  /** Since 1970, or before; the nanoseconds count upwards. */
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
  /** Device numbers, as glibc's makedev(3) packs them. */
  readonly dev: bigint;
  readonly rdev: bigint;
}

/**
 * What lstat would say of the name in the folder that the descriptor is of; valid until the next call. Undefined where it
 * can't be said, for whatever reason. A name is ASCII, or bytes that end in NUL.
 */
export type LookAtName = (folder: number, name: string | Uint8Array) => FileStatus | undefined;

/** The call; undefined where it cannot be reached, or is not known to be as declared here. */
export function loadLookAtName(): LookAtName | undefined {
  if (process.platform !== "linux" || endianness() !== "LE") return undefined;
  const libc = loadLibc();
  try {
    return libc === undefined ? undefined : declare(libc);
  } catch {
    return undefined; // a C library that is older than the call
  }
}

// <fcntl.h> and <linux/stat.h>
const noFollow = 0x100;
/** STATX_BASIC_STATS, but for access time and blocks: nobody here asks for those, and a file system may not have them at hand. */
const wanted = 0x3df;
const statusBytes = 256;

function declare(libc: Libc): LookAtName {
  const ofText = libc.func("int statx(int, const char *, int, uint, uint8_t *)");
  const ofBytes = libc.func("int statx(int, const uint8_t *, int, uint, uint8_t *)");
  const buffer = Buffer.from(new ArrayBuffer(statusBytes));
  const status = new Status(buffer.buffer);
  return (folder, name) => {
    const call = typeof name === "string" ? ofText : ofBytes;
    return call(folder, name, noFollow, wanted, buffer) === 0 && status.isWhole ? status : undefined;
  };
}

const billion = 1_000_000_000n;
const twoTo32 = 2 ** 32;

/** Reads struct statx of <linux/stat.h>, whose layout is the same on all machines. */
class Status implements FileStatus {
  readonly #u16: Uint16Array;
  readonly #u32: Uint32Array;
  readonly #i32: Int32Array;
  readonly #i64: BigInt64Array;
  readonly #dev = new DeviceNumber();
  readonly #rdev = new DeviceNumber();

  constructor(buffer: ArrayBuffer) {
    this.#u16 = new Uint16Array(buffer);
    this.#u32 = new Uint32Array(buffer);
    this.#i32 = new Int32Array(buffer);
    this.#i64 = new BigInt64Array(buffer);
  }

  /** Whether the file system has told all that was asked for. */
  get isWhole(): boolean {
    return ((this.#u32[0] as number) & wanted) === wanted;
  }

  get links(): number {
    return this.#u32[4] as number;
  }

  get uid(): number {
    return this.#u32[5] as number;
  }

  get gid(): number {
    return this.#u32[6] as number;
  }

  get mode(): number {
    return this.#u16[14] as number;
  }

  get ino(): bigint {
    return this.#i64[4] as bigint; // as Node has it: of 64 bits with a sign
  }

  get size(): number {
    return (this.#u32[11] as number) * twoTo32 + (this.#u32[10] as number);
  }

  get ctimeNs(): bigint {
    return (this.#i64[12] as bigint) * billion + BigInt(this.#u32[26] as number);
  }

  get mtimeSeconds(): number {
    return (this.#i32[29] as number) * twoTo32 + (this.#u32[28] as number);
  }

  get mtimeNanoseconds(): number {
    return this.#u32[30] as number;
  }

  get rdev(): bigint {
    return this.#rdev.of(this.#u32[32] as number, this.#u32[33] as number);
  }

  get dev(): bigint {
    return this.#dev.of(this.#u32[34] as number, this.#u32[35] as number);
  }
}

/** Most files are on the device of the one before. */
class DeviceNumber {
  #major = 0;
  #minor = 0;
  #packed = 0n;

  of(major: number, minor: number): bigint {
    if (major === this.#major && minor === this.#minor) return this.#packed;
    this.#major = major;
    this.#minor = minor;
    const [high, low] = [BigInt(major), BigInt(minor)];
    this.#packed =
      ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn);
    return this.#packed;
  }
}
