/** Who gets a place, who has to make room, and who is told of it. */
import fc from "fast-check";
import t from "tap";
import { Visitors, type Visitor, type VisitorEvent, type VisitorLimits } from "../../src/server/visitors.js";

const wide: VisitorLimits = { sessions: 100, sessionsPerAddress: 100, waiting: 100, waitingPerAddress: 100 };

/** A house with limits, that remembers who was sent away. */
function house(limits: Partial<VisitorLimits>) {
  const [away, events]: [string[], VisitorEvent[]] = [[], []];
  const visitors = new Visitors({ ...wide, ...limits }, (event) => void events.push(event));
  const arrive = (address: string, isProxy = false): Visitor =>
    visitors.arrive(address, { isProxy, sendAway: () => void away.push(address) });
  return { visitors, arrive, away, events };
}

t.test("who has waited longest of an address makes room for the next from there", (t) => {
  const { arrive, away, events } = house({ waitingPerAddress: 2 });
  for (const address of ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.1", "10.0.0.2"]) arrive(address);
  t.strictSame(away, ["10.0.0.1"]);
  t.strictSame(events, [{ type: "crowded", what: "waiting", from: "10.0.0.1", more: 0 }]);
  t.end();
});

t.test("addresses of one /64 count as one, however many somebody has of it", (t) => {
  const { visitors, arrive, away, events } = house({ waitingPerAddress: 2, sessionsPerAddress: 2 });
  for (const end of ["1", "2", "3", "dead:beef:0:1"]) arrive(`2001:db8:0:1:${end.includes(":") ? end : `:${end}`}`);
  t.strictSame(away, ["2001:db8:0:1::1", "2001:db8:0:1::2"]);
  t.match(events, [{ from: "2001:db8:0:1::/64" }]);
  const neighbour = arrive("2001:db8:0:2::1");
  t.equal(away.length, 2, "the next /64 is somebody else");

  for (const end of [5, 6]) visitors.seat(arrive(`2001:db8:0:1::${end}`));
  const third = arrive("2001:db8:0:1::7");
  t.strictSame(visitors.noRoomFor(third), { status: 429, retryAfterSeconds: 30 });
  t.throws(() => visitors.seat(third), { code: "LIMIT", message: /too many sessions/ });
  t.equal(visitors.noRoomFor(neighbour), undefined);
  visitors.seat(neighbour);
  t.end();
});

t.test("when all places to wait are taken, the address that has most of them gives one", (t) => {
  const { arrive, away } = house({ waiting: 4 });
  for (const address of ["10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3", "10.0.0.4"]) arrive(address);
  t.strictSame(away, ["10.0.0.2"]);
  arrive("10.0.0.4");
  t.equal(away.length, 2);
  t.end();
});

t.test("a session keeps its place, and gives it back once", (t) => {
  const { visitors, arrive, away } = house({ waiting: 2, waitingPerAddress: 2, sessions: 1, sessionsPerAddress: 1 });
  const first = arrive("10.0.0.1");
  visitors.seat(first);
  visitors.seat(first); // again changes nothing
  for (let count = 0; count < 5; count += 1) arrive("10.0.0.1");
  t.equal(away.length, 3, "of those who wait");
  const late = arrive("10.0.0.2");
  t.strictSame(visitors.noRoomFor(late), { status: 503, retryAfterSeconds: 30 });
  visitors.leave(first);
  visitors.leave(first);
  t.equal(visitors.noRoomFor(late), undefined);
  visitors.seat(late);
  t.match(visitors.noRoomFor(arrive("10.0.0.3")), { status: 503 }, "leaving twice has not made two places");
  t.end();
});

t.test("who was sent away gets no place any more, though he says hello just then", (t) => {
  const { visitors, arrive, away } = house({ waiting: 1 });
  const first = arrive("10.0.0.1");
  visitors.seat(arrive("10.0.0.2"));
  t.strictSame(away, ["10.0.0.1"]);
  t.throws(() => visitors.seat(first), { code: "LIMIT" });
  visitors.locate(first, "10.0.0.9");
  visitors.leave(first);
  visitors.leave(first);
  t.end();
});

t.test("a proxy's connections count for nobody until it says for whom it speaks", (t) => {
  const { visitors, arrive, away, events } = house({ waitingPerAddress: 1, waiting: 3 });
  const [one, two] = [arrive("127.0.0.1", true), arrive("127.0.0.1", true)];
  t.strictSame(away, []);
  visitors.locate(one, "192.0.2.1");
  visitors.locate(two, "192.0.2.2");
  t.strictSame(away, []);
  visitors.locate(arrive("127.0.0.1", true), "192.0.2.2");
  t.equal(away.length, 1, "the second of 192.0.2.2 takes the place of the first");
  for (let count = 0; count < 3; count += 1) arrive("127.0.0.1", true);
  t.ok(away.length >= 2, "and of those of whom nothing is known there are no more than may wait");
  t.match(events, [{ from: "192.0.2.2" }], "which is told once");
  t.end();
});

t.test("a crowd is told of once a minute, for each kind", (t) => {
  const { visitors, arrive, events } = house({ waiting: 1, sessions: 1 });
  visitors.seat(arrive("10.0.0.1"));
  for (let count = 0; count < 9; count += 1) visitors.noRoomFor(arrive("10.0.0.2"));
  t.match(events, [
    { what: "sessions", from: "10.0.0.2", more: 0 },
    { what: "waiting", from: "10.0.0.2", more: 0 },
  ]);
  t.equal(events.length, 2);
  t.end();
});

t.test("whatever they do, there are never more than may be, and places that are given back can be had", (t) => {
  const limits = { sessions: 4, sessionsPerAddress: 2, waiting: 5, waitingPerAddress: 2 };
  const step = fc.record({ does: fc.constantFrom("arrive", "seat", "leave", "proxy", "locate"), who: fc.nat(30) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const gone = new Set<number>();
      const all: Visitor[] = [];
      const visitors = new Visitors(limits, () => undefined);
      const come = (isProxy: boolean, who: number): void => {
        const number = all.length;
        all.push(visitors.arrive(`10.0.0.${who % 3}`, { isProxy, sendAway: () => void gone.add(number) }));
      };
      for (const { does, who } of steps) {
        const number = all.length === 0 ? -1 : who % all.length;
        const one = all[number];
        if (does === "arrive") come(false, who);
        else if (does === "proxy") come(true, who);
        else if (one === undefined) continue;
        else if (does === "locate") visitors.locate(one, `10.0.1.${who % 3}`);
        else if (does === "leave") {
          visitors.leave(one);
          gone.add(number);
        } else if (!gone.has(number)) {
          try {
            visitors.seat(one);
          } catch {
            // there is no room
          }
        }
        const inside = all.filter((each) => each.isSeated);
        const waiting = all.filter((each, at) => !each.isSeated && !gone.has(at));
        if (inside.length > limits.sessions || waiting.length > limits.waiting) throw new Error("too many");
        for (const { network } of all.filter(({ network }) => network !== undefined)) {
          if (inside.filter((each) => each.network === network).length > limits.sessionsPerAddress)
            throw new Error("of one");
          if (waiting.filter((each) => each.network === network).length > limits.waitingPerAddress)
            throw new Error("wait");
        }
      }
      for (const each of all) visitors.leave(each);
      for (let count = 0; count < limits.sessions; count += 1) {
        visitors.seat(visitors.arrive(`10.0.9.${count}`, { isProxy: false, sendAway: () => undefined }));
      }
    }),
  );
  t.end();
});
