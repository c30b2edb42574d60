/** When a push tries again because the head has moved, and when it gives up. */
import t from "tap";
import { HeadMoves } from "../../src/client/head-moves.js";
import { BakError } from "../../src/errors.js";
import { within } from "../helpers/deadline.js";

const moved = new BakError("HEAD_MOVED", "head moved");

t.test("a head that never stands still is given up on after some tries", async (t) => {
  const moves = new HeadMoves({ maxMoves: 3 });
  for (let tries = 0; tries < 3; tries += 1) {
    t.ok(moves.mayTryAgain(moved));
    await moves.wait(undefined);
  }
  t.notOk(moves.mayTryAgain(moved));
});

t.test("no other error is tried again", (t) => {
  t.notOk(new HeadMoves().mayTryAgain(new BakError("STORE_FULL", "full")));
  t.notOk(new HeadMoves().mayTryAgain(new Error("a bug")));
  t.end();
});

t.test("a wait can be given up", async (t) => {
  const moves = new HeadMoves();
  const stop = new AbortController();
  const waiting = (async (): Promise<void> => {
    for (;;) await moves.wait(stop.signal);
  })();
  stop.abort(new Error("enough"));
  await t.rejects(within(5000, "giving up", waiting));
});
