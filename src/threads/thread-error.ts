/** Errors on their way from one thread to another: a copy would lose its class, and with it what the error means. */
import { BakError, errnoOf, isBakError, unreachable, type ErrorCode } from "../errors.js";

/** An error as plain values. */
export type ThreadError =
  | { readonly type: "known"; readonly code: ErrorCode; readonly message: string; readonly hint: string | undefined }
  | { readonly type: "system"; readonly message: string; readonly fields: SystemFields }
  | { readonly type: "bug"; readonly message: string; readonly stack: string | undefined };

/** What Node puts on the error of a system call. */
interface SystemFields {
  readonly code: string;
  readonly errno: unknown;
  readonly syscall: unknown;
}

/** What to send of an error. */
export function packError(error: unknown): ThreadError {
  if (isBakError(error)) return { type: "known", code: error.code, message: error.message, hint: error.hint };
  const message = error instanceof Error ? error.message : String(error);
  const code = errnoOf(error);
  if (code !== undefined) {
    const { errno, syscall } = error as NodeJS.ErrnoException;
    return { type: "system", message, fields: { code, errno, syscall } };
  }
  return { type: "bug", message, stack: error instanceof Error ? error.stack : undefined };
}

/** The error that was sent: of the same class, with the same code. */
export function unpackError(packed: ThreadError): Error {
  switch (packed.type) {
    case "known":
      return new BakError(packed.code, packed.message, { hint: packed.hint });
    case "system":
      return Object.assign(new Error(packed.message), packed.fields);
    case "bug": {
      const error = new Error(packed.message);
      if (packed.stack !== undefined) error.stack = packed.stack;
      return error;
    }
    default:
      return unreachable(packed);
  }
}
