/**
 * What a process has used, read from Linux's /proc; undefined on systems that have none. For a process that still runs: what
 * it used is gone with it.
 */
import { readFileSync, writeFileSync } from "node:fs";

/** proc(5): times are in units of USER_HZ, which is 100 wherever Node runs. */
const ticksPerSecond = 100;

/**
 * User and system time of all its threads so far, in seconds.
 * @param {number | undefined} pid
 * @returns {number | undefined}
 */
export function cpuSecondsOf(pid) {
  const text = read(pid, "stat");
  if (text === undefined) return undefined;
  // the name of the process, in parentheses, may hold anything; utime and stime are the 12th and 13th field after it
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/**
 * The most memory it ever had in use (VmHWM), or has now (VmRSS), in bytes.
 * @param {number | undefined} pid
 * @param {"VmHWM" | "VmRSS"} [key]
 * @returns {number | undefined}
 */
export function memoryOf(pid, key = "VmHWM") {
  const kib = new RegExp(`^${key}:\\s*(\\d+) kB$`, "m").exec(read(pid, "status") ?? "")?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

/**
 * Lets VmHWM begin again at what is in use now.
 * @param {number | undefined} pid
 */
export function resetPeakMemory(pid) {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // a kernel that can't leaves the peak of the process so far, which is no less
  }
}

/**
 * @param {number | undefined} pid
 * @param {"stat" | "status"} file
 */
function read(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
