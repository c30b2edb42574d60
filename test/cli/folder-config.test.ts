/** What `bak init` writes is found from below, and believed only where it is what that would write. */
import {
  chownSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import t from "tap";
import { findConfigFolder, readFolderConfig } from "../../src/cli/folder-config.js";
import { FolderPlaces } from "../../src/cli/folder-places.js";
import { writeFolderConfig } from "../../src/cli/write-folder-config.js";
import { byteString, byteStringFromText } from "../../src/objects/byte-string.js";
import { makeFifo } from "../client/world.js";

const text = byteStringFromText;
const good = { version: 1, project: "x", server: "ws://nas:7420" };

t.test("what was written is read again, and the nearest file from a folder up is found", (t) => {
  const root = realpathSync(t.testdir({ a: { b: { c: {} } }, other: {} }));
  writeFolderConfig(text(join(root, "a")), good);
  t.match(readFolderConfig(text(join(root, "a"))), { project: "x", server: { type: "url", url: "ws://nas:7420" } });
  for (const below of ["a", "a/b", "a/b/c"]) t.equal(findConfigFolder(text(join(root, below))), join(root, "a"));
  t.equal(findConfigFolder(text(join(root, "other"))), undefined);
  t.equal(readFolderConfig(text(root)), undefined);
  writeFolderConfig(text(join(root, "a", "b")), { ...good, project: "y" });
  t.equal(findConfigFolder(text(join(root, "a/b/c"))), join(root, "a/b"));
  t.strictSame(readdirSync(join(root, "a", ".bak")), ["config.json"]);
  t.equal(readFileSync(join(root, "a/.bak/config.json"), "utf8").at(-1), "\n");
  t.end();
});

t.test("a place is named by a path that leads to it, through links and names that are not UTF-8", (t) => {
  const root = t.testdir({ a: {} });
  const odd = Buffer.concat([Buffer.from(realpathSync(join(root, "a"))), Buffer.from("/\xff/deep", "latin1")]);
  mkdirSync(odd, { recursive: true });
  writeFolderConfig(byteString(odd.subarray(0, odd.lastIndexOf("/"))), good);
  symlinkSync(odd, join(root, "link"));
  const places = new FolderPlaces();
  const place = places.find(join(root, "link"));
  t.equal(place?.above, 1);
  t.equal(realpathSync.native(place?.path ?? "", "latin1"), byteString(odd).replace(/\/deep$/, ""));
  t.equal(place?.config().project, "x");
  t.equal(places.find(join(root, "link")), place);
  t.equal(places.find(join(root, "nowhere")), undefined);
  t.end();
});

t.test("a store that is a path is that from the folder on", (t) => {
  const folder = realpathSync(t.testdir({}));
  const serverOf = (server: string): unknown => {
    writeFolderConfig(text(folder), { version: 1, server });
    return readFolderConfig(text(folder))?.server;
  };
  t.strictSame(serverOf("../store"), { type: "folder", folder: join(folder, "../store") });
  t.strictSame(serverOf("/media/store"), { type: "folder", folder: "/media/store" });
  t.strictSame(serverOf("wss://nas/x"), { type: "url", url: "wss://nas/x" });
  t.end();
});

t.test("what bak did not write is refused in one line that names the file", (t) => {
  const folder = realpathSync(t.testdir({ ".bak": {} }));
  const file = join(folder, ".bak", "config.json");
  const refusals: [string | Buffer, RegExp][] = [
    ["", /it is not JSON$/],
    ["{", /it is not JSON$/],
    [Buffer.from('{"version":1,"project":"\xff"}', "latin1"), /it is not JSON$/],
    ["[]", /it is not an object of JSON$/],
    ["null", /it is not an object of JSON$/],
    ["{}", /its version is not 1$/],
    ['{"version":2}', /its version is not 1$/],
    ['{"version":1,"project":7}', /its project is not a text$/],
    ['{"version":1,"project":"../x\\n"}', /not a project id: '\.\.\/x\\x0a'$/],
    ['{"version":1,"server":["ws://x"]}', /its server is not a text$/],
    ['{"version":1,"server":"http://x"}', /not a server: 'http:\/\/x'$/],
    ['{"version":1,"server":"ws://user:secret@nas"}', /not a server/],
    ['{"version":1,"server":"a\\u0000b"}', /its server has a NUL in it$/],
    [`{"version":1,"x":"${"x".repeat(1 << 16)}"}`, /it has more than 64 KiB$/],
  ];
  for (const [content, message] of refusals) {
    writeFileSync(file, content);
    t.throws(() => readFolderConfig(text(folder)), { code: "USAGE", message }, String(message));
    t.throws(() => readFolderConfig(text(folder)), { message: /^cannot use '\/[^\n]*\.bak\/config\.json': [^\n]*$/ });
  }
  rmSync(file);
  mkdirSync(file);
  t.throws(() => readFolderConfig(text(folder)), { code: "USAGE", message: /it is not a file|it has become a folder/ });
  rmSync(file, { recursive: true });
  makeFifo(file);
  t.throws(() => readFolderConfig(text(folder)), { code: "USAGE", message: /it is not a file$/ });
  rmSync(file);
  symlinkSync("nowhere", file);
  t.throws(() => readFolderConfig(text(folder)), { code: "USAGE", message: /no such file or folder$/ });
  t.end();
});

t.test("whatever is in the file is read or refused", (t) => {
  const folder = realpathSync(t.testdir({ ".bak": {} }));
  const contents = fc.oneof(
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc
      .record({ version: fc.constant(1), project: fc.anything(), server: fc.anything() })
      .map((each) => JSON.stringify(each)),
    fc.record({ version: fc.constant(1), server: fc.string() }).map((each) => JSON.stringify(each)),
    fc.json(),
  );
  fc.assert(
    fc.property(contents, (content) => {
      writeFileSync(join(folder, ".bak", "config.json"), content ?? "");
      try {
        readFolderConfig(text(folder));
      } catch (error) {
        t.match(error, { name: "BakError", code: "USAGE" });
      }
    }),
    { numRuns: 200 },
  );
  t.end();
});

const isRoot = process.getuid?.() === 0;

t.test("another user's file says nothing, and is named", { skip: !isRoot && "only root can give files away" }, (t) => {
  const folder = realpathSync(t.testdir({}));
  writeFolderConfig(text(folder), good);
  for (const given of [join(folder, ".bak"), join(folder, ".bak", "config.json")]) {
    chownSync(given, 12345, 0);
    t.throws(() => readFolderConfig(text(folder)), { code: "USAGE", message: /it belongs to another user \(12345\)$/ });
    chownSync(given, 0, 0);
  }
  chownSync(join(folder, ".bak"), 12345, 0);
  process.env["SUDO_UID"] = "12345";
  t.teardown(() => delete process.env["SUDO_UID"]);
  t.match(readFolderConfig(text(folder)), { project: "x" }, "unless it is theirs who became root");
  t.end();
});

t.test("a folder .bak that is somebody else's is left alone", (t) => {
  const theirs = realpathSync(
    t.testdir({ folder: { ".bak": { notes: "1" } }, file: { ".bak": "1" }, link: {}, x: {} }),
  );
  symlinkSync("../x", join(theirs, "link", ".bak"));
  for (const name of ["folder", "file", "link"])
    t.throws(() => writeFolderConfig(text(join(theirs, name)), good), { code: "USAGE", message: /is not bak's$/ });
  t.strictSame(readdirSync(join(theirs, "folder", ".bak")), ["notes"]);
  t.end();
});

t.test("a folder that cannot be written to is named", { skip: isRoot && "root writes anywhere" }, (t) => {
  const folder = realpathSync(t.testdir({}));
  chmodSync(folder, 0o500);
  t.teardown(() => chmodSync(folder, 0o700));
  t.throws(() => writeFolderConfig(text(folder), good), { code: "SOURCE_FAILED", message: /permission denied$/ });
  t.end();
});
