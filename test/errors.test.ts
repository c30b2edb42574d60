/** Exit codes are an interface: scripts compare them, so this table is written out and not read from the source. */
import t from "tap";
import { BakError, errnoOf, exitCodes, isBakError, isErrorCode, unreachable, type ErrorCode } from "../src/errors.js";

const exitCodeOf: Record<ErrorCode, number> = {
  USAGE: 2,
  BAD_OBJECT_ID: 2,
  BAD_PROJECT_ID: 2,
  BAD_COMMIT_NAME: 2,
  BAD_SERVER_ADDRESS: 2,
  NO_STORE: 10,
  NO_SERVER: 10,
  NO_PROJECT: 10,
  NO_COMMIT: 1,
  AMBIGUOUS_COMMIT: 1,
  NO_PATH: 1,
  NO_OBJECT: 1,
  NO_TOKEN: 1,
  TOKEN_EXISTS: 1,
  STORE_LOCKED: 11,
  STORE_VERSION: 1,
  STORE_DAMAGED: 1,
  STORE_FULL: 1,
  STORE_FAILED: 1,
  BAD_OBJECT: 1,
  BAD_PACK: 1,
  BAD_MESSAGE: 1,
  PROTOCOL: 1,
  LIMIT: 1,
  HEAD_MOVED: 1,
  INCOMPLETE_COMMIT: 1,
  CONNECTION_LOST: 1,
  NOT_ALLOWED: 12,
  UNTRUSTED_SERVER: 12,
  NOT_SUPPORTED: 1,
  SOURCE_FAILED: 1,
  TARGET_FAILED: 1,
  PARTLY: 3,
  CANNOT_LISTEN: 1,
  INTERRUPTED: 130,
  INTERNAL: 1,
};

t.test("every code keeps its exit code", (t) => {
  for (const [code, exitCode] of Object.entries(exitCodeOf)) {
    t.ok(isErrorCode(code), `${code} is a code`);
    t.equal(new BakError(code as ErrorCode, "it failed").exitCode, exitCode, `${code} ends with ${exitCode}`);
  }
  t.end();
});

t.test("exit codes keep their numbers", (t) => {
  t.strictSame(exitCodes, {
    done: 0,
    failed: 1,
    usage: 2,
    partly: 3,
    missing: 10,
    locked: 11,
    notAllowed: 12,
    interrupted: 130,
  });
  t.end();
});

t.test("nothing else is a code, whatever a peer sends", (t) => {
  for (const text of [
    "",
    "usage",
    "toString",
    "__proto__",
    "constructor",
    "BAD_OBJECT ",
    undefined,
    null,
    1,
    ["USAGE"],
  ]) {
    t.notOk(isErrorCode(text), `not a code: ${JSON.stringify(text)}`);
  }
  t.end();
});

t.test("a BakError carries its code, message, hint and cause", (t) => {
  const cause = new Error("disk on fire");
  const error = new BakError("STORE_FAILED", "cannot write 'x'", { hint: "try another disk", cause });
  t.type(error, Error);
  t.match(error, { name: "BakError", code: "STORE_FAILED", message: "cannot write 'x'", hint: "try another disk" });
  t.equal(error.cause, cause);
  t.notOk("cause" in new BakError("USAGE", "no cause"), "an error without a cause has no such property");
  t.equal(new BakError("USAGE", "no hint").hint, undefined);
  t.end();
});

t.test("isBakError narrows to the codes that it is given", (t) => {
  const error = new BakError("BAD_PACK", "damaged pack");
  t.ok(isBakError(error));
  t.ok(isBakError(error, "BAD_OBJECT", "BAD_PACK"));
  t.notOk(isBakError(error, "BAD_OBJECT"));
  t.notOk(isBakError(Object.assign(new Error("damaged pack"), { code: "BAD_PACK" })), "another class is not one");
  t.notOk(isBakError(undefined));
  t.end();
});

t.test("errnoOf knows the errors of system calls from all others", (t) => {
  t.equal(errnoOf(Object.assign(new Error("no"), { code: "ENOENT", errno: -2 })), "ENOENT");
  t.equal(errnoOf(Object.assign(new Error("no"), { code: "ERR_INVALID_ARG_TYPE" })), undefined);
  t.equal(errnoOf(new BakError("USAGE", "no")), undefined);
  t.equal(errnoOf({ code: "ENOENT", errno: -2 }), undefined);
  t.equal(errnoOf("ENOENT"), undefined);
  t.end();
});

t.test("a case that cannot be is a bug", (t) => {
  t.throws(() => unreachable("surprise" as never), new Error("unreachable case: surprise"));
  t.end();
});
