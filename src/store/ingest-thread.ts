/** The module that a thread of a store's pool runs. */
import { serveJobs } from "../threads/serve-jobs.js";
import { ingestWork } from "./ingest-work.js";

serveJobs(ingestWork);
