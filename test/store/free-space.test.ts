/** The low-water mark of a disk: when packs are refused, and how often the system is asked. */
import t from "tap";
import { askFileSystem, FreeSpace, reserveOf, type Space } from "../../src/store/free-space.js";

const mib = 1 << 20;

/** A disk whose state a test sets; `asked` counts. */
function fakeDisk(space: Space | undefined): { state: { space: Space | undefined; asked: number }; free: FreeSpace } {
  const state = { space, asked: 0 };
  const ask = async (): Promise<Space | undefined> => {
    state.asked += 1;
    return Promise.resolve(state.space);
  };
  return { state, free: new FreeSpace("/store", ask) };
}

t.test("a twentieth of a small disk is kept free, and 64 MiB of a large one", (t) => {
  t.equal(reserveOf(64 * mib), 3_355_443);
  t.equal(reserveOf(1280 * mib), 64 * mib);
  t.equal(reserveOf(10e12), 64 * mib);
  t.end();
});

t.test("bytes are taken as long as the reserve stays", async (t) => {
  const { free, state } = fakeDisk({ totalBytes: 100 * mib, freeBytes: 7 * mib });
  await free.take(mib);
  await free.take(mib);
  const refused = { code: "STORE_FULL", message: "no space left on the store '/store'", hint: /forget/ };
  state.space = { totalBytes: 100 * mib, freeBytes: 5 * mib };
  await t.rejects(free.take(mib), refused);
  await t.rejects(free.take(mib), refused, "what was refused does not count as taken");
  state.space = { totalBytes: 100 * mib, freeBytes: 6 * mib };
  await free.take(mib);
});

t.test("the system is asked now and then, and not for each piece", async (t) => {
  const { free, state } = fakeDisk({ totalBytes: 1e12, freeBytes: 1e11 });
  for (let index = 0; index < 1000; index += 1) await free.take(1);
  t.ok(state.asked < 500, `${state.asked} times`);
  const before = state.asked;
  await free.take(9 * mib);
  t.equal(state.asked, before + 1);
});

t.test("what is full is told of at once when space has been freed, and the other way", async (t) => {
  const { free, state } = fakeDisk({ totalBytes: 100 * mib, freeBytes: 0 });
  await t.rejects(free.take(1), { code: "STORE_FULL" });
  state.space = { totalBytes: 100 * mib, freeBytes: 50 * mib };
  await free.take(1);
  state.space = { totalBytes: 100 * mib, freeBytes: 0 };
  await t.rejects(free.take(9 * mib), { code: "STORE_FULL" });
});

t.test("a file system that does not know is written to", async (t) => {
  const { free } = fakeDisk(undefined);
  await free.take(1e15);
  t.pass();
});

t.test("a folder's file system is asked", async (t) => {
  const space = await askFileSystem(t.testdir());
  t.ok(space !== undefined && space.totalBytes > space.freeBytes && space.freeBytes > 0);
  await t.rejects(askFileSystem("/nowhere at all"), { code: "ENOENT" });
});
