/** The thread of measureInBackground: counts the folder that it is given, answers, and ends. */
import { parentPort, workerData } from "node:worker_threads";
import type { ByteString } from "../objects/byte-string.js";
import { measureFolder } from "./measure.js";

const { folder } = workerData as { folder: ByteString };
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is a window's; this is a thread's port
parentPort?.postMessage(measureFolder(folder));
