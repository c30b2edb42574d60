/**
 * Has V8 wait longer before it compiles what is called often to fast code. Each thread compiles the same functions for itself, on
 * cores that have better things to do: with V8's own patience that was an eighth of the CPU that a first push took.
 */
import { setFlagsFromString } from "node:v8";

/** By the line of Node: V8 renames these flags, and complains of those that it does not have. */
const flagsOf: Partial<Record<string, readonly string[]>> = {
  // by default 67,584 bytes of bytecode are run
  20: ["--interrupt-budget=600000"],
  // by default there are 3,000 calls, and 400
  24: ["--invocation-count-for-turbofan=12000", "--invocation-count-for-maglev=1600"],
};

let isSet = false;

/** For all threads of the process, from now on. */
export function compileLater(): void {
  if (isSet) return;
  isSet = true;
  const [line = ""] = process.versions.node.split(".", 1);
  for (const flag of flagsOf[line] ?? []) setFlagsFromString(flag);
}
