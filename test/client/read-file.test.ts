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
import { bytesAt, kindAt, packingRoomBytes } from "../../src/client/batch.js";
import { SourceFile, type ReadFile } from "../../src/client/read-file.js";
import { maxChunkBytes, minChunkBytes } from "../../src/objects/chunker.js";
import { fileHashOf } from "../../src/objects/entry.js";
import { decodeList } from "../../src/objects/list.js";
import { objectIdAt, objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { makeFifo, text } from "./world.js";

interface Read extends ReadFile {
  readonly offered: PackedObject<ObjectId>[];
  readonly bytesRead: number;
  /** How many buffers it took. */
  readonly buffers: number;
}

interface ReadOptions {
  /** Called as bytes are read, before it is known whether the file has changed. */
  readonly onRead?: (count: number) => void;
  readonly bufferBytes?: number;
}

/** Reads a file to its end; what a buffer was filled with is copied before it is filled again. */
function read(path: string, { onRead, bufferBytes = maxChunkBytes + packingRoomBytes }: ReadOptions = {}): Read {
  const offered: PackedObject<ObjectId>[] = [];
  let bytesRead = 0;
  const file = new SourceFile(text(path), (count) => {
    bytesRead += count;
    onRead?.(count);
  });
  try {
    const buffer = new ArrayBuffer(bufferBytes);
    for (let buffers = 1; ; buffers += 1) {
      new Uint8Array(buffer).fill(0xee);
      const { batch, end } = file.readInto(buffer);
      for (let index = 0; index < batch.kinds.length; index += 1) {
        const id = objectIdAt(batch.ids, index * 32);
        offered.push({ kind: kindAt(batch, index), id, bytes: Buffer.from(bytesAt(batch, index)) });
      }
      if (end !== undefined) return { ...end, offered, bytesRead, buffers };
    }
  } finally {
    file.close();
  }
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

t.test("a file of any size is what its objects say, and its hash is b3sum's", (t) => {
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
    const result = read(path);
    t.ok(contentOf(result).equals(bytes), `${size}: the bytes`);
    t.equal(fileHashOf(result.content), b3sum(path), `${size}: the hash`);
    t.equal("blob" in result.content, size <= mebibyte, `${size}: whole or in chunks`);
    t.ok(result.offered.every(({ id, bytes: each }) => objectIdOf(each) === id && each.length <= maxChunkBytes));
    t.equal(result.bytesRead, size);
    t.equal(result.unsteady, undefined);
    const { size: statSize, mtimeNs, ctimeNs, ino } = lstatSync(path, { bigint: true });
    t.equal(BigInt(result.stat.size), statSize);
    t.equal(BigInt(result.stat.mtimeSeconds) * 1_000_000_000n + BigInt(result.stat.mtimeNanoseconds), mtimeNs);
    t.equal(result.stat.ctimeNs, ctimeNs);
    t.equal(result.stat.ino, ino);
  }
  t.end();
});

t.test("a large file of one byte repeated, and an insertion at its front, are read right", (t) => {
  const folder = t.testdir();
  const path = join(folder, "f");
  const zeros = Buffer.alloc(17 * mebibyte + 3);
  writeFileSync(path, zeros);
  t.ok(contentOf(read(path)).equals(zeros));
  const bytes = seededBytes(1, 12 * mebibyte);
  writeFileSync(path, bytes);
  const first = read(path);
  writeFileSync(path, Buffer.concat([Buffer.from("inserted"), bytes]));
  const second = read(path);
  const before = new Set(first.offered.map(({ id }) => id));
  const added = second.offered.filter(({ id, kind }) => kind === "blob" && !before.has(id));
  t.ok(added.length <= 2, "only the chunks at the insertion are others");
  t.end();
});

t.test("objects are the same whatever the buffer's size, and each has its own id", (t) => {
  const path = join(t.testdir(), "f");
  const zeros = Buffer.alloc(maxChunkBytes + 100_000); // which have no boundary
  const bytes = Buffer.concat([seededBytes(2, 9 * mebibyte), zeros, seededBytes(3, 5 * mebibyte), zeros]);
  writeFileSync(path, bytes);
  const inOne = read(path, { bufferBytes: 64 * mebibyte });
  t.equal(inOne.buffers, 1);
  for (const more of [0, 1, 4096, minChunkBytes, mebibyte, 3 * mebibyte + 1]) {
    const result = read(path, { bufferBytes: maxChunkBytes + packingRoomBytes + more });
    t.ok(result.buffers > 1);
    t.same(
      result.offered.map(({ kind, id }) => `${kind} ${id}`),
      inOne.offered.map(({ kind, id }) => `${kind} ${id}`),
      `${more} bytes more`,
    );
    t.same(result.content, inOne.content);
    t.equal(result.bytesRead, bytes.length, "no byte is read twice");
  }
  t.end();
});

t.test("a list that the buffer has no room for comes with the next", (t) => {
  const path = join(t.testdir(), "f");
  writeFileSync(path, Buffer.alloc(2 * maxChunkBytes)); // chunks that leave nothing
  const result = read(path);
  t.equal(result.buffers, 3);
  t.same(
    result.offered.map(({ kind }) => kind),
    ["blob", "blob", "list"],
  );
  t.ok(contentOf(result).equals(Buffer.alloc(2 * maxChunkBytes)));
  t.end();
});

t.test("a file that changes while it is read is read again", (t) => {
  for (const size of [100, 3 * mebibyte]) {
    const path = join(t.testdir(), "f");
    writeFileSync(path, seededBytes(3, size));
    const final = seededBytes(4, size + 50);
    let changes = 0;
    const result = read(path, {
      onRead: () => {
        changes += 1;
        if (changes === 1) writeFileSync(path, final);
      },
    });
    t.equal(result.unsteady, undefined);
    t.ok(contentOf(result).equals(final));
    t.equal(fileHashOf(result.content), b3sum(path));
    t.equal(result.stat.size, final.length);
  }
  t.end();
});

t.test("a change that keeps size and mtime is noticed by the ctime", (t) => {
  const path = join(t.testdir(), "f");
  writeFileSync(path, "old");
  utimesSync(path, 1000, 1000);
  let changes = 0;
  const result = read(path, {
    onRead: () => {
      changes += 1;
      if (changes > 1) return;
      const { ctimeMs } = lstatSync(path);
      while (lstatSync(path).ctimeMs === ctimeMs) {
        writeFileSync(path, "new");
        utimesSync(path, 1000, 1000);
      }
    },
  });
  t.equal(contentOf(result).toString(), "new");
  t.equal(result.unsteady, undefined);
  t.end();
});

t.test("a file that always changes is kept as it was read at last, and called unsteady", (t) => {
  for (const [size, more] of [
    [10, 1],
    [mebibyte - 2, 5],
    [3 * mebibyte, mebibyte],
  ] as const) {
    const path = join(t.testdir(), "f");
    writeFileSync(path, seededBytes(5, size));
    const result = read(path, {
      onRead: (count) => {
        if (count !== more) appendFileSync(path, Buffer.alloc(more, 1)); // else the reading would never end
      },
    });
    t.equal(result.unsteady, "grown");
    t.equal(contentOf(result).length, result.stat.size, "size and content are of one reading");
    t.equal(fileHashOf(result.content), objectIdOf(contentOf(result)));
  }
  t.end();
});

t.test("what happens to a file that is never still is told apart", (t) => {
  const large = 70 << 20; // read once
  const happenings: [string, (path: string) => void][] = [
    ["changed", (path) => utimesSync(path, 1000, 1000)],
    ["grown", (path) => appendFileSync(path, "x")],
    ["shrunk", (path) => truncateSync(path, large - 1)],
    ["shrunk", (path) => truncateSync(path, 1 << 20)],
  ];
  for (const [what, happen] of happenings) {
    const path = join(t.testdir(), "f");
    writeFileSync(path, "");
    truncateSync(path, large);
    let has = false;
    const result = read(path, {
      onRead: () => {
        if (!has) happen(path);
        has = true;
      },
    });
    t.equal(result.unsteady, what);
    t.equal(contentOf(result).length, result.stat.size);
  }
  t.end();
});

t.test("a file that is cut off while it is read is what is left of it", (t) => {
  for (const left of [0, 5, mebibyte]) {
    const path = join(t.testdir(), "f");
    writeFileSync(path, seededBytes(6, 3 * mebibyte));
    let isCut = false;
    const result = read(path, {
      onRead: () => {
        if (!isCut) truncateSync(path, left);
        isCut = true;
      },
    });
    t.equal(result.unsteady, undefined);
    t.equal(result.stat.size, left);
    t.ok(contentOf(result).equals(seededBytes(6, 3 * mebibyte).subarray(0, left)));
    t.ok("blob" in result.content);
  }
  t.end();
});

t.test("a file that another is renamed over while it is read is the one that was opened", (t) => {
  const folder = t.testdir({ f: "opened", other: "renamed over it" });
  const result = read(join(folder, "f"), {
    onRead: () => {
      if (existsSync(join(folder, "other"))) renameSync(join(folder, "other"), join(folder, "f"));
    },
  });
  t.equal(contentOf(result).toString(), "opened");
  t.equal(result.stat.size, 6);
  t.end();
});

t.test("what has taken the file's place does not hold the reader, nor lead it elsewhere", (t) => {
  const folder = t.testdir({ target: "secret" });
  makeFifo(join(folder, "fifo"));
  mkdirSync(join(folder, "folder"));
  symlinkSync("target", join(folder, "link"));
  for (const name of ["fifo", "folder"]) {
    t.throws(() => read(join(folder, name)), { code: "SOURCE_FAILED", message: "it is no longer a file" });
  }
  t.throws(() => read(join(folder, "link")), { code: "ELOOP" });
  t.throws(() => read(join(folder, "missing")), { code: "ENOENT" });
  t.end();
});
