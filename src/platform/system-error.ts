/** Errors of system calls that are not made through Node, of the kind that Node's own calls throw. */
import { getSystemErrorMap } from "node:util";

/** An error with `code`, `errno` and `syscall`, for the (positive) errno that a call has left. */
export function systemError(errno: number, syscall: string): NodeJS.ErrnoException {
  const [code, meaning] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, "unknown error"];
  return Object.assign(new Error(`${code}: ${meaning}, ${syscall}`), { code, errno: -errno, syscall });
}
