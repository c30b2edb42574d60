/** Zstandard by its own program: what bak's is compared with, and what makes members on a Node that has none. */
import { spawnSync } from "node:child_process";

/** Runs `zstd` with bytes on its stdin; gives its stdout, or throws what it said. */
export function runZstd(args: readonly string[], input: Uint8Array): Buffer {
  const { status, stdout, stderr, error } = spawnSync("zstd", ["-q", ...args, "-c"], { input, maxBuffer: 256 << 20 });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`zstd ${args.join(" ")}: exit code ${status}: ${String(stderr)}`);
  return stdout;
}

/** A frame of the form that members have, at a level of zstd's. */
export function zstdMember(bytes: Uint8Array, level = 3): Buffer {
  const options = level < 0 ? [`--fast=${-level}`] : ["--ultra", `-${level}`];
  return runZstd([...options, "--check", `--stream-size=${bytes.length}`], bytes);
}
