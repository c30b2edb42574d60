/** Twenty clients at once: whatever any of them is told is kept, is kept, with whatever goes on meanwhile. */
import { join } from "node:path";
import t from "tap";
import { seededNumbers } from "../helpers/arbitrary-bytes.js";
import { BakUser } from "../helpers/bak-process.js";
import { Crowd, Member, sharedProject } from "../helpers/crowd.js";
import { tortureLength } from "../helpers/torture-arguments.js";

const members = 20;
/** So many of them are processes of their own. */
const processes = 4;
const readers = 3;
/** In the first round all push to the shared project, later only one in so many. */
const sharedEvery = 6;

/** What is done in a loop while the clients work: one line each. */
const meanwhile: ((crowd: Crowd) => Promise<unknown>)[] = [(crowd) => crowd.clean(), (crowd) => crowd.forgetOne()];

t.test(
  "twenty clients push to their own projects and to one that they share, others read, forget, and clean up",
  async (t) => {
    const { seed, goesOn } = tortureLength({ rounds: 2, seconds: 30 });
    const user = new BakUser(t, t.testdir());
    const server = await user.serve(join(user.home, "store"));
    const crowd = new Crowd(user, server.url);
    const all = Array.from(
      { length: members },
      (_, number) => new Member(user.home, { number, isProcess: number < processes, seed }),
    );
    const over = new AbortController();
    const work = async (member: Member): Promise<void> => {
      for (let round = 0; goesOn(round) && !over.signal.aborted; round += 1) {
        if (round > 0) for (let changes = 0; changes < 4; changes += 1) member.change();
        await crowd.push(member, member.own);
        // all of them at once, and then some at a time: for ever would be more than one project can take
        if (round === 0 || (round + member.number) % sharedEvery === 0) await crowd.push(member, sharedProject);
      }
    };
    const wrong: string[] = [];
    const read = async (number: number): Promise<void> => {
      const next = seededNumbers(seed + number);
      while (!over.signal.aborted) {
        const some = crowd.acknowledged[next() % Math.max(1, crowd.acknowledged.length)];
        if (some === undefined) await crowd.log(sharedProject);
        else wrong.push(...(await crowd.differencesOf(some)), ...(await missingIn(crowd)));
      }
    };
    const repeat = async (task: (crowd: Crowd) => Promise<unknown>): Promise<void> => {
      while (!over.signal.aborted) await task(crowd);
    };
    const others = Promise.all([
      ...Array.from({ length: readers }, (_, number) => read(number)),
      ...meanwhile.map((task) => repeat(task)),
    ]);
    others.catch(() => over.abort()); // thrown below
    await Promise.all(all.map(work)).finally(() => over.abort());
    await others;
    t.strictSame(wrong, [], "what was restored meanwhile is what was pushed");

    for (const some of crowd.acknowledged.filter(({ commit }) => !crowd.forgotten.has(commit))) {
      const differences = await crowd.differencesOf(some);
      if (differences.length > 0) t.fail(`${some.project} ${some.commit}`, { differences });
    }
    t.strictSame(await missingIn(crowd), [], "every acknowledged commit is in its project's log");
    const { pushes, headMoves, restores, logs, cleanings } = crowd.figures;
    t.comment(
      `seed ${seed}: ${members} clients, ${pushes} pushes acknowledged, ${headMoves} built again on a head that had moved, ` +
        `${restores} restores compared, ${logs} logs read, ${cleanings} times cleaned, ` +
        `${crowd.forgotten.size} commits forgotten, 0 of the others lost`,
    );
    t.ok(
      pushes >= members * 2 && headMoves > 0 && restores > pushes - crowd.forgotten.size,
      JSON.stringify(crowd.figures),
    );
    t.ok(cleanings > 2 && crowd.forgotten.size > 2, "while commits were forgotten and the store was cleaned");
    t.match(await server.stop(), { code: 0 });
  },
);

/** The commits that were acknowledged before, and that no log has: what has been forgotten may be missing. */
async function missingIn(crowd: Crowd): Promise<string[]> {
  const expected = [...crowd.acknowledged];
  const missing: string[] = [];
  for (const project of new Set(expected.map((each) => each.project))) {
    const log = new Set(await crowd.log(project));
    for (const { commit } of expected.filter((each) => each.project === project)) {
      if (!log.has(commit) && !crowd.forgotten.has(commit)) missing.push(`${project} ${commit}`);
    }
  }
  return missing;
}
