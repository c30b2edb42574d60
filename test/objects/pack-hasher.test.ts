/** A pack's id is the hash of its file, whichever way its members came. */
import t from "tap";
import { packMember, writableCodecs } from "../../src/objects/member-codec.js";
import { objectIdOf } from "../../src/objects/object-id.js";
import { packTrailers } from "../../src/objects/pack-format.js";
import { PackHasher } from "../../src/objects/pack-hasher.js";

const tars = [Buffer.alloc(512, 1), Buffer.alloc(1024, 2)];
const gzip = tars.map((tar) => packMember(tar, "gzip"));

t.test("it is the id of the members and the trailer", (t) => {
  for (const codec of writableCodecs().filter((each) => each !== "none")) {
    const members = tars.map((tar) => packMember(tar, codec));
    const hasher = new PackHasher();
    t.equal(hasher.codec, undefined);
    for (const member of members) hasher.add(member);
    t.equal(hasher.codec, codec);
    t.equal(hasher.finish(), objectIdOf(Buffer.concat([...members, packTrailers[codec]])));
  }
  t.equal(new PackHasher().finish(), objectIdOf(packTrailers.gzip));
  t.end();
});

t.test("a member of another codec, or of none, is refused and counts for nothing", (t) => {
  const hasher = new PackHasher();
  t.throws(() => hasher.add(Buffer.from("neither")), { code: "BAD_PACK" });
  t.equal(hasher.codec, undefined);
  for (const member of gzip) {
    hasher.add(member);
    t.throws(() => hasher.add(packTrailers.zstd), { code: "BAD_PACK", message: /a zstd member in a gzip pack/ });
    t.throws(() => hasher.add(Buffer.alloc(0)), { code: "BAD_PACK" });
  }
  t.equal(hasher.finish(), objectIdOf(Buffer.concat([...gzip, packTrailers.gzip])));
  t.end();
});
