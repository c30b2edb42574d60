/** A thread of make-store.js: makes its share of the packs, each with its index. */
import { writeFileSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { loadPacking, loadStore } from "./built.js";
import { objectBytes } from "./make-store.js";

/** A member of so many objects, each 1 KiB of tar, is as long as a client's. */
const objectsPerMember = 512;

/** @param {import("./make-store.js").PackShare} share */
async function makePacks({ folder, objects, objectsPerPack, first, end }) {
  const {
    blake3,
    decodeMemberTar,
    encodeMemberTar,
    objectIdOf,
    PackIndexBuilder,
    packMember,
    packTrailers,
    parseObjectId,
  } = await loadPacking();
  const { Layout } = await loadStore();
  const layout = new Layout(folder);
  for (let pack = first; pack < end; pack += 1) {
    const index = new PackIndexBuilder();
    const members = [];
    const last = Math.min(objects, (pack + 1) * objectsPerPack);
    for (let number = pack * objectsPerPack; number < last; number += objectsPerMember) {
      const count = Math.min(objectsPerMember, last - number);
      const blobs = Array.from({ length: count }, (_, offset) => {
        const bytes = objectBytes(number + offset);
        return { kind: /** @type {const} */ ("blob"), id: objectIdOf(bytes), bytes };
      });
      const tar = await encodeMemberTar(blobs);
      const member = packMember(tar, "gzip");
      index.addMember(member.length, tar.length, decodeMemberTar(tar));
      members.push(member);
    }
    const bytes = Buffer.concat([...members, packTrailers.gzip]);
    const id = parseObjectId(blake3().hash(bytes).toString("hex"));
    writeFileSync(layout.pack(id), bytes);
    writeFileSync(layout.index(id), index.finish(id));
  }
}

await makePacks(/** @type {import("./make-store.js").PackShare} */ (workerData));
