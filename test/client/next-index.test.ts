/** The next index lies beside the last one until its commit is accepted. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { NextIndex } from "../../src/client/next-index.js";
import { readPushIndex, type PushIndex } from "../../src/client/push-index.js";
import type { ObjectId } from "../../src/objects/object-id.js";

const index: PushIndex = {
  store: "a store",
  commit: "11".repeat(32) as ObjectId,
  startedMs: 1_700_000_000_000,
  attributes: "own",
  folders: new Map(),
  objects: new Map(),
};

function place(t: Test): { folder: string; events: string[]; next: () => NextIndex } {
  const folder = t.testdir({ "index+journal": "what was read" });
  const events: string[] = [];
  const onEvent = ({ type }: { type: string }): void => void events.push(type);
  return { folder, events, next: () => new NextIndex({ indexFile: join(folder, "index"), onEvent }, index) };
}

t.test("it is put in place with the end of the journal", (t) => {
  const { folder, events, next } = place(t);
  const made = next();
  t.equal(readPushIndex(join(folder, "index")), undefined);
  t.ok(readdirSync(folder).includes("index+journal"));
  made.put();
  t.equal(readPushIndex(join(folder, "index"))?.commit, index.commit);
  t.strictSame(readdirSync(folder), ["index"]);
  t.strictSame(events, []);
  t.end();
});

t.test("it is given up, and the journal stays", (t) => {
  const { folder, events, next } = place(t);
  next().discard();
  t.strictSame(readdirSync(folder), ["index+journal"]);
  t.strictSame(events, []);
  t.end();
});

t.test("two at the same time are two files", (t) => {
  const { folder, events, next } = place(t);
  const [one, two] = [next(), next()];
  one.put();
  two.discard();
  t.equal(readPushIndex(join(folder, "index"))?.commit, index.commit);
  t.strictSame(events, []);
  t.end();
});

t.test("that it cannot be written is told once its commit is accepted, and not before", (t) => {
  const { folder, events, next } = place(t);
  mkdirSync(join(folder, "index"));
  writeFileSync(join(folder, "index", "in the way"), "");
  next().discard();
  t.strictSame(events, []);
  next().put();
  t.strictSame(events, ["indexNotKept"]);
  t.strictSame(readdirSync(folder), ["index", "index+journal"], "what was read is still known");
  const below = join(folder, "index+journal", "index");
  const onEvent = ({ type }: { type: string }): void => void events.push(type);
  const nowhere = new NextIndex({ indexFile: below, onEvent }, index);
  nowhere.discard();
  t.equal(events.length, 1);
  nowhere.put();
  t.strictSame(events, ["indexNotKept", "indexNotKept"]);
  t.end();
});
