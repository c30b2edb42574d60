/** Reading one file: the objects that it becomes, and files that change under the hand. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t from "tap";
import { readSourceFile, type ReadFile, type ReadFileOptions } from "../../src/client/read-file.js";
import { maxChunkBytes, minChunkBytes } from "../../src/objects/chunker.js";
import { fileHashOf } from "../../src/objects/entry.js";
import { decodeList } from "../../src/objects/list.js";
import { objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { within } from "../helpers/deadline.js";
import { makeFifo, text } from "./world.js";

interface Read extends ReadFile {
  readonly offered: PackedObject<ObjectId>[];
  readonly bytesRead: number;
}

/** Reads a file; what was offered is copied at once, as its bytes may be views. */
async function read(path: string, options: Partial<ReadFileOptions> = {}): Promise<Read> {
  const offered: PackedObject<ObjectId>[] = [];
  let bytesRead = 0;
  const result = await within(
    20_000,
    "the reading",
    readSourceFile(text(path), {
      onBytes: (count) => (bytesRead += count),
      breathe: () => undefined,
      ...options,
      offer: (object) => {
        offered.push({ ...object, bytes: Buffer.from(object.bytes) });
        return options.offer?.(object);
      },
    }),
  );
  return { ...result, offered, bytesRead };
}

/** The file again, put together from what was offered. */
function contentOf({ content, offered }: Read): Buffer {
  const objects = new Map(offered.map(({ id, bytes }) => [id, bytes]));
  const bytesOfList = (id: ObjectId): Buffer => {
    const { level, children } = decodeList(objects.get(id) as Uint8Array);
    return Buffer.concat(
      children.map((child) => (level === 0 ? objects.get(child.id) : bytesOfList(child.id))) as Buffer[],
    );
  };
  return "blob" in content ? Buffer.from(objects.get(content.blob) as Uint8Array) : bytesOfList(content.list);
}

const b3sum = (path: string): string => execFileSync("b3sum", ["--no-names", path], { encoding: "utf8" }).trim();

const mebibyte = 1 << 20;

t.test("a file of any size is what its objects say, and its hash is b3sum's", async (t) => {
  const folder = t.testdir();
  const sizes = [
    0,
    1,
    1000,
    minChunkBytes,
    mebibyte - 1,
    mebibyte,
    mebibyte + 1,
    3 * mebibyte,
    9 * mebibyte,
    20 * mebibyte + 7,
  ];
  for (const size of sizes) {
    const path = join(folder, `${size}`);
    const bytes = seededBytes(size + 1, size);
    writeFileSync(path, bytes);
    const result = await read(path);
    t.ok(contentOf(result).equals(bytes), `${size}: the bytes`);
    t.equal(fileHashOf(result.content), b3sum(path), `${size}: the hash`);
    t.equal("blob" in result.content, size <= mebibyte, `${size}: whole or in chunks`);
    t.ok(result.offered.every(({ id, bytes: each }) => objectIdOf(each) === id && each.length <= maxChunkBytes));
    t.equal(result.bytesRead, size);
    t.notOk(result.isUnsteady);
    const { size: statSize, mtimeNs, ctimeNs, ino } = lstatSync(path, { bigint: true });
    t.equal(BigInt(result.stat.size), statSize);
    t.equal(BigInt(result.stat.mtimeSeconds) * 1_000_000_000n + BigInt(result.stat.mtimeNanoseconds), mtimeNs);
    t.equal(result.stat.ctimeNs, ctimeNs);
    t.equal(result.stat.ino, ino);
  }
});

t.test("a large file of one byte repeated, and an insertion at its front, are read right", async (t) => {
  const folder = t.testdir();
  const path = join(folder, "f");
  const zeros = Buffer.alloc(17 * mebibyte + 3);
  writeFileSync(path, zeros);
  t.ok(contentOf(await read(path)).equals(zeros));
  const bytes = seededBytes(1, 12 * mebibyte);
  writeFileSync(path, bytes);
  const first = await read(path);
  writeFileSync(path, Buffer.concat([Buffer.from("inserted"), bytes]));
  const second = await read(path);
  const before = new Set(first.offered.map(({ id }) => id));
  const added = second.offered.filter(({ id, kind }) => kind === "blob" && !before.has(id));
  t.ok(added.length <= 2, "only the chunks at the insertion are others");
});

t.test("what offer gives is waited for, and what it fails with comes out", async (t) => {
  const folder = t.testdir({ small: "small" });
  writeFileSync(join(folder, "large"), seededBytes(2, 4 * mebibyte));
  for (const name of ["small", "large"]) {
    let waiting = 0;
    await read(join(folder, name), {
      offer: async () => {
        t.equal(waiting, 0);
        waiting += 1;
        await new Promise((resolve) => setImmediate(resolve));
        waiting -= 1;
      },
    });
    const failure = new Error("the store is gone");
    const offer = (): Promise<void> => Promise.reject(failure);
    const error = await read(join(folder, name), { offer }).catch((reason: unknown) => reason);
    t.equal(error, failure);
  }
});

t.test("a file that changes while it is read is read again", async (t) => {
  for (const size of [100, 3 * mebibyte]) {
    const path = join(t.testdir(), "f");
    writeFileSync(path, seededBytes(3, size));
    const final = seededBytes(4, size + 50);
    let changes = 0;
    const result = await read(path, {
      offer: () => {
        changes += 1;
        if (changes === 1) writeFileSync(path, final);
        return undefined;
      },
    });
    t.notOk(result.isUnsteady);
    t.ok(contentOf(result).equals(final));
    t.equal(fileHashOf(result.content), b3sum(path));
    t.equal(result.stat.size, final.length);
  }
});

t.test("a change that keeps size and mtime is noticed by the ctime", async (t) => {
  const path = join(t.testdir(), "f");
  writeFileSync(path, "old");
  utimesSync(path, 1000, 1000);
  let changes = 0;
  const result = await read(path, {
    offer: async () => {
      changes += 1;
      if (changes > 1) return;
      const { ctimeMs } = lstatSync(path);
      while (lstatSync(path).ctimeMs === ctimeMs) {
        writeFileSync(path, "new");
        utimesSync(path, 1000, 1000);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  });
  t.equal(contentOf(result).toString(), "new");
  t.notOk(result.isUnsteady);
});

t.test("a file that always changes is kept as it was read at last, and called unsteady", async (t) => {
  for (const [size, more] of [
    [10, 1],
    [mebibyte - 2, 5],
    [3 * mebibyte, mebibyte],
  ] as const) {
    const path = join(t.testdir(), "f");
    writeFileSync(path, seededBytes(5, size));
    const result = await read(path, {
      onBytes: (count) => {
        if (count !== more) appendFileSync(path, Buffer.alloc(more, 1)); // else the reading would never end
      },
    });
    t.ok(result.isUnsteady);
    t.equal(contentOf(result).length, result.stat.size, "size and content are of one reading");
    t.equal(fileHashOf(result.content), objectIdOf(contentOf(result)));
  }
});

t.test("a file that is cut off while it is read is what is left of it", async (t) => {
  for (const left of [0, 5, mebibyte]) {
    const path = join(t.testdir(), "f");
    writeFileSync(path, seededBytes(6, 3 * mebibyte));
    let isCut = false;
    const result = await read(path, {
      onBytes: () => {
        if (!isCut) truncateSync(path, left);
        isCut = true;
      },
    });
    t.notOk(result.isUnsteady);
    t.equal(result.stat.size, left);
    t.ok(contentOf(result).equals(seededBytes(6, 3 * mebibyte).subarray(0, left)));
    t.ok("blob" in result.content);
  }
});

t.test("a file that another is renamed over while it is read is the one that was opened", async (t) => {
  const folder = t.testdir({ f: "opened", other: "renamed over it" });
  const result = await read(join(folder, "f"), {
    offer: () => {
      if (existsSync(join(folder, "other"))) renameSync(join(folder, "other"), join(folder, "f"));
      return undefined;
    },
  });
  t.equal(contentOf(result).toString(), "opened");
  t.equal(result.stat.size, 6);
});

t.test("what has taken the file's place does not hold the reader, nor lead it elsewhere", async (t) => {
  const folder = t.testdir({ target: "secret" });
  makeFifo(join(folder, "fifo"));
  mkdirSync(join(folder, "folder"));
  symlinkSync("target", join(folder, "link"));
  for (const name of ["fifo", "folder"]) {
    await t.rejects(read(join(folder, name)), { code: "SOURCE_FAILED", message: "it is no longer a file" });
  }
  await t.rejects(read(join(folder, "link")), { code: "ELOOP" });
  await t.rejects(read(join(folder, "missing")), { code: "ENOENT" });
});

t.test("no file stays open, whatever happens", async (t) => {
  const folder = t.testdir({ f: "content" });
  mkdirSync(join(folder, "d"));
  const open = (): number =>
    Number(execFileSync("sh", ["-c", `ls /proc/${process.pid}/fd | wc -l`], { encoding: "utf8" }));
  const before = open();
  for (let round = 0; round < 20; round += 1) {
    await read(join(folder, "f"));
    await read(join(folder, "d")).catch(() => undefined);
    await read(join(folder, "f"), { offer: () => Promise.reject(new Error("no")) }).catch(() => undefined);
  }
  t.ok(open() < before + 10);
});

t.test("the reading of a large file can be aborted, and lets others breathe", async (t) => {
  const path = join(t.testdir(), "f");
  writeFileSync(path, seededBytes(7, 12 * mebibyte));
  const stop = new AbortController();
  const reason = new Error("enough");
  let breaths = 0;
  const breathe = (): undefined => {
    breaths += 1;
    if (breaths === 3) stop.abort(reason);
  };
  const error = await read(path, { breathe, signal: stop.signal }).catch((failure: unknown) => failure);
  t.equal(error, reason);
  t.equal(breaths, 3);
});
