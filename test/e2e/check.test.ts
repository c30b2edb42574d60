/** A store that has been damaged, as a person meets it: what check says, what a repair does, and how the next push heals it. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import t from "tap";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { BakUser, differences, type PushAnswer } from "../helpers/bak-process.js";

interface CheckAnswer {
  faults: number;
  packsRead: number;
  repaired: number;
  findings: { kind: string; subject: string; why: string }[];
}

function packsOf(store: string): string[] {
  return readdirSync(join(store, "packs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".tar.gz"))
    .map((name) => join(store, "packs", name))
    .toSorted((a, b) => statSync(b).size - statSync(a).size);
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 0x40;
  writeFileSync(path, bytes);
}

const docsOf = { deep: { one: seededBytes(1, 700_000), two: seededBytes(2, 700_000) }, three: seededBytes(3, 700_000) };

t.test("a flipped byte is found, repaired, and healed by the next push, which changes nothing else", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: docsOf }));
  const [docs, store] = [join(user.home, "docs"), join(user.home, "store")];
  const push = ["push", docs, "-s", store, "-p", "x"];
  await user.json<PushAnswer>(push);
  t.match(await user.run(["check", "-s", store, "--read-data"]), { code: 0, stdout: /^checked .*: no faults\n$/ });

  const pack = packsOf(store)[0]!;
  flip(pack, 1_000_000);
  const damaged = readFileSync(pack);
  t.match(await user.run(["check", "-s", store]), { code: 0 }, "its length is right");
  const found = await user.run(["check", "-s", store, "--read-data"]);
  t.match(found, { code: 1, stderr: /2 faults\n +'bak check --repair' sets damaged packs aside/ });
  const lines = found.stdout.split("\n");
  t.ok(lines[0]!.startsWith(`${pack}: its bytes have the hash '`));
  t.match(lines[1], /^x [0-9a-f]{12}: (?:deep\/one|deep\/two|three): blob '[0-9a-f]{64}' is damaged$/);

  const repaired = await user.run(["check", "-s", store, "--repair"]);
  t.match(repaired, { code: 1, stdout: /set aside as/, stderr: /1 repaired\n +the latest commit of 1 project lacks/ });
  t.strictSame(readFileSync(join(store, "damaged", basename(pack))), damaged);
  t.notOk(existsSync(pack));

  const healed = await user.run([...push, "--json"]);
  t.match(healed, { code: 0, stderr: /has lost something of the head/ });
  t.equal((JSON.parse(healed.stdout) as PushAnswer).sent.objects.blob, 1, "what was lost, and no more");
  t.match(await user.run(["check", "-s", store, "--read-data"]), { code: 0, stdout: /2 commits.*no faults/ });
  t.match(await user.run(push), { code: 0, stdout: "everything up to date\n", stderr: "" });
  for (const commit of ["head", "head~1"]) {
    rmSync(join(user.home, "out"), { recursive: true, force: true });
    await user.json(["restore", commit, "-s", store, "-p", "x", "--to", join(user.home, "out")]);
    t.equal(differences(docs, join(user.home, "out")), "");
  }
});

t.test("a pack that is gone is healed in the same way, beside a server", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: docsOf }));
  const [docs, store] = [join(user.home, "docs"), join(user.home, "store")];
  const server = await user.serve(store);
  const push = ["push", docs, "-s", server.url, "-p", "x"];
  await user.json<PushAnswer>(push);
  rmSync(packsOf(store)[0]!);
  t.match(await user.run(["check", "-s", server.url]), { code: 1, stdout: /: it is missing\nx [0-9a-f]{12}: / });
  const { repaired } = JSON.parse(
    (await user.run(["check", "-s", server.url, "--repair", "--json"])).stdout,
  ) as CheckAnswer;
  t.equal(repaired, 1);
  t.match(await user.run(push), { code: 0, stderr: /has lost something of the head/ });
  const rest = await user.run(["check", "-s", server.url, "--read-data-subset", "1/1", "--json"]);
  const { faults, findings } = JSON.parse(rest.stdout) as CheckAnswer;
  t.match({ faults, findings }, { faults: 1, findings: [{ kind: "commit", why: /^commit '.*' is missing$/ }] });
  await server.stop();
});

t.test("a server finds damage by itself, and says so in its log and in stats", async (t) => {
  const user = new BakUser(t, t.testdir({ docs: docsOf }));
  const [docs, store] = [join(user.home, "docs"), join(user.home, "store")];
  await user.json<PushAnswer>(["push", docs, "-s", store, "-p", "x"]);
  const pack = packsOf(store)[0]!;
  flip(pack, 1_000_000);
  const longAgo = Date.now() / 1000 - 29 * 86_400;
  for (const each of packsOf(store)) utimesSync(each, longAgo, longAgo);
  const server = await user.serve(store, "0", ["--scrub-rate", "1000"]);
  await server.until(/found a damaged pack '[^\n]+': its bytes have the hash/);
  await server.until(/read \d+ packs? again, [^\n]+: 1 damaged/);
  t.match(await user.json(["stats", "-s", server.url]), { projects: 1, commits: 1, damagedPacks: 1 });
  t.match(await user.run(["check", "-s", server.url]), { code: 1, stdout: /2 of|\d+ of \d+ members are intact/ });
  await server.stop();
  t.match(await user.run(["stats", "-s", store]), { code: 0, stdout: /^damaged packs +1$/m });

  const again = await user.serve(store, "0", ["--no-scrub"]);
  t.notMatch((await again.stop()).stderr, /again/);
});

t.test("what is no part of a store's data is refused", async (t) => {
  const user = new BakUser(t, t.testdir());
  await (await user.serve(join(user.home, "store"))).stop();
  for (const part of ["0%", "101%", "3/2", "half"])
    t.match(await user.run(["check", "-s", "store", "--read-data-subset", part]), {
      code: 2,
      stderr: /expected a part/,
    });
  t.match(await user.run(["check", "-s", "nowhere"]), { code: 10 });
  t.match(await user.run(["stats", "-s", "store"]), { code: 0, stdout: /^verified longest ago +-$/m });
});
