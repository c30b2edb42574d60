/** Batches of small files: what was found as it was is read, and all else is told apart. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { readBatch, readOutcomes, statFields } from "../../src/client/read-batch.js";
import { statSource, type SourceStat } from "../../src/client/source-stat.js";
import { byteString, type ByteString } from "../../src/objects/byte-string.js";
import { objectIdAt, objectIdOf } from "../../src/objects/object-id.js";
import { unpackError } from "../../src/threads/thread-error.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { addNamesOfBytes } from "../helpers/sample-folder.js";
import { makeFifo, text, untilOld } from "./world.js";

interface Found {
  readonly path: ByteString;
  readonly stat: Pick<SourceStat, "ino" | "size" | "ctimeNs">;
}

interface Outcome {
  readonly outcome: "read" | "moved" | "failed";
  readonly bytes: Buffer;
  readonly code: string | undefined;
}

const outcomeNames = Object.keys(readOutcomes) as (keyof typeof readOutcomes)[];

/** Reads files that were found; asserts that every id is that of the bytes, and that the buffer comes back. */
function read(t: Test, files: readonly Found[]): Outcome[] {
  const stats = new BigInt64Array(files.length * statFields);
  for (const [index, { stat }] of files.entries())
    stats.set([stat.ino, BigInt(stat.size), stat.ctimeNs], index * statFields);
  const buffer = new ArrayBuffer(files.reduce((sum, { stat }) => sum + stat.size, 0) + 100);
  const { result, transfer } = readBatch({
    type: "read",
    paths: files.map(({ path }) => path).join("\0"),
    stats,
    buffer,
  });
  t.equal(result.buffer, buffer);
  t.strictSame(transfer, [buffer]);
  const errors = new Map(result.failures.map(({ index, error }) => [index, unpackError(error)]));
  let at = 0;
  return files.map(({ stat }, index) => {
    const bytes = Buffer.from(buffer, at, stat.size);
    at += stat.size;
    const outcome = outcomeNames[result.outcomes[index] as number] as Outcome["outcome"];
    if (outcome === "read") t.equal(objectIdAt(result.ids, index * 32), objectIdOf(bytes));
    t.equal(errors.has(index), outcome === "failed");
    const error: NodeJS.ErrnoException | undefined = errors.get(index);
    return { outcome, bytes, code: error?.code };
  });
}

const found = (path: string | ByteString): Found => {
  const name = text(path);
  return { path: name, stat: statSource(name) };
};

t.test("files are read one behind the other, empty ones too, whatever bytes their names are of", (t) => {
  const folder = t.testdir();
  const contents = [0, 1, 0, 5000, 1 << 20, 0].map((length, index) => seededBytes(index, length));
  const files = contents.map((bytes, index) => {
    writeFileSync(join(folder, `file ${index}`), bytes);
    return found(join(folder, `file ${index}`));
  });
  addNamesOfBytes(folder);
  for (const [name, content] of [
    ["\xff\xfe", "name of 2 bytes"],
    ["\xe9t\xe9", "name of 3 bytes"],
    ["line\nbreak", "a line"],
  ] as const) {
    const path = `${text(folder)}/${name}` as ByteString;
    if (name.includes("\n")) writeFileSync(join(folder, name), content);
    files.push({ path, stat: statSource(path) });
    contents.push(Buffer.from(content));
  }
  t.strictSame(
    read(t, files),
    contents.map((bytes) => ({ outcome: "read", bytes, code: undefined })),
  );
  t.end();
});

t.test("a file that is another than it was found is not taken, and those beside it are", async (t) => {
  const folder = t.testdir({ other: "CONTENT", a: "content", z: "the end" });
  const file = join(folder, "m");
  const changes: Record<string, [() => void, Partial<Outcome>]> = {
    "it has gone": [() => rmSync(file), { outcome: "failed", code: "ENOENT" }],
    "it has grown": [() => appendFileSync(file, "!"), { outcome: "moved" }],
    "it has shrunk": [() => truncateSync(file, 3), { outcome: "moved" }],
    "it was emptied": [() => truncateSync(file, 0), { outcome: "moved" }],
    "it was written anew": [() => writeFileSync(file, "CONTENT"), { outcome: "moved" }],
    "only its time was set": [() => utimesSync(file, 1, 1), { outcome: "moved" }],
    "only its mode was set": [() => chmodSync(file, 0o600), { outcome: "moved" }],
    "another took its place": [() => renameSync(join(folder, "other"), file), { outcome: "moved" }],
    "a link took its place": [
      () => {
        rmSync(file);
        symlinkSync("a", file);
      },
      { outcome: "failed", code: "ELOOP" },
    ],
    "a folder took its place": [
      () => {
        rmSync(file);
        mkdirSync(file);
      },
      { outcome: "failed", code: "EISDIR" },
    ],
    "a fifo took its place": [
      () => {
        rmSync(file);
        makeFifo(file);
      },
      { outcome: "moved" },
    ],
  };
  for (const [what, [change, expected]] of Object.entries(changes)) {
    rmSync(file, { recursive: true, force: true });
    writeFileSync(file, "content");
    writeFileSync(join(folder, "other"), "CONTENT");
    const files = ["a", "m", "z"].map((name) => found(join(folder, name)));
    await untilOld(file);
    change();
    const [before, it, after] = read(t, files);
    t.match(it, expected, what);
    t.match(before, { outcome: "read", bytes: Buffer.from("content") });
    t.match(after, { outcome: "read", bytes: Buffer.from("the end") });
  }
});

t.test("a fifo in place of an empty file does not hold the batch, nor is it taken for one", (t) => {
  const folder = t.testdir({ m: "" });
  const file = found(join(folder, "m"));
  rmSync(join(folder, "m"));
  makeFifo(join(folder, "m"));
  const fifo = statSource(file.path);
  t.match(read(t, [file]), [{ outcome: "moved" }]);
  t.match(read(t, [{ path: file.path, stat: { ...fifo, size: 0 } }]), [{ outcome: "moved" }], "of the same inode, too");
  t.end();
});

t.test("a file that may not be read fails alone", { skip: process.getuid?.() === 0 && "root may" }, (t) => {
  const folder = t.testdir({ a: "1", b: "2" });
  const files = [found(join(folder, "a")), found(join(folder, "b"))];
  chmodSync(join(folder, "a"), 0);
  t.match(read(t, [found(join(folder, "a")), files[1] as Found]), [
    { outcome: "failed", code: "EACCES" },
    { outcome: "read" },
  ]);
  t.end();
});

t.test("no file stays open", (t) => {
  const folder = t.testdir({ a: "1", b: "22" });
  const open = (): string[] =>
    execFileSync("ls", ["-l", `/proc/${process.pid}/fd`], { encoding: "utf8" })
      .split("\n")
      .filter((line) => line.includes(byteString(Buffer.from(folder))));
  const files = ["a", "b"].map((name) => found(join(folder, name)));
  writeFileSync(join(folder, "b"), "333");
  t.match(read(t, files), [{ outcome: "read" }, { outcome: "moved" }]);
  t.strictSame(open(), []);
  t.end();
});

t.test("where few files may be open all are read, and where none may each fails by name", async (t) => {
  const folder = t.testdir();
  const paths = Array.from({ length: 100 }, (_, index) => join(folder, `file ${index}`));
  for (const path of paths) writeFileSync(path, path);
  const script = fileURLToPath(new URL("./few-descriptors.js", import.meta.url));
  const limited = 'ulimit -Sn 256 && ulimit -Hn 256 && exec "$0" "$@"';
  const args = ["-c", limited, process.execPath, ...process.execArgv, script, ...paths];
  const { few, none } = JSON.parse(execFileSync("sh", args, { encoding: "utf8" })) as Record<string, unknown>;
  t.strictSame(few, { outcomes: paths.map(() => readOutcomes.read), codes: [] });
  t.strictSame(none, { outcomes: paths.map(() => readOutcomes.failed), codes: paths.map(() => "EMFILE") });
});
