/** A thread of a push. */
import { serveJobs } from "../threads/serve-jobs.js";
import { createPushWork } from "./push-work.js";

serveJobs(createPushWork());
