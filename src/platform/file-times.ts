/** Sets a modification time to the nanosecond, of a symlink too: utimensat(2). Node's own calls round to microseconds. */
import { lutimesSync } from "node:fs";
import { endianness } from "node:os";
import { loadLibc } from "./libc.js";

// <fcntl.h> and <sys/stat.h> of Linux and macOS
const constantsOf: Partial<Record<NodeJS.Platform, { cwd: number; noFollow: number; omit: bigint }>> = {
  linux: { cwd: -100, noFollow: 0x100, omit: 0x3ffffffen },
  darwin: { cwd: -2, noFollow: 0x20, omit: -2n },
};

type SetTimes = (path: string | Buffer, seconds: number, nanoseconds: number) => void;

let setTimes: SetTimes | undefined;

/** Sets the mtime of what `path` names, a symlink itself included; the atime stays. Throws what the system call fails with. */
export function setModificationTime(path: string | Buffer, seconds: number, nanoseconds: number): void {
  setTimes ??= exactTimes() ?? roundedTimes;
  setTimes(path, seconds, nanoseconds);
}

function exactTimes(): SetTimes | undefined {
  const constants = constantsOf[process.platform];
  const is64Bit = ["x64", "arm64", "riscv64", "ppc64", "s390x", "loong64"].includes(process.arch);
  if (constants === undefined || !is64Bit || endianness() !== "LE") return undefined;
  const libc = loadLibc();
  const utimensat = libc?.func("int utimensat(int, const uint8_t *, const uint8_t *, int)");
  if (utimensat === undefined) return undefined;
  const times = Buffer.alloc(32); // two struct timespec: atime, mtime
  times.writeBigInt64LE(constants.omit, 8);
  return (path, seconds, nanoseconds) => {
    times.writeBigInt64LE(BigInt(seconds), 16);
    times.writeBigInt64LE(BigInt(nanoseconds), 24);
    const text = typeof path === "string" ? Buffer.from(path) : path;
    const result = utimensat(constants.cwd, Buffer.concat([text, Buffer.of(0)]), times, constants.noFollow);
    // the same call through Node fails in the same way, and with an error of the usual kind
    if (result !== 0) roundedTimes(path, seconds, nanoseconds);
  };
}

function roundedTimes(path: string | Buffer, seconds: number, nanoseconds: number): void {
  const mtime = seconds + nanoseconds / 1e9;
  lutimesSync(path, mtime, mtime);
}
