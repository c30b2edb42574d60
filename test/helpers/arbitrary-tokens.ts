/** Tokens of a store, drawn by fast-check. */
import fc from "fast-check";
import type { ProjectPattern } from "../../src/objects/project-pattern.js";
import { rights } from "../../src/objects/rights.js";
import type { TokenName } from "../../src/objects/token-name.js";
import type { Token } from "../../src/store/tokens.js";
import { objectIds, projectIds } from "./arbitraries.js";

const times = fc.integer({ min: 0, max: 253402300799999 });
const patterns = fc.oneof(
  projectIds,
  fc.stringMatching(/^[A-Za-z0-9._-]{0,20}\*$/),
  fc.constant("*"),
) as fc.Arbitrary<ProjectPattern>;

const token: fc.Arbitrary<Token> = fc.record(
  {
    name: fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/) as fc.Arbitrary<TokenName>,
    id: fc.stringMatching(/^[A-Za-z0-9_-]{21}$/),
    hash: objectIds,
    projects: fc.uniqueArray(patterns, { minLength: 1, maxLength: 4 }),
    rights: fc.subarray([...rights], { minLength: 1 }),
    createdMs: times,
    expiresMs: fc.option(times, { nil: undefined }),
    quotaBytes: fc.option(fc.maxSafeNat(), { nil: undefined }),
  },
  { noNullPrototype: true },
);

/** Up to four, whose names, ids and hashes differ. */
export const tokens: fc.Arbitrary<Token[]> = fc
  .array(token, { minLength: 1, maxLength: 4 })
  .map((drawn) =>
    drawn.filter(
      (each, at) =>
        drawn.findIndex(({ name, id, hash }) => name === each.name || id === each.id || hash === each.hash) === at,
    ),
  );
