/** A thread that does odd work. */
import { serveJobs } from "../../src/threads/serve-jobs.js";
import { createOddWork } from "./odd-work.js";

serveJobs(createOddWork());
