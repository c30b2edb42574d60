/** The fuzzer itself: it finds what is planted. */
import t from "tap";
import { BakError } from "../../src/errors.js";
import { findFault, type FuzzTarget } from "../helpers/fuzz.js";
import { plainBytes } from "../helpers/mutations.js";

/** A decoder that accepts even first bytes, and does something wrong where the second is 7. */
const faulty = (wrong: (bytes: Buffer) => string | undefined): FuzzTarget => ({
  seeds: [Buffer.from([2, 1, 1])],
  shape: plainBytes,
  codes: ["BAD_OBJECT"],
  judge: (bytes) => {
    if (bytes.length === 0 || (bytes[0] as number) % 2 !== 0) throw new BakError("BAD_OBJECT", "odd");
    return bytes[1] === 7 ? wrong(bytes) : undefined;
  },
  count: 20_000,
});

const plants: Record<string, [(bytes: Buffer) => string | undefined, RegExp]> = {
  "another value": [() => "wrong", /^wrong$/],
  "another exception": [() => String((undefined as unknown as Buffer).length), /^threw TypeError/],
  "another code": [
    () => {
      throw new BakError("BAD_PACK", "not that");
    },
    /^threw BakError: not that/,
  ],
  "memory that the bytes only ask for": [
    () => {
      Buffer.alloc(100 << 20);
      return undefined;
    },
    /^allocated \d{9} bytes for \d+$/,
  ],
  "objects that the bytes only ask for": [
    () => (Array.from({ length: 1 << 18 }, () => ({ a: 1 })).length === 0 ? "" : undefined),
    /^allocated \d{7,8} bytes for \d+$/,
  ],
  "a waste of time": [
    () => {
      for (const begun = process.cpuUsage(); process.cpuUsage(begun).user < 150_000;);
      return undefined;
    },
    /^took \d+ ms of the processor/,
  ],
};

for (const [what, [plant, message]] of Object.entries(plants)) {
  t.test(`${what} is found`, async (t) => {
    const { fault, accepted, refused } = await findFault(what, faulty(plant), { seed: 5 });
    t.match(fault, { what: message, hex: /^..07/, input: /^input \d+ of seed 5$/ });
    t.ok(accepted > 0 && refused > 0);
  });
}

t.test("what was found once is found again with the same seed", async (t) => {
  const target = faulty(() => "wrong");
  const { fault } = await findFault("again", target, { seed: 9 });
  t.ok(fault);
  t.strictSame((await findFault("again", target, { seed: 9 })).fault, fault);
  t.notSame((await findFault("again", target, { seed: 10 })).fault, fault);
});

t.test("a decoder that refuses what is valid is found", async (t) => {
  const target = { ...faulty(() => undefined), seeds: [Buffer.from([1])] };
  t.match(await findFault("valid", target, { seed: 1 }), { fault: { what: "refused", input: "valid encoding 0" } });
});

t.test("a decoder in which nothing is wrong has nothing found in it", async (t) => {
  t.match(
    await findFault(
      "good",
      faulty(() => undefined),
      { seed: 1 },
    ),
    { inputs: 20_001, fault: undefined },
  );
});
