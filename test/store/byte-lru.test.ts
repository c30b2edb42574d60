/** The cache forgets by age and by bytes, and counts right. */
import t from "tap";
import { ByteLru } from "../../src/store/byte-lru.js";

t.test("the least recently used go when there is no room", (t) => {
  const cache = new ByteLru<string, number>(10);
  cache.set("a", 1, 4);
  cache.set("b", 2, 4);
  t.equal(cache.get("a"), 1);
  cache.set("c", 3, 4);
  t.equal(cache.get("b"), undefined, "b was used before a");
  t.equal(cache.get("a"), 1);
  t.equal(cache.get("c"), 3);
  t.equal(cache.bytes, 8);
  cache.set("d", 4, 10);
  t.equal(cache.get("a") ?? cache.get("c"), undefined);
  t.equal(cache.get("d"), 4);
  t.end();
});

t.test("a value takes the place of the one before, and what is too large is not kept", (t) => {
  const cache = new ByteLru<string, number>(10);
  cache.set("a", 1, 6);
  cache.set("a", 2, 3);
  t.equal(cache.bytes, 3);
  cache.set("b", 3, 7);
  t.equal(cache.get("a"), 2);
  cache.set("a", 4, 11);
  t.equal(cache.get("a"), undefined, "the old value is not given either");
  cache.delete("b");
  cache.delete("b");
  t.equal(cache.bytes, 0);
  t.end();
});
