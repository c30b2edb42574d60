/** Commits as tars, which GNU tar extracts: what comes out of it is compared with what went into the commit, by other tools. */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import {
  exportCommit,
  type ExportEvent,
  type ExportOptions,
  type ExportResult,
} from "../../src/client/export-commit.js";
import { readCommit } from "../../src/client/history.js";
import type { Remote } from "../../src/client/remote.js";
import { decodeCommit, type Commit } from "../../src/objects/commit.js";
import type { ByteString } from "../../src/objects/byte-string.js";
import type { Entry } from "../../src/objects/entry.js";
import { encodeList } from "../../src/objects/list.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { encodeTree } from "../../src/objects/tree.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { addNamesOfBytes, makeSampleFolder } from "../helpers/sample-folder.js";
import { commitOf, dirEntry, fileEntry, plainAttributes, type Made } from "../helpers/small-commit.js";
import { blob, object, sendObjects } from "../helpers/store-pack.js";
import { differences, openWorld, pathsIn, pushFolder, text, told } from "./world.js";

const isRoot = process.getuid?.() === 0;

interface Exported {
  readonly result: ExportResult;
  readonly events: ExportEvent[];
}

/** Exports into a file. */
async function exportTo(
  file: string,
  remote: Remote,
  commit: { id: ObjectId; content: Commit },
  options: Partial<ExportOptions> = {},
): Promise<Exported> {
  const events: ExportEvent[] = [];
  const descriptor = openSync(file, "w");
  const write = (bytes: Uint8Array): undefined => void writeSync(descriptor, bytes);
  try {
    const result = await exportCommit(remote, commit, {
      paths: [],
      progress: { files: 0, bytes: 0 },
      onEvent: (event) => events.push(event),
      ...options,
      sink: { write },
    });
    return { result, events };
  } finally {
    closeSync(descriptor);
  }
}

/** Has GNU tar extract a file into a new folder; it must have nothing to say. */
function extract(t: Test, tar: string, into: string): void {
  mkdirSync(into);
  const options = ["--xattrs", "--xattrs-include=*", "--acls", "--warning=no-timestamp"];
  const { status, stderr } = spawnSync("tar", ["-C", into, ...options, "-xpf", tar], { encoding: "utf8" });
  t.equal(stderr, "");
  t.equal(status, 0);
}

/** A commit made by hand, in a store. */
async function made(t: Test, entries: Entry[], objects: Made[], changes: Partial<Commit> = {}) {
  const at = t.testdir({});
  const world = await openWorld(t, join(at, "store"));
  const tree = object(
    "tree",
    encodeTree({ level: 0, entries: entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)) }),
  );
  const commit = commitOf(tree, changes);
  await sendObjects(world.store, [...objects, tree, commit]);
  return { at, remote: await world.connect(), commit: { id: commit.id, content: decodeCommit(commit.bytes) } };
}

t.test("a folder that was pushed comes out of its tar as it was, whatever the windows are", async (t) => {
  const at = t.testdir({});
  const source = join(at, "source");
  makeSampleFolder(source, { many: 300, nested: 60, before: 20 });
  addNamesOfBytes(source);
  mkdirSync(join(source, "deep", ...Array.from({ length: 30 }, (_, index) => `a folder ${index}`)), {
    recursive: true,
  });
  writeFileSync(join(source, "deep", "n".repeat(255)), "a long name");
  const world = await openWorld(t, join(at, "store"));
  const { result } = await pushFolder(world, source);
  const remote = await world.connect();
  const id = result.commit as ObjectId;
  const commit = { id, content: await readCommit(remote, id) };
  for (const windowBytes of [1, 100_000, 64 << 20]) {
    const tar = join(at, `${windowBytes}.tar`);
    const exported = await exportTo(tar, remote, commit, { windowBytes });
    t.strictSame(exported.events, []);
    const { files, dirs, bytes } = commit.content.counts;
    t.match(exported.result, { files, dirs, bytes, skipped: 0, failed: 0 });
    t.equal(statSync(tar).size % 10_240, 0);
    extract(t, tar, join(at, `out-${windowBytes}`));
    t.equal(differences(source, join(at, `out-${windowBytes}`)), "");
  }
  t.ok(readFileSync(join(at, "1.tar")).equals(readFileSync(join(at, "100000.tar"))), "the same tar");

  const some = join(at, "some.tar");
  const paths = ["odd/large", "many", "nested/a1", "nested/a1/b0", "odd/large"].map(text);
  await exportTo(some, remote, commit, { paths });
  extract(t, some, join(at, "some"));
  const isWanted = (path: string): boolean => /^(odd(\/large)?|many(\/.*)?|nested(\/a1(\/.*)?)?)$/s.test(path);
  t.strictSame(pathsIn(join(at, "some")), pathsIn(source).filter(isWanted), "paths keep their place");
  const lacking = { paths: [text("nowhere")] };
  await t.rejects(exportTo(join(at, "none.tar"), remote, commit, lacking), { code: "NO_PATH" });
  t.equal(statSync(join(at, "none.tar")).size, 0, "nothing is written first");
});

t.test(
  "links, devices, attributes and owners are in the tar",
  { skip: !isRoot && "only root makes devices" },
  async (t) => {
    const content = blob("the content");
    const acl = Buffer.from(
      "0200000001000600ffffffff020004000e27000004000400ffffffff10000400ffffffff20000000ffffffff",
      "hex",
    );
    const attributes = [
      { name: text("security.capability"), value: Buffer.from("0100000200200000000000000000000000000000", "hex") },
      { name: text("system.posix_acl_access"), value: acl },
      { name: text("trusted.a"), value: Buffer.alloc(0) },
      { name: text("user.odd=%name"), value: Buffer.from([0, 10, 255, 61]) },
    ];
    const file = fileEntry("a file", content) as Extract<Entry, { kind: "file" }>;
    const plain = { ...plainAttributes, mtimeNanoseconds: 0 };
    const inD = object(
      "tree",
      encodeTree({ level: 0, entries: [{ ...file, name: text("further name"), hardLinkGroup: 7 }] }),
    );
    const long = `${"l".repeat(200)}/${"m".repeat(200)}\xff`;
    const entries: Entry[] = [
      { ...file, hardLinkGroup: 7 },
      {
        ...dirEntry("d", inD),
        mode: 0o2750,
        extendedAttributes: [{ ...attributes[1], name: text("system.posix_acl_default") }],
      } as Entry,
      { ...file, name: text("with attributes"), mode: 0o640, extendedAttributes: attributes },
      { ...file, name: text("owned"), uid: 3_000_000, gid: 4_000_000_000, mode: 0o4755 },
      { ...file, name: text("owned by name"), uid: 70_000, gid: 70_001 },
      { ...plain, name: text("fifo"), kind: "fifo" },
      { ...plain, name: text("socket"), kind: "socket" },
      { ...plain, name: text("null"), kind: "char", major: 1, minor: 3, mode: 0o666 },
      { ...plain, name: text("disk"), kind: "block", major: 259, minor: 1_000_000 },
      { ...plain, name: text("long link"), kind: "symlink", target: long as ByteString, hardLinkGroup: 8 },
      { ...plain, name: text("same link"), kind: "symlink", target: long as ByteString, hardLinkGroup: 8 },
      { ...file, name: text("before 1970"), mtimeSeconds: -2, mtimeNanoseconds: 750_000_000 },
      { ...file, name: text("far ahead"), mtimeSeconds: 9_000_000_000, mtimeNanoseconds: 1 },
    ];
    const { at, remote, commit } = await made(t, entries, [content, inD], {
      users: [{ id: 70_000, name: text("nobody") }],
      groups: [{ id: 70_001, name: text("ein Name, der länger ist als das Feld") }],
      root: {
        ...plainAttributes,
        mode: 0o1777,
        extendedAttributes: [{ name: text("user.root"), value: Buffer.from("r") }],
      },
    });
    const tar = join(at, "all.tar");
    const { result, events } = await exportTo(tar, remote, commit);
    t.strictSame(told(events), ["skipped socket"]);
    t.match(result, { files: entries.length - 2 + 1, dirs: 1, skipped: 1, failed: 0 });
    t.equal(result.bytes, 6 * content.bytes.length, "what has two names is there once");
    const out = join(at, "out");
    extract(t, tar, out);
    const listed = execFileSync("find", [".", "-printf", "%p %y %m %n %T@\n"], { cwd: out, encoding: "latin1" });
    t.strictSame(
      listed
        .split("\n")
        .filter((line) => line !== "")
        .toSorted(),
      [
        ". d 1777 3 1600000000.0000000050",
        "./a file f 644 2 1600000000.0000000050",
        "./before 1970 f 644 1 -2.7500000000", // so find writes what is -1.25
        "./d d 2750 2 1600000000.0000000050",
        "./d/further name f 644 2 1600000000.0000000050",
        "./disk b 644 1 1600000000.0000000000",
        "./far ahead f 644 1 9000000000.0000000010",
        "./fifo p 644 1 1600000000.0000000000",
        "./long link l 777 2 1600000000.0000000000",
        "./null c 666 1 1600000000.0000000000",
        "./owned by name f 644 1 1600000000.0000000050",
        "./owned f 4755 1 1600000000.0000000050",
        "./same link l 777 2 1600000000.0000000000",
        "./with attributes f 640 1 1600000000.0000000050",
      ],
    );
    const stat = (name: string, format: string): string =>
      execFileSync("stat", ["-c", format, join(out, name)], { encoding: "utf8" }).trim();
    t.equal(stat("owned", "%u %g"), "3000000 4000000000");
    t.equal(stat("owned by name", "%U %g"), "nobody 70001", "the name counts, where this machine has it");
    t.equal(stat("null", "%t:%T"), "1:3");
    t.equal(stat("disk", "%Hr:%Lr"), "259:1000000");
    const links = execFileSync("readlink", ["-n", join(out, "same link")], { encoding: "latin1" });
    t.equal(links, long);
    t.equal(readFileSync(join(out, "d", "further name"), "utf8"), "the content");
    const xattrs = (name: string): string =>
      execFileSync("getfattr", ["-dm-", "-e", "hex", "--absolute-names", join(out, name)], { encoding: "utf8" });
    const listedAttributes = xattrs("with attributes").replace("\\075", "=");
    for (const { name, value } of attributes)
      t.ok(listedAttributes.includes(`\n${name}=0x${value.toString("hex")}\n`), listedAttributes);
    t.match(xattrs("."), /^user\.root=0x72$/m);
    const acls = (name: string): string => execFileSync("getfacl", ["-ncE", join(out, name)], { encoding: "utf8" });
    t.match(acls("with attributes"), /^user::rw-\nuser:9998:r--\ngroup::r--\nmask::r--\nother::---$/m);
    t.match(acls("d"), /^default:user:9998:r--$/m);

    const listedByPython = execFileSync(
      "python3",
      [
        "-c",
        "import sys, tarfile\nfor each in tarfile.open(sys.argv[1]): print(each.name, each.linkname[:3], each.gname)",
        tar,
      ],
      { encoding: "utf8" },
    );
    t.match(listedByPython, /^owned by name {2}ein Name, der länger ist als das Feld$/m, "others read it as well");
  },
);

t.test("sizes beyond 8 GiB and paths beyond 4 KiB are in the header as they are", async (t) => {
  const at = t.testdir({});
  const { encodeTarHeader } = await import("../../src/client/tar-header.js");
  const path = text(`${"f".repeat(250)}/`.repeat(20) + "x");
  const common = { attributes: plainAttributes, user: text(""), group: text(""), target: text("") };
  const header = encodeTarHeader({ ...common, kind: "file", path, sizeBytes: 9_000_000_000 });
  writeFileSync(join(at, "large.tar"), header);
  const { stdout } = spawnSync("tar", ["-tvf", join(at, "large.tar"), "--numeric-owner", "--full-time"], {
    encoding: "utf8",
    env: { ...process.env, TZ: "UTC" },
  });
  t.equal(stdout, `-rw-r--r-- 0/0      9000000000 2020-09-13 12:26:40.000000005 ${path}\n`);
  // a prefix of 155 bytes and a name of 100 need no PAX header, one byte more does
  const plain = { ...plainAttributes, mtimeNanoseconds: 0 };
  const lengths = [
    [100, 155],
    [101, 155],
    [100, 156],
    [99, 0],
    [100, 0],
    [101, 0],
  ].map(([name = 0, prefix = 0]) => {
    const full = `${prefix > 0 ? `${"p".repeat(prefix)}/` : ""}${"n".repeat(name)}`;
    const bytes = encodeTarHeader({ ...common, attributes: plain, kind: "file", path: text(full), sizeBytes: 0 });
    writeFileSync(join(at, "one.tar"), Buffer.concat([bytes, Buffer.alloc(1024)]));
    t.equal(execFileSync("tar", ["-tf", join(at, "one.tar")], { encoding: "utf8" }), `${full}\n`);
    return bytes.length;
  });
  t.strictSame(lengths, [512, 1536, 1536, 512, 512, 1536]);
});

t.test("a file that is lost is left out, the rest is there; of one that has begun, zeros are told", async (t) => {
  const [first, second] = [blob("first"), blob("second")];
  const chunks = [0, 1, 2].map((seed) => object("blob", seededBytes(seed + 1, 200_000)));
  const list = object(
    "list",
    encodeList({ level: 0, children: chunks.map(({ id, bytes }) => ({ id, size: bytes.length })) }),
  );
  const large = (name: string, from: Made): Entry => ({
    name: text(name),
    ...plainAttributes,
    kind: "file",
    size: 600_000,
    content: { list: from.id, fileHash: first.id },
  });
  const lost = blob("never sent");
  const entries = [
    fileEntry("a", first),
    { ...fileEntry("b", lost), hardLinkGroup: 1 },
    { ...fileEntry("c", lost), hardLinkGroup: 1 },
    large("d", list),
    large("e", object("list", "never sent")),
    fileEntry("f", second),
    fileEntry("g", object("blob", "")),
  ];
  const kept = [first, second, list, chunks[0] as Made, chunks[1] as Made];
  const { at, remote, commit } = await made(t, entries, kept);
  for (const [windowBytes, expected] of [
    [64 << 20, ["lost b", "lost c", "lost d", "lost e"]],
    [200_000, ["lost b", "lost c", "zeroed d", "lost e"]],
  ] as const) {
    const tar = join(at, `${windowBytes}.tar`);
    const { result, events } = await exportTo(tar, remote, commit, { windowBytes });
    t.strictSame(told(events), expected);
    t.equal(result.failed, 4);
    const out = join(at, `out-${windowBytes}`);
    extract(t, tar, out);
    t.strictSame(pathsIn(out), expected.includes("zeroed d" as never) ? ["a", "d", "f", "g"] : ["a", "f", "g"]);
    t.equal(readFileSync(join(out, "f"), "utf8"), "second");
    if (!expected.includes("zeroed d" as never)) continue;
    const zeroed = Buffer.concat([...chunks.slice(0, 2).map(({ bytes }) => bytes), Buffer.alloc(200_000)]);
    t.ok(readFileSync(join(out, "d")).equals(zeroed));
  }
});
