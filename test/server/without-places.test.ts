/** Who is elsewhere learns what failed and what to do, and not where the store lies. */
import { readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { BakError } from "../../src/errors.js";
import { Remote } from "../../src/client/remote.js";
import { memberHeadroomBytes } from "../../src/protocol/message-codec.js";
import { dialWebSocket } from "../../src/protocol/websocket-dial.js";
import { errorWithoutPlaces, withoutPlaces } from "../../src/server/without-places.js";
import { explainDiskError, storeFull } from "../../src/store/disk-error.js";
import { testProject } from "../helpers/small-commit.js";
import { makePack, object } from "../helpers/store-pack.js";
import { serveStore } from "../helpers/served-store.js";

t.test("paths are told from the store's folder on", (t) => {
  const folder = "/srv/my (old) store+";
  for (const [text, told] of [
    [
      `store '${folder}' failed: EIO: i/o error, open '${folder}/incoming/x'`,
      "the store failed: EIO: i/o error, open 'incoming/x'",
    ],
    [
      `damaged pack '${folder}/packs/ab/abcd.tar.gz': it is missing`,
      "damaged pack 'packs/ab/abcd.tar.gz': it is missing",
    ],
    [
      `set aside as '${folder}/set-aside/1'; nothing of it is lost`,
      "set aside as 'set-aside/1'; nothing of it is lost",
    ],
    [`the tokens of store '${folder}' are being changed`, "the tokens of the store are being changed"],
    [`${folder}/ and ${folder}`, "the store and the store"],
    [`'${folder}er/x' and '/mnt${folder}/x'`, `'${folder}er/x' and '/mnt${folder}/x'`],
  ] as const) {
    t.equal(withoutPlaces(text, folder), told);
  }
  t.equal(withoutPlaces("a / b", "/"), "a / b");
  t.equal(errorWithoutPlaces(storeFull(folder, " (quota)"), folder).message, "no space left on the store (quota)");
  const locked = new BakError("STORE_LOCKED", `store '${folder}' is locked by process 4711`, {
    hint: "stop that first",
  });
  t.match(errorWithoutPlaces(locked, folder), {
    code: "STORE_LOCKED",
    message: "the store is locked by another process",
    hint: /^try again later, or ask whoever keeps the store/,
  });
  for (const [why, told] of [
    ["open '/opt/bak/dist/inflate.wasm'", "the store failed: EMFILE: too many open files"],
    [`open '${folder}/lock'`, "the store failed: EMFILE: too many open files, open 'lock'"],
  ] as const) {
    const failure = Object.assign(new Error(`EMFILE: too many open files, ${why}`), { errno: -24, code: "EMFILE" });
    t.equal(errorWithoutPlaces(explainDiskError(failure, folder) as BakError, folder).message, told);
  }
  t.match(errorWithoutPlaces(new BakError("STORE_FAILED", "x"), folder), { hint: /the server's log says more/ });
  t.equal(errorWithoutPlaces(new BakError("NO_OBJECT", "x"), folder).hint, undefined);
  t.end();
});

t.test("over a socket no path of the server is told; its own log has them", async (t) => {
  const folder = t.testdir();
  const served = await serveStore(t, folder);
  const channel = await dialWebSocket(served.listener.url);
  const remote = await Remote.open(channel, { project: testProject, agent: "t", wantTrees: false });
  t.teardown(() => remote.close());
  const [first, second] = [await makePack([object("blob", "one")]), await makePack([object("blob", "two")])];
  const send = async ({ members }: typeof first): Promise<void> => {
    const upload = await remote.upload();
    for (const member of members)
      await upload.add(Buffer.concat([Buffer.alloc(memberHeadroomBytes), member]), () => undefined);
    await upload.finish();
  };
  await send(first);
  const pack = join(folder, "packs", first.id.slice(0, 2), `${first.id}.tar.gz`);
  truncateSync(pack, 10);
  const read = async (): Promise<void> => {
    for await (const _ of remote.get([object("blob", "one").id])) void _;
  };
  await t.rejects(read(), { code: "STORE_DAMAGED", message: new RegExp(`^damaged pack 'packs/../${first.id}`) });
  rmSync(join(folder, "incoming"), { recursive: true });
  writeFileSync(join(folder, "incoming"), "");
  await t.rejects(send(second), {
    code: "STORE_FAILED",
    message: /^the store failed: ENOTDIR: .*'incoming\//,
    hint: /log says more/,
  });
  const told = served.events.filter(({ type }) => type === "requestFailed");
  t.match(told, [
    { request: "get", error: { message: new RegExp(`'${pack}'`) } },
    { request: /^pack/, error: { message: new RegExp(`store '${folder}' failed`) } },
  ]);
  t.equal(readdirSync(join(folder, "packs")).length, 1);
});
