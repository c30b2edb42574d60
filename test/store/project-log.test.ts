/** A project's log as text: what counts as a line, what as a crash, and what as damage. */
import t from "tap";
import type { ObjectId } from "../../src/objects/object-id.js";
import {
  auditLog,
  formatForgottenLine,
  formatLogLine,
  logLineLength,
  parseForgotten,
  parseLog,
} from "../../src/store/project-log.js";

const commit = "0123456789abcdef".repeat(4) as ObjectId;
const line = `${commit} 2026-11-22T13:07:00.042Z\n`;
const receivedMs = Date.UTC(2026, 10, 22, 13, 7, 0, 42);

t.test("a line is the commit and the time", (t) => {
  t.equal(formatLogLine({ commit, receivedMs }), line);
  t.equal(line.length, logLineLength);
  t.strictSame(parseLog(line + line, "log"), {
    lines: [
      { commit, receivedMs },
      { commit, receivedMs },
    ],
    length: 180,
  });
  t.strictSame(parseLog("", "log"), { lines: [], length: 0 });
  t.end();
});

t.test("the torn rest of a last line does not count, whatever it is", (t) => {
  for (let length = 0; length < line.length; length += 1) {
    t.strictSame(parseLog(line + line.slice(0, length), "log"), { lines: [{ commit, receivedMs }], length: 90 });
  }
  t.equal(parseLog(`${line}${"\0".repeat(90)}`, "log").length, 90);
  t.end();
});

t.test("a last line that lacks one of the two sectors that it stands in does not count", (t) => {
  for (let at = 1; at < line.length; at += 1) {
    const [first, second] = ["\0".repeat(at) + line.slice(at), line.slice(0, at) + "\0".repeat(line.length - at)];
    for (const torn of [first, second]) {
      t.strictSame(parseLog(line + torn, "log"), { lines: [{ commit, receivedMs }], length: 90 });
      t.strictSame(auditLog(line + torn), { lines: [{ commit, receivedMs }], faults: [] });
    }
  }
  t.throws(() => parseLog(`${line}${line.slice(0, 40)}\0${line.slice(41)}`, "log"), { code: "STORE_DAMAGED" });
  t.equal(auditLog(line + line.replace("\n", "\v")).faults.length, 1, "which is no crash");
  t.end();
});

const malformed: Record<string, string> = {
  "an empty line": "\n",
  "zeros where a page was never written": `${"\0".repeat(89)}\n`,
  "no time": `${commit}\n`,
  "upper-case digits": line.toUpperCase(),
  "a short id": line.slice(1),
  "two spaces": line.replace(" ", "  "),
  "something after the time": line.replace("\n", " \n"),
  "a time without milliseconds": line.replace(".042", ""),
  "a time that there never was": line.replace("11-22", "02-30"),
  "a line end of Windows": line.replace("\n", "\r\n"),
};

for (const [what, text] of Object.entries(malformed)) {
  t.test(`${what} is damage, in the file and line that are named`, (t) => {
    t.throws(() => parseLog(line + text + line, "/store/projects/x/log"), {
      code: "STORE_DAMAGED",
      message: /'\/store\/projects\/x\/log', line 2/,
      hint: /./,
    });
    t.end();
  });
}

const forgottenMs = Date.UTC(2026, 10, 29, 1);
const forgottenLine = line.replace("\n", " 2026-11-29T01:00:00.000Z\n");

t.test("a forgotten line also has the time at which it was forgotten", (t) => {
  t.equal(formatForgottenLine({ commit, receivedMs, forgottenMs }), forgottenLine);
  t.strictSame(parseForgotten(forgottenLine + forgottenLine, "forgotten"), [
    { commit, receivedMs, forgottenMs },
    { commit, receivedMs, forgottenMs },
  ]);
  t.strictSame(parseForgotten("", "forgotten"), []);
  t.end();
});

t.test("a torn line of what was forgotten is damage: the file is only ever replaced whole", (t) => {
  for (let length = 1; length < forgottenLine.length; length += 1) {
    const text = forgottenLine + forgottenLine.slice(0, length);
    t.throws(() => parseForgotten(text, "forgotten"), { code: "STORE_DAMAGED", message: /'forgotten', line [23]/ });
  }
  for (const text of ["\n", line, forgottenLine.replace("\n", " \n"), forgottenLine.replace("11-29", "02-30")]) {
    const whole = forgottenLine + text + forgottenLine;
    t.throws(() => parseForgotten(whole, "forgotten"), { code: "STORE_DAMAGED", message: /'forgotten', line 2/ });
  }
  t.end();
});
