/** The thread of measureInBackground: counts the folder that it is given, answers, and ends. */
import { parentPort, workerData } from "node:worker_threads";
import { measureFolder, type Measured } from "./measure.js";

const size = await measureFolder(workerData as Measured);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is a window's; this is a thread's port
parentPort?.postMessage(size);
