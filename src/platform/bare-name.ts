/** Whether a name in an open folder has extended attributes, by listxattrat(2) of Linux 6.13 and later. */
import { constants } from "node:os";
import { is64Bit, loadLibc, type Libc } from "./libc.js";

/**
 * Whether the file of that name, in the folder that the descriptor is of, is known to have no extended attributes; false where
 * it has some, or that can't be said. A link is not followed. A name is ASCII, or bytes that end in NUL.
 */
export type IsBareName = (folder: number, name: string | Uint8Array) => boolean;

let call: IsBareName | undefined | null = null;

/** The call; undefined where it cannot be reached, or the kernel does not have it. */
export function loadIsBareName(): IsBareName | undefined {
  if (call === null) call = declare();
  return call;
}

// <asm/unistd.h>, the same on every machine that is64Bit names; <fcntl.h>
const listxattrat = 465;
const noFollow = 0x100;
const currentFolder = -100;
const { ENOTSUP, EOPNOTSUPP } = constants.errno;

function declare(): IsBareName | undefined {
  if (process.platform !== "linux" || !is64Bit) return undefined;
  const libc = loadLibc();
  if (libc === undefined) return undefined;
  const isBare = declareCall(libc);
  return isBare(currentFolder, "/proc") || isBare(currentFolder, "/dev/null") ? isBare : undefined;
}

function declareCall(libc: Libc): IsBareName {
  const ofText = libc.func("long syscall(long, int, const char *, int, uint8_t *, size_t)");
  const ofBytes = libc.func("long syscall(long, int, const uint8_t *, int, uint8_t *, size_t)");
  return (folder, name) => {
    const length = Number((typeof name === "string" ? ofText : ofBytes)(listxattrat, folder, name, noFollow, null, 0));
    return length === 0 || (length < 0 && [ENOTSUP, EOPNOTSUPP].includes(libc.errno()));
  };
}
