/** A project's log as text: what counts as a line, what as a crash, and what as damage. */
import t from "tap";
import type { ObjectId } from "../../src/objects/object-id.js";
import { checkDigits } from "../../src/store/check-digits.js";
import {
  auditForgotten,
  auditLog,
  formatForgottenLine,
  formatLogLine,
  logLineLength,
  parseForgotten,
  parseLog,
} from "../../src/store/project-log.js";

const commit = "0123456789abcdef".repeat(4) as ObjectId;
const bare = `${commit} 2026-11-22T13:07:00.042Z`;
const line = `${bare} ${checkDigits(bare)}\n`;
/** A line as earlier versions have written it. */
const unchecked = `${bare}\n`;
const receivedMs = Date.UTC(2026, 10, 22, 13, 7, 0, 42);

const one = { lines: [{ commit, receivedMs }], length: line.length, isMended: false };

t.test("a line is the commit, the time and their check", (t) => {
  t.equal(formatLogLine({ commit, receivedMs }), line);
  t.equal(line.length, logLineLength);
  t.strictSame(parseLog(line + line, "log"), {
    lines: [
      { commit, receivedMs },
      { commit, receivedMs },
    ],
    length: 198,
    isMended: false,
  });
  t.strictSame(parseLog("", "log"), { lines: [], length: 0, isMended: false });
  t.strictSame(parseLog(unchecked + line, "log").lines.length, 2, "a line of an earlier version has no check");
  t.end();
});

t.test("whatever happens to one byte of a log is noticed, and what it was is known", (t) => {
  const second = { commit: "89abcdef01234567".repeat(4) as ObjectId, receivedMs: receivedMs + 5000 };
  const text = line + formatLogLine(second) + line;
  const lines = [one.lines[0], second, one.lines[0]];
  let silent = 0;
  for (let at = 0; at < text.length; at += 1) {
    for (let byte = 0; byte < 256; byte += 1) {
      const wrong = text.slice(0, at) + String.fromCharCode(byte) + text.slice(at + 1);
      if (wrong === text) continue;
      const { lines: read, faults } = auditLog(wrong);
      if (JSON.stringify(read) !== JSON.stringify(lines) || faults.length !== 1) silent += 1;
    }
  }
  t.equal(silent, 0);
  t.end();
});

t.test("the torn rest of a last line does not count, whatever it is", (t) => {
  for (let length = 0; length < line.length; length += 1) {
    t.strictSame(parseLog(line + line.slice(0, length), "log"), one);
  }
  t.equal(parseLog(`${line}${"\0".repeat(99)}`, "log").length, 99);
  t.end();
});

t.test("a last line that lacks one of the two sectors that it stands in does not count", (t) => {
  for (let at = 2; at < line.length - 2; at += 1) {
    const [first, second] = ["\0".repeat(at) + line.slice(at), line.slice(0, at) + "\0".repeat(line.length - at)];
    for (const torn of [first, second]) {
      t.strictSame(parseLog(line + torn, "log"), one);
      t.strictSame(auditLog(line + torn), { lines: [{ commit, receivedMs }], faults: [] });
    }
  }
  t.throws(() => parseLog(`${line}${line.slice(0, 40)}\0\0${line.slice(42)}`, "log"), { code: "STORE_DAMAGED" });
  t.equal(auditLog(line + line.replace("\n", "\v")).faults.length, 1, "which is no crash");
  t.equal(parseLog(line + line.replace("\n", "\v"), "log").lines.length, 2);
  t.end();
});

const malformed: Record<string, string> = {
  "an empty line": "\n",
  "zeros where a page was never written": `${"\0".repeat(98)}\n`,
  "no time": `${commit}\n`,
  "upper-case digits": line.toUpperCase(),
  "a short id": line.slice(1),
  "two spaces": line.replace(" ", "  "),
  "something after the time": line.replace("\n", " \n"),
  "two wrong bytes": line.replace("13:07", "14:08"),
  "a check of something else": line.replace(checkDigits(bare), checkDigits(commit)),
  "a time without milliseconds": unchecked.replace(".042", ""),
  "a time that there never was": unchecked.replace("11-22", "02-30"),
  "a line end of Windows": line.replace("\n", "\r\n"),
};

for (const [what, text] of Object.entries(malformed)) {
  t.test(`${what} is damage, in the file and line that are named`, (t) => {
    t.throws(() => parseLog(line + text + line, "/store/projects/x/log"), {
      code: "STORE_DAMAGED",
      message: /'\/store\/projects\/x\/log', line [23]/,
      hint: /./,
    });
    t.end();
  });
}

const forgottenMs = Date.UTC(2026, 10, 29, 1);
const bareForgotten = `${bare} 2026-11-29T01:00:00.000Z`;
const forgottenLine = `${bareForgotten} ${checkDigits(bareForgotten)}\n`;

t.test("a forgotten line also has the time at which it was forgotten", (t) => {
  t.equal(formatForgottenLine({ commit, receivedMs, forgottenMs }), forgottenLine);
  t.strictSame(parseForgotten(forgottenLine + forgottenLine, "forgotten"), [
    { commit, receivedMs, forgottenMs },
    { commit, receivedMs, forgottenMs },
  ]);
  t.strictSame(parseForgotten("", "forgotten"), []);
  t.strictSame(parseForgotten(`${bareForgotten}\n`, "forgotten"), [{ commit, receivedMs, forgottenMs }]);
  for (let at = 0; at < forgottenLine.length; at += 1) {
    const wrong =
      forgottenLine.slice(0, at) + String.fromCharCode(forgottenLine.charCodeAt(at) ^ 4) + forgottenLine.slice(at + 1);
    const { lines, faults } = auditForgotten(wrong);
    t.strictSame({ lines, faults: faults.length }, { lines: [{ commit, receivedMs, forgottenMs }], faults: 1 });
  }
  t.end();
});

t.test("a torn line of what was forgotten is damage: the file is only ever replaced whole", (t) => {
  for (let length = 1; length < forgottenLine.length - 1; length += 1) {
    const text = forgottenLine + forgottenLine.slice(0, length);
    t.throws(() => parseForgotten(text, "forgotten"), { code: "STORE_DAMAGED", message: /'forgotten', line [23]/ });
  }
  const malformed = ["\n", line, forgottenLine.replace("\n", " \n"), `${bareForgotten.replace("11-29", "02-30")}\n`];
  for (const text of malformed) {
    const whole = forgottenLine + text + forgottenLine;
    t.throws(() => parseForgotten(whole, "forgotten"), { code: "STORE_DAMAGED", message: /'forgotten', line [23]/ });
  }
  t.end();
});
