import t from "tap";
import { parseTable } from "../../bench/table.js";
import { makePlace, runBench } from "../helpers/bench-process.js";

t.test("a slow link is measured against its own rate, and in round trips", async (t) => {
  const args = ["link", "--scale", "0.0005", "--runs", "1", "--rtt", "5", "--mbit", "10"];
  const { code, stdout, stderr } = await runBench(t, makePlace(t), args);
  t.equal(code, 0, stderr);
  const [head, first, unchanged, restored] = parseTable(stdout) ?? [];
  t.equal(head?.at(-1), "round trips more");
  t.match(first?.at(-2), /^\d+\.\d\d$/);
  t.match(unchanged?.at(-1), /^-?\d+\.\d$/);
  t.match(restored?.at(-2), /^\d+\.\d\d$/);
});

t.test("a push among others has a row for each kind of company", async (t) => {
  const args = ["crowd", "--scale", "0.0005", "--runs", "1", "--connections", "12", "--again", "50"];
  const { code, stdout, stderr } = await runBench(t, makePlace(t), args);
  t.equal(code, 0, stderr);
  const rows = parseTable(stdout)?.slice(1) ?? [];
  t.strictSame(
    rows.map(([who]) => who),
    ["nobody", "nothing said", "garbage", "half of a message", "all three"],
  );
  t.strictSame(rows[0]?.[2], "1.00");
  for (const [, , speed] of rows) t.match(speed, /^\d+\.\d\d$/);
});

t.test("every part of bak has a row", async (t) => {
  const { code, stdout, stderr } = await runBench(t, makePlace(t), ["micro", "--time", "1", "--scale", "0.002"]);
  t.equal(code, 0, stderr);
  const parts = parseTable(stdout)?.map(([part]) => part) ?? [];
  for (const part of [
    "chunker",
    "BLAKE3, wasm",
    "tree",
    "member",
    "codec gzip",
    "pack index",
    "message",
    "store index",
  ]) {
    t.ok(parts.includes(part), part);
  }
});

t.test("growth has a table for files, one for bytes, and one for objects", async (t) => {
  const args = ["growth", "--scale", "0.0005", "--only", "files-10k,bytes-1g,objects-10m"];
  const { code, stdout, stderr } = await runBench(t, makePlace(t), args);
  t.equal(code, 0, stderr);
  const [files = "", bytes = "", objects = ""] = stdout.split(/^(?=bytes: |objects: )/m);
  t.strictSame(parseTable(files)?.[1]?.slice(0, 2), ["5", "first push"]);
  t.strictSame(parseTable(bytes)?.[1]?.slice(0, 2), ["500 kB", "first push"]);
  t.equal(parseTable(objects)?.[1]?.[0], "5,000");
});

t.test("what is asked for wrongly is one line", async (t) => {
  const wrong = [
    { args: ["--corpus", "linux"], said: "--corpus does not know 'linux'" },
    { args: ["--scale", "0"], said: "--scale takes a number above zero, not '0'" },
    { args: ["--runs", "1.5"], said: "--runs takes a whole number above zero, not '1.5'" },
    { args: ["--folder", "/", "--write"], said: "--folder goes with neither --corpus nor --write" },
    { args: ["growth", "--only", "files-10k", "--write"], said: "--write takes all rows of 'files'" },
    { args: ["--scale", "1e6"], said: "too little room in", code: 1 },
    { args: ["walk"], said: "no part 'walk' of the bench" },
  ];
  for (const { args, said, code: expected = 2 } of wrong) {
    const { code, stdout, stderr } = await runBench(t, makePlace(t), args);
    t.equal(code, expected);
    t.equal(stdout, "");
    t.ok(
      stderr.split("\n").some((line) => line.startsWith(`bench: ${said}`)),
      stderr,
    );
  }
});
