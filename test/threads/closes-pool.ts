/** A process that closes a pool whose thread has just done a job that nobody has heard of yet: it goes on after that. */
import { ThreadPool } from "../../src/threads/thread-pool.js";
import { testWork } from "./test-work.js";

const pool = new ThreadPool({ entry: new URL("./test-thread.js", import.meta.url), work: testWork, size: 1 });
await pool.run({ do: "count" }); // the thread is there, and idle
const late = pool.run({ do: "count" }).catch(() => "closed");
for (const end = Date.now() + 300; Date.now() < end;); // the answer comes, and waits for this thread
await pool.close();
console.log(await late);
