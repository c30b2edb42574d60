/** The thread of measureInBackground: counts the folder that it is given, answers, and ends. */
import { parentPort, workerData } from "node:worker_threads";
import { measureFolder } from "./measure.js";

parentPort?.postMessage(measureFolder(workerData.folder));
