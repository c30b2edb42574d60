/** A process that has a pool, and ends by itself once its job is done: the thread does not keep it. */
import { ThreadPool } from "../../src/threads/thread-pool.js";
import { testWork } from "./test-work.js";

const pool = new ThreadPool({ entry: new URL("./test-thread.js", import.meta.url), work: testWork, size: 1 });
console.log(`done ${String(await pool.run({ do: "count" }))}`);
