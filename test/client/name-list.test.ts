import t from "tap";
import { NameList } from "../../src/client/name-list.js";
import type { ByteString } from "../../src/objects/byte-string.js";

const name = (text: string): ByteString => text as ByteString;

t.test("names come back as they went in, of any bytes and length", (t) => {
  const names = ["", "a", "\xff\xfe", "a\nb", "\x80", "x".repeat(1024)].map(name);
  const list = new NameList();
  for (const each of names) list.add(each);
  t.strictSame(
    Array.from({ length: list.length }, (_, index) => list.at(index)),
    names,
  );
  t.end();
});

t.test("of names in order, each is found, and no other", (t) => {
  const names = Array.from({ length: 5000 }, (_, index) => name(`${index * 2}é`.padStart(9, "0"))).toSorted();
  const list = new NameList();
  for (let round = 0; round < 2; round += 1) {
    list.clear();
    for (const each of names) list.add(each);
    t.ok(names.every((each) => list.has(each)));
    for (const other of ["", "0", "0000001é", "zzz", "\xff", "0".repeat(2000), `${names[7]}x`])
      t.notOk(list.has(name(other)));
  }
  list.clear();
  t.notOk(list.has(names[0] as ByteString));
  t.end();
});
