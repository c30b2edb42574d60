/** Where a token comes from, where it may go, and that it is in no message on the way. */
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { credentialsFor, type Access } from "../../src/cli/credentials.js";
import { readServers, serverName, writeServers, type KnownServer } from "../../src/cli/servers-file.js";
import { BakError } from "../../src/errors.js";
import type { KeyFingerprint } from "../../src/protocol/server-key.js";

const url = "wss://nas:7420";
const key = `SHA256:${"a".repeat(42)}A` as KeyFingerprint;
const secret = "bak_S3cretS3cretS3cret";

function access(t: Test, more: Partial<Access> = {}): Access {
  return { configFolder: join(t.testdir(), "bak"), isInsecure: false, environment: {}, ...more };
}

function privateFile(path: string, text: string, mode = 0o600): string {
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

/** The error that something ends with, of which not a word is the secret. */
function refusal(t: Test, act: () => unknown): BakError {
  try {
    act();
  } catch (error) {
    if (!(error instanceof BakError)) throw error;
    const told = [error.message, error.hint, error.stack, String(error.cause)].join("\n");
    t.notOk(told.includes("S3cret"), told);
    return error;
  }
  throw new Error("it was not refused");
}

t.test("a token is what the flag's file has, then BAK_TOKEN, then BAK_TOKEN_FILE, then what bak login kept", (t) => {
  const base = access(t);
  const folder = t.testdirName;
  writeServers(base.configFolder, new Map([[url, { token: "kept", key }]]));
  const file = privateFile(join(folder, "file"), "of-file\n");
  const other = privateFile(join(folder, "other"), "  of-flag\r\n\n", 0o400);
  const environment = { BAK_TOKEN: "of-variable", BAK_TOKEN_FILE: file };
  const tokenOf = (more: Partial<Access>): string | undefined => credentialsFor(url, { ...base, ...more }).token;
  t.equal(tokenOf({ environment, tokenFile: other }), "of-flag");
  t.equal(tokenOf({ environment }), "of-variable");
  t.equal(tokenOf({ environment: { ...environment, BAK_TOKEN: "" } }), "of-file");
  t.equal(tokenOf({ environment: { BAK_TOKEN: "", BAK_TOKEN_FILE: "" } }), "kept");
  t.match(credentialsFor(`${url}/`, base), { token: "kept", pin: key, warning: undefined });
  t.end();
});

t.test("what was kept for one URL is for no other", (t) => {
  const base = access(t);
  writeServers(base.configFolder, new Map([[`${url}/a`, { token: "kept", key }]]));
  for (const other of [
    url,
    `${url}/`,
    `${url}/b`,
    `${url}/a/b`,
    "wss://nas:7421/a",
    "wss://nas.example:7420/a",
    "ws://localhost:7420/a",
  ])
    t.strictSame(credentialsFor(other, base), { token: undefined, pin: undefined, warning: undefined }, other);
  t.equal(credentialsFor(`${url}/a//`, base).token, "kept");
  t.end();
});

t.test("a token does not leave the machine in clear text unless that was said; without one, a warning does", (t) => {
  const base = access(t, { environment: { BAK_TOKEN: secret } });
  for (const clear of ["ws://nas:7420", "ws://192.0.2.1:7420", "ws://127.0.0.1.example.org:7420", "ws://[::2]:7420"]) {
    t.match(
      refusal(t, () => credentialsFor(clear, base)),
      { code: "UNTRUSTED_SERVER", exitCode: 12, hint: /--insecure/ },
    );
    t.match(credentialsFor(clear, { ...base, isInsecure: true }), { token: secret, warning: /wss:/ });
    t.match(credentialsFor(clear, { ...base, environment: {} }), { token: undefined, warning: /wss:/ });
  }
  for (const near of ["ws://localhost:7420", "ws://127.0.0.1:7420", "ws://127.9.9.9:1", "ws://[::1]:7420", "wss://nas"])
    t.match(credentialsFor(near, base), { token: secret, warning: undefined });
  t.end();
});

t.test("a file that others may read or write is refused, with what to do; so is another user's", (t) => {
  const base = access(t);
  const folder = t.testdirName;
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666, 0o777]) {
    const tokenFile = privateFile(join(folder, `mode-${mode.toString(8)}`), secret, mode);
    const error = refusal(t, () => credentialsFor(url, { ...base, tokenFile }));
    t.match(error, { code: "NOT_ALLOWED", hint: `take that from them: chmod 600 '${tokenFile}'` });
  }
  for (const mode of [0o600, 0o400, 0o700]) {
    const tokenFile = privateFile(join(folder, `mode-${mode.toString(8)}`), secret, mode);
    t.equal(credentialsFor(url, { ...base, tokenFile }).token, secret);
  }
  writeServers(base.configFolder, new Map([[url, { token: secret }]]));
  chmodSync(join(base.configFolder, "servers.json"), 0o644);
  t.match(
    refusal(t, () => credentialsFor(url, base)),
    { code: "NOT_ALLOWED", hint: /chmod 600/ },
  );
  t.end();
});

t.test("another user's file is refused", { skip: process.getuid?.() !== 0 && "only root can make one" }, (t) => {
  const base = access(t);
  const tokenFile = privateFile(join(t.testdirName, "theirs"), secret);
  chownSync(tokenFile, 12_345, 12_345);
  t.match(
    refusal(t, () => credentialsFor(url, { ...base, tokenFile })),
    { code: "NOT_ALLOWED", message: /12345/ },
  );
  t.end();
});

t.test("what is no token is refused without being shown", (t) => {
  const base = access(t);
  const folder = t.testdirName;
  for (const [name, text] of Object.entries({
    words: `${secret} ${secret}`,
    lines: `${secret}\n${secret}`,
    control: `${secret}\u0007x`,
    letters: `${secret}é`,
    long: secret.repeat(100),
  })) {
    const tokenFile = privateFile(join(folder, name), text);
    t.match(
      refusal(t, () => credentialsFor(url, { ...base, tokenFile })),
      { code: "USAGE" },
      name,
    );
    t.match(
      refusal(t, () => credentialsFor(url, { ...base, environment: { BAK_TOKEN: text } })),
      { code: "USAGE" },
    );
  }
  t.match(
    refusal(t, () => credentialsFor(url, { ...base, tokenFile: join(folder, "none") })),
    { message: /no such file/ },
  );
  t.match(
    refusal(t, () => credentialsFor(url, { ...base, tokenFile: folder })),
    { code: /USAGE|NOT_ALLOWED/ },
  );
  const empty = privateFile(join(folder, "empty"), "\n");
  t.match(
    refusal(t, () => credentialsFor(url, { ...base, tokenFile: empty })),
    { message: /is empty/ },
  );
  t.end();
});

t.test("what bak login keeps is whole, for the user alone, in a folder for the user alone", (t) => {
  const folder = join(t.testdir(), "config", "bak");
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const known: [string, KnownServer][] = [
    [url, { token: "a", key }],
    ["ws://localhost:7420", { token: "b" }],
    ["wss://other", { key }],
    ["__proto__", { token: "c" }],
  ];
  writeServers(folder, new Map(known));
  t.strictSame([...readServers(folder)], known);
  t.equal(statSync(folder).mode & 0o777, 0o700);
  t.equal(statSync(join(folder, "servers.json")).mode & 0o777, 0o600);
  t.strictSame(readdirSync(folder), ["servers.json"]);
  t.equal(serverName("wss://nas/bak//"), "wss://nas/bak");
  t.strictSame([...readServers(join(folder, "none"))], []);
  t.end();
});

t.test("a file that bak login has not written so is refused, and stays as it is", (t) => {
  const folder = t.testdir();
  const file = join(folder, "servers.json");
  for (const text of [
    "",
    secret,
    `{"version":1,"servers":{"a":{"token":"${secret}"`,
    "null",
    "[]",
    '{"version":2,"servers":{}}',
    '{"version":1}',
    '{"version":1,"servers":[]}',
    '{"version":1,"servers":{"wss://a":"x"}}',
    '{"version":1,"servers":{"wss://a":{"token":7}}}',
    '{"version":1,"servers":{"wss://a":{"key":"SHA256:short"}}}',
  ]) {
    privateFile(file, text);
    t.match(
      refusal(t, () => readServers(folder)),
      { code: "USAGE", message: /servers.json/ },
      text,
    );
    t.equal(readFileSync(file, "utf8"), text);
  }
  t.end();
});
