/** A thread of a restore. */
import { serveJobs } from "../threads/serve-jobs.js";
import { doRestoreJob } from "./restore-work.js";

serveJobs(doRestoreJob);
