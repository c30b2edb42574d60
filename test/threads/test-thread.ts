import { serveJobs } from "../../src/threads/serve-jobs.js";
import { testWork } from "./test-work.js";

serveJobs(testWork);
