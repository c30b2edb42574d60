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

/** What attributes are put on. */
interface Subject {
  readonly place: AttributePlace;
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
export function putOnOpenFile(descriptor: number, wanted: OwnedAttributes, found?: FoundAttributes): Loss[] {
  return put(
    {
      place: descriptor,
      chown: (uid, gid) => fchownSync(descriptor, uid, gid),
      chmod: (mode) => fchmodSync(descriptor, mode),
      setTime: (seconds, nanoseconds) => setOpenFileTime(descriptor, seconds, nanoseconds),
    },
    wanted,
    found ?? fstatSync(descriptor, { bigint: true }),
  );
}

/** Puts them on a folder, by a path that leads to nothing else. */
export function putOnFolder(path: string | Buffer, wanted: OwnedAttributes): Loss[] {
  return put({ ...subjectAt(path), chmod: (mode) => chmodSync(path, mode) }, wanted, statsOf(path));
}

/** Puts them on a symlink itself. */
export function putOnLink(path: string | Buffer, wanted: OwnedAttributes): Loss[] {
  return put({ ...subjectAt(path), chmod: undefined }, wanted, statsOf(path));
}

/** Puts them on a fifo, a socket or a device, and on nothing that a link in its place leads to. */
export function putOnSpecialFile(path: string | Buffer, wanted: OwnedAttributes): Loss[] {
  return put({ ...subjectAt(path), chmod: (mode) => chmodItself(path, mode) }, wanted, statsOf(path));
}

/**
 * Makes the extended attributes those that are wanted, no more and no fewer; tells of those that cannot be set. Of what is
 * not wanted, that stays which the system gives to files by itself.
 */
function putExtended(place: AttributePlace, wanted: readonly ExtendedAttribute[]): Loss[] {
  const calls = loadAttributeCalls();
  if (calls === undefined) return wanted.length === 0 ? [] : [{ what: "attributes", attribute: "", errno: "" }];
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
    if (isRemovable(name) && !wanted.some((each) => each.name === name)) attempt(name, () => calls.remove(place, name));
  }
  for (const { name, value } of wanted) {
    if (there.includes(name) && hasValue(calls, place, { name, value })) continue;
    attempt(name, () => calls.set(place, name, value));
  }
  return losses;
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

function put(subject: Subject, wanted: OwnedAttributes, found: FoundAttributes): Loss[] {
  const losses: Loss[] = [];
  let mode = wanted.mode;
  let isModeSure = false;
  const { uid, gid } = wanted;
  if (wanted.isOwned && (Number(found.uid) !== uid || Number(found.gid) !== gid)) {
    try {
      subject.chown(uid, gid);
    } catch (error) {
      const errno = errnoOrThrow(error);
      if (!ownerErrors.has(errno)) throw error;
      losses.push({ what: "owner", attribute: "", errno });
      mode &= ~0o6000; // it must not run as whoever restores
    }
  } else isModeSure = true;
  const extended = wanted.extendedAttributes ?? [];
  let unset = putExtended(subject.place, extended);
  if (unset.some(({ errno }) => errno === "EACCES") && (Number(found.mode) & 0o200) === 0) {
    subject.chmod?.((Number(found.mode) & 0o7777) | 0o200);
    isModeSure = false;
    unset = putExtended(subject.place, extended);
  }
  losses.push(...unset);
  const isModeRight = isModeSure && extended.length === 0 && (Number(found.mode) & 0o7777) === mode;
  if (!isModeRight) subject.chmod?.(mode);
  const { mtimeSeconds, mtimeNanoseconds } = wanted;
  if (found.mtimeNs !== BigInt(mtimeSeconds) * billion + BigInt(mtimeNanoseconds))
    subject.setTime(mtimeSeconds, mtimeNanoseconds);
  return losses;
}

function subjectAt(path: string | Buffer): Omit<Subject, "chmod"> {
  return {
    place: path,
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
