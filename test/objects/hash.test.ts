/** Both implementations of BLAKE3 against the official test vectors, and against b3sum. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import t from "tap";
import { projectFolder } from "../helpers/project.js";
import {
  blake3,
  blake3Names,
  hashLength,
  loadBlake3,
  useBlake3,
  type Blake3,
  type Hasher,
} from "../../src/objects/hash.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";

interface Vectors {
  cases: { input_len: number; hash: string }[];
}

const fixture = new URL("test/fixtures/blake3/test_vectors.json", projectFolder);
const { cases } = JSON.parse(readFileSync(fixture, "utf8")) as Vectors;

/** The input of an official vector. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) bytes[at] = at % 251;
  return bytes;
}

/** Hashes in steps of 1, 2, 3, 5, 8, … bytes, with empty ones among them. */
function inSteps(hasher: Hasher, bytes: Uint8Array): Buffer {
  let [step, next] = [1, 2];
  for (let at = 0; at < bytes.length;) {
    hasher.update(bytes.subarray(at, at + step));
    hasher.update(new Uint8Array(0));
    at += step;
    [step, next] = [next, step + next];
  }
  return hasher.digest();
}

function b3sum(bytes: Uint8Array): string {
  const { stdout, status } = spawnSync("b3sum", ["--no-names"], { input: bytes, encoding: "utf8" });
  if (status !== 0) throw new Error("b3sum failed");
  return stdout.trim();
}

t.test("the official vectors are all there", (t) => {
  t.equal(cases.length, 35);
  t.equal(cases.at(-1)?.input_len, 102400);
  t.end();
});

for (const name of blake3Names) {
  t.test(`${name} hashes as the official vectors say, whole and in steps`, (t) => {
    const implementation = loadBlake3(name);
    t.equal(implementation.name, name);
    for (const { input_len: length, hash } of cases) {
      const input = pattern(length);
      t.equal(implementation.hash(input).toString("hex"), hash, `${length} bytes, whole`);
      t.equal(implementation.hashHex(input), hash, `${length} bytes, as text`);
      t.equal(inSteps(implementation.createHasher(), input).toString("hex"), hash, `${length} bytes, in steps`);
    }
    t.end();
  });

  t.test(`${name} takes a view of larger memory, and a plain Uint8Array`, (t) => {
    const implementation = loadBlake3(name);
    const around = new Uint8Array(5000).fill(7);
    around.set(pattern(1025), 13);
    const expected = cases.find((each) => each.input_len === 1025)?.hash;
    t.equal(implementation.hash(around.subarray(13, 13 + 1025)).toString("hex"), expected);
    t.equal(implementation.hashHex(around.subarray(13, 13 + 1025)), expected);
    const hasher = implementation.createHasher();
    hasher.update(around.subarray(13, 13 + 1025));
    const digest = hasher.digest();
    t.equal(digest.toString("hex"), expected);
    t.equal(digest.length, hashLength);
    t.ok(Buffer.isBuffer(implementation.hash(around)));
    t.end();
  });

  t.test(`${name} agrees with b3sum beyond the step in which bytes are copied to WebAssembly`, (t) => {
    const implementation = loadBlake3(name);
    for (const length of [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2 << 20, 3_500_001]) {
      const input = seededBytes(length, length);
      const expected = b3sum(input);
      t.equal(implementation.hash(input).toString("hex"), expected, `${length} bytes, whole`);
      t.equal(implementation.hashHex(input), expected, `${length} bytes, as text`);
      const hasher = implementation.createHasher();
      hasher.update(input.subarray(0, 1_200_000));
      hasher.update(input.subarray(1_200_000));
      t.equal(hasher.digest().toString("hex"), expected, `${length} bytes, in two steps`);
    }
    t.end();
  });

  t.test(`${name} keeps hashers that are open at the same time apart`, (t) => {
    const implementation = loadBlake3(name);
    const [one, two] = [implementation.createHasher(), implementation.createHasher()];
    one.update(pattern(1));
    two.update(pattern(2));
    implementation.hash(pattern(3));
    implementation.hashHex(pattern(3));
    t.equal(two.digest().toString("hex"), cases[2]?.hash);
    t.equal(one.digest().toString("hex"), cases[1]?.hash);
    t.end();
  });
}

t.test("native is preferred where it can be loaded", (t) => {
  t.equal(blake3().name, "native");
  t.equal(blake3(), blake3(), "it is loaded once");
  t.end();
});

t.test("every hash comes from the implementation that was asked for", (t) => {
  t.teardown(() => useBlake3(loadBlake3("native")));
  useBlake3(loadBlake3("wasm"));
  t.equal(blake3().name, "wasm");
  const stub: Blake3 = { ...loadBlake3("wasm"), hash: () => Buffer.alloc(32, 1) };
  useBlake3(stub);
  t.strictSame(blake3().hash(pattern(3)), Buffer.alloc(32, 1));
  t.end();
});

t.test("without the native package, WebAssembly does the work", (t) => {
  // a process of its own, in which the package cannot be found
  const script = `
    import Module from "node:module";
    const resolve = Module._resolveFilename;
    Module._resolveFilename = function (name, ...rest) {
      if (name === "@napi-rs/blake-hash") throw Object.assign(new Error("not installed"), { code: "MODULE_NOT_FOUND" });
      return resolve.call(this, name, ...rest);
    };
    const { blake3 } = await import(${JSON.stringify(new URL("../../src/objects/hash.js", import.meta.url).href)});
    console.log(blake3().name, blake3().hash(Buffer.of(0)).toString("hex"));
  `;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [...process.execArgv, "--input-type=module", "--eval", script],
    { encoding: "utf8" },
  );
  t.equal(stdout.trim(), `wasm ${cases[1]?.hash}`, stderr);
  t.end();
});
