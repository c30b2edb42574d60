/** Sets a modification time to the nanosecond, of a symlink too: utimensat(2). Node's own calls round to microseconds. */
import { futimesSync, lutimesSync } from "node:fs";
import { endianness } from "node:os";
import { is64Bit, loadLibc } from "./libc.js";

// <fcntl.h> and <sys/stat.h> of Linux and macOS
const constantsOf: Partial<Record<NodeJS.Platform, { cwd: number; noFollow: number; omit: bigint }>> = {
  linux: { cwd: -100, noFollow: 0x100, omit: 0x3ffffffen },
  darwin: { cwd: -2, noFollow: 0x20, omit: -2n },
};

interface TimeCalls {
  ofPath(path: string | Buffer, seconds: number, nanoseconds: number): void;
  ofOpenFile(descriptor: number, seconds: number, nanoseconds: number): void;
}

let calls: TimeCalls | undefined;

/** Sets the mtime of what `path` names, a symlink itself included; the atime stays. Throws what the system call fails with. */
export function setModificationTime(path: string | Buffer, seconds: number, nanoseconds: number): void {
  calls ??= exactCalls() ?? roundedCalls;
  calls.ofPath(path, seconds, nanoseconds);
}

/** Sets the mtime of an open file, in the same way. */
export function setOpenFileTime(descriptor: number, seconds: number, nanoseconds: number): void {
  calls ??= exactCalls() ?? roundedCalls;
  calls.ofOpenFile(descriptor, seconds, nanoseconds);
}

function exactCalls(): TimeCalls | undefined {
  const constants = constantsOf[process.platform];
  if (constants === undefined || !is64Bit || endianness() !== "LE") return undefined;
  const libc = loadLibc();
  if (libc === undefined) return undefined;
  const utimensat = libc.func("int utimensat(int, const uint8_t *, const uint8_t *, int)");
  const futimens = libc.func("int futimens(int, const uint8_t *)");
  const times = Buffer.alloc(32); // two struct timespec: atime, mtime
  times.writeBigInt64LE(constants.omit, 8);
  const setTimes = (seconds: number, nanoseconds: number): void => {
    // 64 bits in two halves: a BigInt for each file costs more than the call
    times.writeUInt32LE(seconds >>> 0, 16);
    times.writeInt32LE(Math.floor(seconds / 2 ** 32), 20);
    times.writeUInt32LE(nanoseconds, 24);
  };
  // the same call through Node fails in the same way, and with an error of the usual kind
  return {
    ofPath: (path, seconds, nanoseconds) => {
      setTimes(seconds, nanoseconds);
      const text = typeof path === "string" ? Buffer.from(path) : path;
      const result = utimensat(constants.cwd, Buffer.concat([text, Buffer.of(0)]), times, constants.noFollow);
      if (result !== 0) roundedCalls.ofPath(path, seconds, nanoseconds);
    },
    ofOpenFile: (descriptor, seconds, nanoseconds) => {
      setTimes(seconds, nanoseconds);
      if (futimens(descriptor, times) !== 0) roundedCalls.ofOpenFile(descriptor, seconds, nanoseconds);
    },
  };
}

const roundedCalls: TimeCalls = {
  ofPath: (path, seconds, nanoseconds) => {
    const mtime = seconds + nanoseconds / 1e9;
    lutimesSync(path, mtime, mtime);
  },
  ofOpenFile: (descriptor, seconds, nanoseconds) => {
    const mtime = seconds + nanoseconds / 1e9;
    futimesSync(descriptor, mtime, mtime);
  },
};
