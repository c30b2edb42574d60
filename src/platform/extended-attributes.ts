/**
 * Extended attributes, which Node lacks: xattr(7) of Linux and macOS. POSIX ACLs and capabilities are such, too. No call
 * follows a symlink that the place names. Names are bytes, one to a char.
 */
import { constants } from "node:os";
import { is64Bit, loadLibc, type Libc } from "./libc.js";
import { systemError } from "./system-error.js";

/** A path, as `node:fs` takes it, or the descriptor of an open file. */
export type AttributePlace = string | Buffer | number;

/** Every call throws as Node's own do; all but `set` pass over what is not there. */
export interface AttributeCalls {
  /** The names, sorted by their bytes; none where the file system has no such attributes. */
  list(place: AttributePlace): string[];
  /** A value; undefined where the attribute is gone. */
  get(place: AttributePlace, name: string): Buffer | undefined;
  set(place: AttributePlace, name: string, value: Uint8Array): void;
  remove(place: AttributePlace, name: string): void;
}

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of Linux; longer lists and values are of other systems, and grown into. */
const usualBytes = 65_536;
const maxValueBytes = 64 << 20;

/** What the file system answers if it has no attributes at all, or not this one. */
const { ENOTSUP, EOPNOTSUPP, ENOSYS, ENODATA, ERANGE } = constants.errno;
/** ENOATTR of macOS, which Node does not name. */
const isMissing = (errno: number): boolean => errno === ENODATA || (process.platform === "darwin" && errno === 93);
const isUnsupported = (errno: number): boolean => [ENOTSUP, EOPNOTSUPP, ENOSYS].includes(errno);

let calls: AttributeCalls | undefined | null = null;

/** The calls; undefined where they cannot be reached. */
export function loadAttributeCalls(): AttributeCalls | undefined {
  if (calls === null) calls = declareCalls();
  return calls;
}

function declareCalls(): AttributeCalls | undefined {
  if (!is64Bit) return undefined;
  const libc = loadLibc();
  const raw = libc === undefined ? undefined : rawCalls(libc);
  return libc === undefined || raw === undefined ? undefined : new Calls(raw, libc);
}

/** What the system calls return, with names and paths that end in NUL. */
interface RawCalls {
  list(place: AttributePlace, room: Buffer | null): number;
  get(place: AttributePlace, name: Buffer, room: Buffer): number;
  set(place: AttributePlace, name: Buffer, value: Uint8Array): number;
  remove(place: AttributePlace, name: Buffer): number;
}

class Calls implements AttributeCalls {
  readonly #raw: RawCalls;
  readonly #libc: Libc;
  #room = Buffer.alloc(0);

  constructor(raw: RawCalls, libc: Libc) {
    this.#raw = raw;
    this.#libc = libc;
  }

  list(place: AttributePlace): string[] {
    // to be asked for the length alone costs less than half of what a list costs, and most files have none
    const expected = this.#raw.list(place, null);
    if (expected === 0) return [];
    const bytes = this.#fill((room) => this.#raw.list(place, room), "listxattr", expected);
    if (bytes === undefined || bytes.length === 0) return [];
    return bytes
      .toString("latin1", 0, bytes.length - 1)
      .split("\0")
      .toSorted();
  }

  get(place: AttributePlace, name: string): Buffer | undefined {
    const text = terminated(name);
    const bytes = this.#fill((room) => this.#raw.get(place, text, room), "getxattr", 0);
    return bytes === undefined ? undefined : Buffer.from(bytes);
  }

  set(place: AttributePlace, name: string, value: Uint8Array): void {
    if (this.#raw.set(place, terminated(name), value) !== 0) throw systemError(this.#libc.errno(), "setxattr");
  }

  remove(place: AttributePlace, name: string): void {
    if (this.#raw.remove(place, terminated(name)) === 0) return;
    const errno = this.#libc.errno();
    if (!isMissing(errno) && !isUnsupported(errno)) throw systemError(errno, "removexattr");
  }

  /** What a call fills its room with, grown until it does; undefined where there is no such attribute. */
  #fill(call: (room: Buffer) => number, syscall: string, expected: number): Buffer | undefined {
    if (expected >= 0) {
      for (let size = Math.max(usualBytes, expected); size <= maxValueBytes; size *= 2) {
        if (this.#room.length < size) this.#room = Buffer.alloc(size);
        const length = call(this.#room);
        if (length >= 0) return this.#room.subarray(0, length);
        if (this.#libc.errno() !== ERANGE) break;
      }
    }
    const errno = this.#libc.errno();
    if (isMissing(errno) || isUnsupported(errno)) return undefined;
    throw systemError(errno, syscall);
  }
}

function terminated(text: string): Buffer {
  return Buffer.from(`${text}\0`, "latin1");
}

function rawCalls(libc: Libc): RawCalls | undefined {
  if (process.platform === "linux") return linuxCalls(libc);
  return process.platform === "darwin" ? darwinCalls(libc) : undefined;
}

/** A call for each way to name a file: text is handed over in less time than bytes, a descriptor in the least. */
function threeWays(
  libc: Libc,
  { path, file }: { path: string; file: string },
): (place: AttributePlace, ...values: unknown[]) => number {
  const ofText = libc.func(path.replace("PATH", "const char *"));
  const ofBytes = libc.func(path.replace("PATH", "const uint8_t *"));
  const ofFile = libc.func(file);
  return (place, ...values) => {
    if (typeof place === "number") return Number(ofFile(place, ...values));
    if (typeof place === "string") return Number(ofText(place, ...values));
    return Number(ofBytes(Buffer.concat([place, Buffer.of(0)]), ...values));
  };
}

// <sys/xattr.h> of Linux
function linuxCalls(libc: Libc): RawCalls {
  const list = threeWays(libc, {
    path: "int64_t llistxattr(PATH, uint8_t *, size_t)",
    file: "int64_t flistxattr(int, uint8_t *, size_t)",
  });
  const get = threeWays(libc, {
    path: "int64_t lgetxattr(PATH, const uint8_t *, uint8_t *, size_t)",
    file: "int64_t fgetxattr(int, const uint8_t *, uint8_t *, size_t)",
  });
  const set = threeWays(libc, {
    path: "int lsetxattr(PATH, const uint8_t *, const uint8_t *, size_t, int)",
    file: "int fsetxattr(int, const uint8_t *, const uint8_t *, size_t, int)",
  });
  const remove = threeWays(libc, {
    path: "int lremovexattr(PATH, const uint8_t *)",
    file: "int fremovexattr(int, const uint8_t *)",
  });
  return {
    list: (place, room) => list(place, room, room?.length ?? 0),
    get: (place, name, room) => get(place, name, room, room.length),
    set: (place, name, value) => set(place, name, value, value.length, 0),
    remove: (place, name) => remove(place, name),
  };
}

/** XATTR_NOFOLLOW in <sys/xattr.h> of macOS; an open file leads nowhere. */
const noFollow = (place: AttributePlace): number => (typeof place === "number" ? 0 : 1);

function darwinCalls(libc: Libc): RawCalls {
  const list = threeWays(libc, {
    path: "int64_t listxattr(PATH, uint8_t *, size_t, int)",
    file: "int64_t flistxattr(int, uint8_t *, size_t, int)",
  });
  const get = threeWays(libc, {
    path: "int64_t getxattr(PATH, const uint8_t *, uint8_t *, size_t, uint32_t, int)",
    file: "int64_t fgetxattr(int, const uint8_t *, uint8_t *, size_t, uint32_t, int)",
  });
  const set = threeWays(libc, {
    path: "int setxattr(PATH, const uint8_t *, const uint8_t *, size_t, uint32_t, int)",
    file: "int fsetxattr(int, const uint8_t *, const uint8_t *, size_t, uint32_t, int)",
  });
  const remove = threeWays(libc, {
    path: "int removexattr(PATH, const uint8_t *, int)",
    file: "int fremovexattr(int, const uint8_t *, int)",
  });
  return {
    list: (place, room) => list(place, room, room?.length ?? 0, noFollow(place)),
    get: (place, name, room) => get(place, name, room, room.length, 0, noFollow(place)),
    set: (place, name, value) => set(place, name, value, value.length, 0, noFollow(place)),
    remove: (place, name) => remove(place, name, noFollow(place)),
  };
}
