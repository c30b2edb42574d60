/** Makes fifos, sockets and devices, which Node cannot: mkfifo(3) and mknod(2). */
import { constants } from "node:fs";
import { endianness } from "node:os";
import { is64Bit, loadLibc, type Libc } from "./libc.js";
import { systemError } from "./system-error.js";

export type SpecialKind = "fifo" | "socket" | "char" | "block";

/** What is to be made; numbers are those of a device, and 0 for the rest. */
export interface SpecialFile {
  readonly kind: SpecialKind;
  readonly mode: number;
  readonly major: number;
  readonly minor: number;
}

/** Makes one where nothing is; the umask applies. Throws as Node's own calls do. */
export type MakeSpecialFile = (path: string | Buffer, file: SpecialFile) => void;

const formats: Record<SpecialKind, number> = {
  fifo: constants.S_IFIFO,
  socket: constants.S_IFSOCK,
  char: constants.S_IFCHR,
  block: constants.S_IFBLK,
};

/** The call; undefined where it cannot be reached, or is not known to be as declared here. */
export function loadMakeSpecialFile(): MakeSpecialFile | undefined {
  if (process.platform !== "linux" || !is64Bit || endianness() !== "LE") return undefined;
  const libc = loadLibc();
  return libc === undefined ? undefined : declare(libc);
}

function declare(libc: Libc): MakeSpecialFile | undefined {
  const mknod = declareMknod(libc);
  if (mknod === undefined) return undefined;
  return (path, { kind, mode, major, minor }) => {
    const text = typeof path === "string" ? Buffer.from(path) : path;
    const result = mknod(Buffer.concat([text, Buffer.of(0)]), formats[kind] | mode, packDevice(major, minor));
    if (result !== 0) throw systemError(libc.errno(), "mknod");
  };
}

function declareMknod(libc: Libc): ((path: Buffer, mode: number, device: bigint) => unknown) | undefined {
  try {
    return libc.func("int mknod(const uint8_t *, uint32_t, uint64_t)");
  } catch {
    // before 2.33, glibc had it under this name alone; version 0 is that of the kernel's own call on 64 bits
  }
  try {
    const mknod = libc.func("int __xmknod(int, const uint8_t *, uint32_t, const uint8_t *)");
    const packed = Buffer.alloc(8);
    return (path, mode, device) => {
      packed.writeBigUInt64LE(device);
      return mknod(0, path, mode, packed);
    };
  } catch {
    return undefined;
  }
}

/** As makedev(3) of glibc and musl packs a device number. */
function packDevice(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn);
}
