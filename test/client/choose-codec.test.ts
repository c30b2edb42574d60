/** What a push compresses with, for every wish of user and store that either end may not be able to meet. */
import t from "tap";
import { chooseCodec } from "../../src/client/choose-codec.js";
import type { Codec } from "../../src/objects/member-codec.js";
import type { PackCodec } from "../../src/objects/pack-format.js";

const newNode: Codec[] = ["gzip", "zstd", "none"];
const oldNode: Codec[] = ["gzip", "none"];
const store = (compression: Codec, takes: PackCodec[] = ["gzip", "zstd"]): Parameters<typeof chooseCodec>[0] => ({
  compression,
  takes,
  peer: "nas",
});

t.test("the store's wish counts where the user has none, and both ends can", (t) => {
  for (const codec of newNode) t.equal(chooseCodec(store(codec), undefined, newNode), codec);
  t.equal(chooseCodec(store("zstd"), undefined, oldNode), "gzip", "this end can't");
  t.equal(chooseCodec(store("zstd", ["gzip"]), undefined, newNode), "gzip", "the other can't");
  t.equal(chooseCodec(store("none"), undefined, oldNode), "none");
  t.end();
});

t.test("the user's wish counts before that, and is met or refused", (t) => {
  for (const codec of newNode) t.equal(chooseCodec(store("gzip"), codec, newNode), codec);
  t.equal(chooseCodec(store("zstd"), "gzip", newNode), "gzip");
  t.throws(() => chooseCodec(store("gzip"), "zstd", oldNode), { code: "NOT_SUPPORTED", hint: /22\.15/ });
  t.throws(() => chooseCodec(store("zstd", ["gzip"]), "zstd", newNode), {
    code: "NOT_SUPPORTED",
    message: "'nas' does not take zstd",
  });
  t.end();
});
