/** Files and folders that may be missing. */
import { errnoOf } from "../errors.js";

/** What a system call on a path comes to; undefined where nothing has that name. */
export async function ifThere<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
