/** An error as `--json` writes it: one document, in the place of the answer. */
import type { BakError } from "../errors.js";

/** The document; `code` is one of `ErrorCode`, and `exitCode` what the process ends with. */
export interface ErrorData {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    readonly exitCode: number;
  };
}

/** What a program is told of a failure: the same as a person, and the code that names it. */
export function errorData({ code, message, hint, exitCode }: BakError): ErrorData {
  return { error: { code, message, ...(hint === undefined ? {} : { hint }), exitCode } };
}
