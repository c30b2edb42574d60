/** The table of what a restore wants, as the main thread fills it and others use it. */
import t from "tap";
import { fileStates, RestoreTable, targetFolder, type TableFile } from "../../src/client/restore-table.js";
import { byteString } from "../../src/objects/byte-string.js";
import { objectIdBytes, objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import { text } from "./world.js";

const small = { pieces: 64, folders: 8, nameBytes: 80 << 10 };

const idOf = (content: string): ObjectId => objectIdOf(Buffer.from(content));

function fileOf(name: string, changes: Partial<TableFile> = {}): TableFile {
  const times = { mtimeSeconds: -5, mtimeNanoseconds: 999_999_999 };
  return {
    folder: targetFolder,
    name: text(name),
    size: 10,
    mode: 0o640,
    number: 7,
    owner: undefined,
    attributes: new Uint8Array(0),
    ...times,
    ...changes,
  };
}

/** The places of a blob, for whoever takes it. */
function placesOf(table: RestoreTable, id: ObjectId): { file: number; offset: number; length: number }[] | undefined {
  const number = table.find(id);
  const first = number === undefined ? undefined : table.take(number);
  if (first === undefined) return undefined;
  const places = [];
  for (let at: number | undefined = first; at !== undefined; at = table.nextPiece(at)) places.push(table.piece(at));
  return places;
}

t.test("what was added is found, in another view of the same memory too", (t) => {
  const table = new RestoreTable(small);
  const other = new RestoreTable(table.shared);
  const name = byteString(Buffer.of(0xff, 0x20, 0xe9));
  const folder = table.addFolder(targetFolder, name);
  const inner = table.addFolder(folder, text("inner"));
  const wanted = fileOf("file", {
    folder: inner,
    size: 2 ** 41,
    mtimeSeconds: 2 ** 40,
    mode: 0o6755,
    owner: { uid: 4_000_000_000, gid: 2 },
  });
  const file = table.addFile(wanted);
  table.addPiece(idOf("a"), file, { offset: 2 ** 40, length: 5 });
  t.strictSame(other.file(file), wanted);
  t.equal(other.folderName(folder), name);
  t.equal(other.parentOf(inner), folder);
  t.equal(other.parentOf(folder), targetFolder);
  t.equal(other.parentOf(targetFolder), undefined);
  t.strictSame(placesOf(other, idOf("a")), [{ file, offset: 2 ** 40, length: 5 }]);
  t.equal(other.find(idOf("b")), undefined);
  t.end();
});

t.test("a blob has all its places, and is taken once", (t) => {
  const table = new RestoreTable(small);
  const files = ["x", "y", "z"].map((name) => table.addFile(fileOf(name)));
  for (const file of files) table.addPiece(idOf("same"), file, { offset: 0, length: 10 });
  t.strictSame(
    placesOf(table, idOf("same"))
      ?.map(({ file }) => file)
      .toSorted(),
    files,
  );
  t.equal(placesOf(table, idOf("same")), undefined);
  t.end();
});

t.test("ids that nobody has taken come in the order in which they were added", (t) => {
  const table = new RestoreTable(small);
  const file = table.addFile(fileOf("file"));
  const ids = Array.from({ length: 20 }, (_, index) => idOf(`${index}`));
  for (const id of [...ids, ...ids]) table.addPiece(id, file, { offset: 0, length: 1 });
  t.strictSame(table.untaken(100), ids);
  t.strictSame(table.untaken(3), ids.slice(0, 3));
  for (const id of [ids[0], ids[1], ids[3]]) placesOf(table, id as ObjectId);
  t.strictSame(table.untaken(2), [ids[2], ids[4]]);
  t.end();
});

t.test("a hash is compared with the whole id", (t) => {
  const table = new RestoreTable(small);
  table.addPiece(idOf("a"), table.addFile(fileOf("file")), { offset: 0, length: 1 });
  const number = table.find(idOf("a")) as number;
  const hash = objectIdBytes(idOf("a"));
  t.ok(table.isId(number, hash));
  for (const at of [0, 15, 31]) {
    const wrong = Buffer.from(hash);
    wrong[at] = (wrong[at] as number) ^ 1;
    t.notOk(table.isId(number, wrong));
    t.equal(table.find(wrong.toString("hex") as ObjectId), undefined);
  }
  t.end();
});

t.test("a file is whole after its last piece, and not while more is expected", (t) => {
  const table = new RestoreTable(small);
  const file = table.addFile(fileOf("file"));
  for (const part of ["1", "2"]) table.addPiece(idOf(part), file, { offset: 0, length: 5 });
  t.notOk(table.countDown(file));
  t.ok(table.countDown(file));
  const continued = table.addFile(fileOf("other"));
  table.addPiece(idOf("3"), continued, { offset: 0, length: 5 });
  table.expectMore(continued);
  t.notOk(table.countDown(continued));
  t.end();
});

t.test("a file that has failed is not begun again, and failed once", (t) => {
  const table = new RestoreTable(small);
  const file = table.addFile(fileOf("file"));
  t.ok(table.start(file));
  t.ok(table.start(file), "by another thread");
  t.ok(table.fail(file));
  t.notOk(table.fail(file));
  t.notOk(table.start(file));
  t.equal(table.stateOf(file), fileStates.failed);
  t.notOk(table.start(table.addFile(fileOf("file"), fileStates.failed)), "nor with what is left of it");
  t.end();
});

t.test("it is full when one of its parts is, and has room again when it was emptied", (t) => {
  const table = new RestoreTable(small);
  for (let count = 0; count < 2; count += 1) {
    t.ok(table.hasRoom(7));
    t.notOk(table.hasRoom(8), "the target is one of the folders");
    t.notOk(new RestoreTable({ ...small, nameBytes: 2000 }).hasRoom(1), "names may be long");
    const file = table.addFile(fileOf("file"));
    const ids = Array.from({ length: small.pieces }, (_, index) => idOf(`${count} ${index}`));
    for (const id of ids) {
      t.ok(table.hasRoom(0));
      table.addPiece(id, file, { offset: 0, length: 1 });
    }
    t.notOk(table.hasRoom(0));
    t.strictSame(table.untaken(100), ids);
    table.clear();
    for (const id of ids) t.equal(table.find(id), undefined);
  }
  t.end();
});

t.test("bytes are counted by all, and all can be stopped", (t) => {
  const table = new RestoreTable(small);
  const other = new RestoreTable(table.shared);
  other.countBytes(2 ** 40);
  table.countBytes(3);
  t.equal(table.bytesWritten, 2 ** 40 + 3);
  t.notOk(other.isStopped);
  table.stop();
  t.ok(other.isStopped);
  t.end();
});
