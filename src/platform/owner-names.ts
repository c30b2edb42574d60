/**
 * The names of users and groups, which Node lacks: getpwuid_r(3) and its like, which ask whatever the system is set up to
 * ask. Where they cannot be reached, /etc/passwd and /etc/group are read. Names are bytes, one to a char.
 */
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { is64Bit, loadLibc, type Libc } from "./libc.js";

/** Users, or groups. A name or number that the system does not know is undefined, also where it cannot say. */
export interface OwnerNames {
  nameOf(id: number): string | undefined;
  idOf(name: string): number | undefined;
}

/** So much is made room for of what belongs to one entry; a group may have very many members. */
const firstRoomBytes = 4096;
const maxRoomBytes = 16 << 20;
const { ERANGE, EINTR } = constants.errno;

/** The system's users. */
export function loadUserNames(): OwnerNames {
  const libc = loadLibc();
  // struct passwd and struct group of glibc, musl and macOS: name and password (pointers), then the number
  return libc === undefined || !is64Bit ? namesInFile("/etc/passwd") : namesOfLibc(libc, "getpwuid_r", "getpwnam_r");
}

/** The system's groups. */
export function loadGroupNames(): OwnerNames {
  const libc = loadLibc();
  return libc === undefined || !is64Bit ? namesInFile("/etc/group") : namesOfLibc(libc, "getgrgid_r", "getgrnam_r");
}

function namesOfLibc(libc: Libc, byId: string, byName: string): OwnerNames {
  const getById = libc.func(`int ${byId}(uint32_t, uint8_t *, uint8_t *, size_t, uint8_t *)`);
  const getByName = libc.func(`int ${byName}(const uint8_t *, uint8_t *, uint8_t *, size_t, uint8_t *)`);
  const entry = Buffer.alloc(128);
  const found = Buffer.alloc(8);
  let room = Buffer.alloc(firstRoomBytes);
  const isFound = (get: typeof getById, key: unknown): boolean => {
    for (;;) {
      found.fill(0);
      const errno = get(key, entry, room, room.length, found) as number;
      if (errno === ERANGE && room.length < maxRoomBytes) room = Buffer.alloc(room.length * 4);
      else if (errno !== EINTR) return errno === 0 && found.readBigUInt64LE() !== 0n;
    }
  };
  return {
    nameOf: (id) => {
      if (!isFound(getById, id)) return undefined;
      const at = Number(entry.readBigUInt64LE() - libc.addressOf(room));
      if (!(at >= 0 && at < room.length)) return undefined;
      return nonEmpty(room.toString("latin1", at, room.indexOf(0, at)));
    },
    idOf: (name) => (isFound(getByName, Buffer.from(`${name}\0`, "latin1")) ? entry.readUInt32LE(16) : undefined),
  };
}

function nonEmpty(name: string): string | undefined {
  return name === "" ? undefined : name;
}

/** What a file of lines `name:password:number:…` says, as it is when it is first needed. */
function namesInFile(file: string): OwnerNames {
  let names: Map<number, string> | undefined;
  let ids: Map<string, number> | undefined;
  const read = (): void => {
    names = new Map();
    ids = new Map();
    for (const line of linesOf(file)) {
      const [name = "", , number = ""] = line.split(":");
      if (name === "" || !/^\d{1,10}$/.test(number)) continue;
      if (!names.has(Number(number))) names.set(Number(number), name);
      if (!ids.has(name)) ids.set(name, Number(number));
    }
  };
  return {
    nameOf: (id) => {
      if (names === undefined) read();
      return names?.get(id);
    },
    idOf: (name) => {
      if (ids === undefined) read();
      return ids?.get(name);
    },
  };
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "latin1").split("\n");
  } catch {
    return []; // nobody has a name here, as on Windows
  }
}
