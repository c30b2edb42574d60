/**
 * The one error class of bak, and the exit code that each kind of failure ends a command with.
 *
 * A BakError is an answer to the user (or to a peer): it says what failed, on what, and what to do next. Any other
 * Error that escapes is a bug in bak.
 */
import { getSystemErrorMap } from "node:util";

/** Exit codes of the command line; scripts rely on them, so a number never changes its meaning. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  partly: 3,
  missing: 10,
  locked: 11,
  notAllowed: 12,
  interrupted: 130,
} as const;

const exitCodeOf = {
  // bad input of the user
  USAGE: exitCodes.usage,
  BAD_OBJECT_ID: exitCodes.usage,
  BAD_PROJECT_ID: exitCodes.usage,
  BAD_COMMIT_NAME: exitCodes.usage,
  BAD_SERVER_ADDRESS: exitCodes.usage,
  // what was asked for is not there
  NO_STORE: exitCodes.missing,
  NO_SERVER: exitCodes.missing,
  NO_PROJECT: exitCodes.missing,
  NO_COMMIT: exitCodes.failed,
  AMBIGUOUS_COMMIT: exitCodes.failed,
  NO_PATH: exitCodes.failed,
  NO_OBJECT: exitCodes.failed,
  NO_TOKEN: exitCodes.failed,
  TOKEN_EXISTS: exitCodes.failed,
  // the store
  STORE_LOCKED: exitCodes.locked,
  STORE_VERSION: exitCodes.failed,
  STORE_DAMAGED: exitCodes.failed,
  STORE_FULL: exitCodes.failed,
  STORE_FAILED: exitCodes.failed,
  // bytes from outside that are not what they claim to be
  BAD_OBJECT: exitCodes.failed,
  BAD_PACK: exitCodes.failed,
  BAD_MESSAGE: exitCodes.failed,
  // the conversation
  PROTOCOL: exitCodes.failed,
  LIMIT: exitCodes.failed,
  HEAD_MOVED: exitCodes.failed,
  INCOMPLETE_COMMIT: exitCodes.failed,
  CONNECTION_LOST: exitCodes.failed,
  NOT_ALLOWED: exitCodes.notAllowed,
  UNTRUSTED_SERVER: exitCodes.notAllowed,
  NOT_SUPPORTED: exitCodes.failed,
  // the user's own files
  SOURCE_FAILED: exitCodes.failed,
  TARGET_FAILED: exitCodes.failed,
  PARTLY: exitCodes.partly,
  // everything else
  CANNOT_LISTEN: exitCodes.failed,
  INTERRUPTED: exitCodes.interrupted,
  INTERNAL: exitCodes.failed,
} as const;

/** Every way in which bak can fail; travels in the protocol's error message as it is written here. */
export type ErrorCode = keyof typeof exitCodeOf;

/** Whether a text (from a peer, say) is one of our codes. */
export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === "string" && Object.hasOwn(exitCodeOf, text);
}

export interface BakErrorOptions {
  /** What the user can do about it: one line, lower case, no full stop. */
  hint?: string | undefined;
  cause?: unknown;
}

/**
 * A failure that bak expects and can explain. The message is one line, lower case, without a full stop, what failed
 * first and its subject in quotes.
 */
export class BakError extends Error {
  override readonly name = "BakError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: BakErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  /** What a command that ends with this error exits with. */
  get exitCode(): number {
    return exitCodeOf[this.code];
  }
}

/** Narrows an unknown caught value; with codes given, only to those. */
export function isBakError(error: unknown, ...codes: ErrorCode[]): error is BakError {
  return error instanceof BakError && (codes.length === 0 || codes.includes(error.code));
}

/** The errno name (`ENOENT`, …) of an error that a system call ended with; undefined for any other value. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" && "errno" in error ? error.code : undefined;
}

/** What the name of an errno means, in the system's words, such as `no space left on device`. */
export function meaningOf(errno: string): string | undefined {
  return [...getSystemErrorMap().values()].find(([name]) => name === errno)?.[1];
}

/** What is left of a switch over a union that answers every case; a new case then fails to compile here. */
export function unreachable(value: never): never {
  throw new Error(`unreachable case: ${String(value)}`);
}
