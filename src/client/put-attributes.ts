/**
 * Puts owner, extended attributes, mode and time on what was restored, in the order in which none undoes another: a change
 * of owner takes setuid bits and capabilities away, an ACL changes the mode, and a mode may forbid what comes before it.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lchownSync,
  lstatSync,
  openSync,
  type BigIntStats,
} from "node:fs";
import { errnoOf } from "../errors.js";
import type { ExtendedAttribute } from "../objects/entry.js";
import { loadAttributeCalls, type AttributeCalls, type AttributePlace } from "../platform/extended-attributes.js";
import { setModificationTime, setOpenFileTime } from "../platform/file-times.js";
import type { OwnedAttributes } from "./owner-map.js";

/** What was there is not what it should be; the rest of it is. */
export interface Loss {
  readonly what: "owner" | "attributes";
  /** The name of the attribute; empty where none can be set. */
  readonly attribute: string;
  /** The errno name, or empty where there is no such system call. */
  readonly errno: string;
}

/** What came of it. */
export interface Put {
  readonly losses: readonly Loss[];
  /** Anything was another than it should be, and was set; or would have been. */
  readonly isChanged: boolean;
}

export interface PutOptions {
  /** Only finds out whether anything would be set. */
  readonly isDryRun?: boolean;
}

/** What attributes are put on. */
interface Subject {
  readonly place: AttributePlace;
  /** Undefined where extended attributes cannot be reached. */
  readonly calls: AttributeCalls | undefined;
  chown(uid: number, gid: number): void;
  /** Undefined for a symlink, whose mode is always the same. */
  readonly chmod: ((mode: number) => void) | undefined;
  setTime(seconds: number, nanoseconds: number): void;
}

/** What it has before. */
export type FoundAttributes = Pick<BigIntStats, "mode" | "uid" | "gid" | "mtimeNs">;

const billion = 1_000_000_000n;
const noFollow = constants.O_NOFOLLOW;
// <fcntl.h> of Linux: opens what a name stands for, be it a fifo or a device, without doing anything to it
const openPath = 0o10000000;
/** A file system, or a user of it, that knows no owners, or not this one. */
const ownerErrors: ReadonlySet<string> = new Set([
  "EPERM",
  "EINVAL",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EACCES",
  "EDQUOT",
]);

/** Puts them on an open file, which need not be open for writing. */
export function putOnOpenFile(
  descriptor: number,
  wanted: OwnedAttributes,
  { found, ...options }: PutOptions & { found?: FoundAttributes } = {},
): Put {
  const subject = {
    place: descriptor,
    calls: loadAttributeCalls(),
    chown: (uid: number, gid: number) => fchownSync(descriptor, uid, gid),
    chmod: (mode: number) => fchmodSync(descriptor, mode),
    setTime: (seconds: number, nanoseconds: number) => setOpenFileTime(descriptor, seconds, nanoseconds),
  };
  return put(subject, { wanted, found: found ?? fstatSync(descriptor, { bigint: true }) }, options);
}

/** Puts them on a folder, by a path that leads to nothing else. */
export function putOnFolder(path: string | Buffer, wanted: OwnedAttributes): Put {
  return put({ ...subjectAt(path), chmod: (mode) => chmodSync(path, mode) }, { wanted, found: statsOf(path) });
}

/** Puts them on a symlink itself. */
export function putOnLink(path: string | Buffer, wanted: OwnedAttributes, options?: PutOptions): Put {
  return put({ ...subjectAt(path), chmod: undefined }, { wanted, found: statsOf(path) }, options);
}

/** Puts them on a fifo, a socket or a device, and on nothing that a link in its place leads to. */
export function putOnSpecialFile(path: string | Buffer, wanted: OwnedAttributes, options?: PutOptions): Put {
  const subject = { ...subjectAt(path), chmod: (mode: number) => chmodItself(path, mode) };
  return put(subject, { wanted, found: statsOf(path) }, options);
}

/**
 * Makes the extended attributes those that are wanted, no more and no fewer; tells of those that cannot be set. Of what is
 * not wanted, that stays which the system gives to files by itself.
 */
function putExtended({ place, calls }: Pick<Subject, "place" | "calls">, wanted: readonly ExtendedAttribute[]): Put {
  if (calls === undefined) {
    const losses: Loss[] = wanted.length === 0 ? [] : [{ what: "attributes", attribute: "", errno: "" }];
    return { losses, isChanged: false };
  }
  let isChanged = false;
  const losses: Loss[] = [];
  const attempt = (attribute: string, act: () => void): void => {
    try {
      act();
    } catch (error) {
      losses.push({ what: "attributes", attribute, errno: errnoOrThrow(error) });
    }
  };
  const there: string[] = [];
  attempt("", () => there.push(...calls.list(place)));
  for (const name of there) {
    if (!isRemovable(name) || wanted.some((each) => each.name === name)) continue;
    attempt(name, () => {
      calls.remove(place, name);
      isChanged = true;
    });
  }
  for (const { name, value } of wanted) {
    if (there.includes(name) && hasValue(calls, place, { name, value })) continue;
    attempt(name, () => {
      calls.set(place, name, value);
      isChanged = true;
    });
  }
  return { losses, isChanged };
}

function hasValue(calls: AttributeCalls, place: AttributePlace, { name, value }: ExtendedAttribute): boolean {
  try {
    return calls.get(place, name)?.equals(value) === true;
  } catch {
    return false;
  }
}

/** Whether somebody has set it: labels, such as those of SELinux, and what a file system shows of its own, nobody has. */
function isRemovable(name: string): boolean {
  if (process.platform === "darwin") return !name.startsWith("com.apple.");
  return /^(user\.|trusted\.|system\.posix_acl_|security\.capability$)/.test(name);
}

function put(
  reached: Subject,
  { wanted, found }: { wanted: OwnedAttributes; found: FoundAttributes },
  { isDryRun = false }: PutOptions = {},
): Put {
  const subject = isDryRun ? untouched(reached) : reached;
  const losses: Loss[] = [];
  const foundMode = Number(found.mode) & 0o7777;
  let { mode } = wanted;
  let isModeSure = false;
  let isChanged = false;
  const { uid, gid } = wanted;
  if (wanted.isOwned && (Number(found.uid) !== uid || Number(found.gid) !== gid)) {
    try {
      subject.chown(uid, gid);
      isChanged = true;
    } catch (error) {
      const errno = errnoOrThrow(error);
      if (!ownerErrors.has(errno)) throw error;
      losses.push({ what: "owner", attribute: "", errno });
      mode &= ~0o6000; // it must not run as whoever restores
    }
  } else isModeSure = true;
  const extended = wanted.extendedAttributes ?? [];
  let its = putExtended(subject, extended);
  isChanged ||= its.isChanged;
  if (its.losses.some(({ errno }) => errno === "EACCES") && (foundMode & 0o200) === 0) {
    subject.chmod?.(foundMode | 0o200);
    isModeSure = false;
    its = putExtended(subject, extended);
    isChanged ||= its.isChanged;
  }
  losses.push(...its.losses);
  const isModeFound = subject.chmod === undefined || foundMode === mode;
  if (!isModeSure || extended.length > 0 || !isModeFound) subject.chmod?.(mode);
  const { mtimeSeconds, mtimeNanoseconds } = wanted;
  const isTimeFound = found.mtimeNs === BigInt(mtimeSeconds) * billion + BigInt(mtimeNanoseconds);
  if (!isTimeFound) subject.setTime(mtimeSeconds, mtimeNanoseconds);
  return { losses, isChanged: isChanged || !isModeFound || !isTimeFound };
}

const nothing = (): void => {};

/** The same to look at, with nothing that could be done to it. */
function untouched({ place, calls, chmod }: Subject): Subject {
  return {
    place,
    calls: calls && {
      list: (at) => calls.list(at),
      get: (at, name) => calls.get(at, name),
      set: nothing,
      remove: nothing,
    },
    chown: nothing,
    chmod: chmod && nothing,
    setTime: nothing,
  };
}

function subjectAt(path: string | Buffer): Omit<Subject, "chmod"> {
  return {
    place: path,
    calls: loadAttributeCalls(),
    chown: (uid, gid) => lchownSync(path, uid, gid),
    setTime: (seconds, nanoseconds) => setModificationTime(path, seconds, nanoseconds),
  };
}

function chmodItself(path: string | Buffer, mode: number): void {
  if (process.platform !== "linux") return chmodSync(path, mode);
  const descriptor = openSync(path, openPath | noFollow);
  try {
    chmodSync(`/proc/self/fd/${descriptor}`, mode);
  } finally {
    closeSync(descriptor);
  }
}

function statsOf(path: string | Buffer): BigIntStats {
  return lstatSync(path, { bigint: true });
}

function errnoOrThrow(error: unknown): string {
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  return errno;
}
