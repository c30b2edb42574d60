/** Whose files bak goes by. */

/**
 * Whether what belongs to a user is as good as our own, as git has it ("safe.directory"): ours, the system's, or that of
 * whoever became root with sudo. Always, on a system without such owners.
 */
export function isTrustedOwner(uid: number): boolean {
  const own = process.geteuid?.();
  return own === undefined || uid === own || uid === 0 || (own === 0 && uid === Number(process.env["SUDO_UID"]));
}
