/** Bytes on their way into a pipe: in order, no faster than they are read, and told of when nobody reads on. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { text } from "node:stream/consumers";
import t from "tap";
import { StreamSink } from "../../src/cli/stream-sink.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";

/** Some are gathered, some are not, and some come after what was gathered. */
const lengths = [1, 50_000, 240_000, 10, 300_000, 70_000, 250_000, 65_536, 262_144, 100_000];
const gone = { message: "nobody reads on" };
const pieces = lengths.map((length, index) => seededBytes(index, length));

t.test("what is written comes in order, however long the pieces are", async (t) => {
  const reader = spawn("sha256sum", { stdio: ["pipe", "pipe", "inherit"] });
  const sum = text(reader.stdout);
  const sink = new StreamSink(reader.stdin);
  const wanted = createHash("sha256");
  for (let round = 0; round < 20; round += 1) {
    for (const piece of pieces) {
      wanted.update(piece);
      await sink.write(piece);
    }
  }
  await sink.finish();
  reader.stdin.end();
  t.equal(await sum, `${wanted.digest("hex")}  -\n`);
});

t.test("a reader that has had enough is told of by the write that it ends, and by no other", async (t) => {
  for (const first of lengths.keys()) {
    // it outlives its reading: of one that has ended, Node takes away the pipe
    const reader = spawn("sh", ["-c", "head -c 100000 >&2; exec 0<&-; exec sleep 60"], {
      stdio: ["pipe", "ignore", "ignore"],
    });
    const sink = new StreamSink(reader.stdin);
    // a rejection that nobody waits for would fail the test as well
    await t.rejects(async () => {
      for (let index = first; ; index += 1) await sink.write(pieces[index % pieces.length] as Uint8Array);
    }, gone);
    await t.rejects(sink.finish(), gone);
    reader.kill();
  }
});
