/** What may stand after --server. */
import { resolve } from "node:path";
import t from "tap";
import { parseServerAddress } from "../../src/cli/server-address.js";

t.test("URLs get bak's port where they name none", (t) => {
  const cases: [string, string][] = [
    ["ws://nas", "ws://nas:7420"],
    ["ws://nas/", "ws://nas:7420"],
    ["ws://nas:7420", "ws://nas:7420"],
    ["ws://nas:80", "ws://nas"],
    ["WS://NAS:9000", "ws://nas:9000"],
    ["ws://[::1]", "ws://[::1]:7420"],
    ["ws://[::1]:9000", "ws://[::1]:9000"],
    ["ws://127.0.0.1/store", "ws://127.0.0.1:7420/store"],
    ["ws://nas:9000/a/b?c", "ws://nas:9000/a/b?c"],
    ["wss://nas.example", "wss://nas.example"],
    ["wss://nas.example:7420/x", "wss://nas.example:7420/x"],
  ];
  for (const [text, url] of cases) t.strictSame(parseServerAddress(text), { type: "url", url }, text);
  t.end();
});

t.test("anything without a scheme is a folder", (t) => {
  for (const text of [".", "store", "./nas:7420", "/abs/olute", "a b", "ü", "~"]) {
    t.strictSame(parseServerAddress(text), { type: "folder", folder: resolve(text) }, text);
  }
  t.end();
});

t.test("other schemes, secrets in the URL, and nonsense are refused", (t) => {
  for (const text of [
    "",
    "nas:7420",
    "192.0.2.7:7420",
    "http://nas",
    "https://nas:7420",
    "file:///store",
    "ssh://nas/store",
    "ws://",
    "ws://nas:99999",
    "ws://user@nas",
    "ws://user:secret@nas",
    "ws://nas#part",
    "ws://a b",
  ]) {
    t.throws(() => parseServerAddress(text), { code: "BAD_SERVER_ADDRESS", hint: /ws:\/\/HOST:7420/ }, text);
  }
  t.end();
});
