/** The choice of a level, fed with what a push on links and machines of all kinds would tell it. */
import t from "tap";
import {
  CompressionLevel,
  measuredLevels,
  type LevelCost,
  type Observation,
} from "../../src/client/compression-level.js";
import { defaultLevels } from "../../src/objects/member-codec.js";
import { packCodecs, type PackCodec } from "../../src/objects/pack-format.js";

const levelOf = (codec: PackCodec, level: number): LevelCost =>
  measuredLevels[codec].find((each) => each.level === level) as LevelCost;

/** What one second of a push is like: `bandwidth` in MB/s, compression on `cores` that nobody else needs. */
function second({ speed, ratio }: LevelCost, bandwidth: number, cores: number): Observation & { throughput: number } {
  const [compressible, sendable] = [speed * cores, bandwidth * ratio]; // MB/s of content
  const throughput = Math.min(compressible, sendable);
  const wait = 1000 * (1 - throughput / Math.max(compressible, sendable));
  const isNetwork = sendable < compressible;
  return {
    elapsedMs: 1000,
    networkWaitMs: isNetwork ? Math.max(wait, 800) : 0,
    compressionWaitMs: isNetwork ? 0 : wait,
    sentBytes: (throughput / ratio) * 1e6,
    throughput,
  };
}

t.test("levels go from the fastest to the smallest, and each is worth its time", (t) => {
  for (const codec of packCodecs) {
    const levels = measuredLevels[codec];
    for (const [index, { level, speed, ratio }] of levels.entries()) {
      const before = levels[index - 1];
      if (before === undefined) continue;
      t.ok(level > before.level && speed < before.speed && ratio > before.ratio, `${codec} ${level}`);
    }
    t.ok(levelOf(codec, defaultLevels[codec]), "the default is one of them");
  }
  t.end();
});

for (const codec of packCodecs) {
  for (const cores of [1, 2, 8]) {
    for (const bandwidth of [1, 12.5, 30, 60, 120, 1000]) {
      t.test(`${codec} on ${cores} cores and ${bandwidth} MB/s ends near the best level`, (t) => {
        const policy = new CompressionLevel(codec, defaultLevels[codec]);
        const throughputs: number[] = [];
        const levels: number[] = [];
        for (let at = 0; at < 400; at += 1) {
          const { throughput, ...seen } = second(levelOf(codec, policy.level), bandwidth, cores);
          throughputs.push(throughput);
          levels.push(policy.observe(seen));
        }
        const possible = measuredLevels[codec].filter(({ level }) => level >= defaultLevels[codec]);
        const best = Math.max(...possible.map((cost) => second(cost, bandwidth, cores).throughput));
        const late = throughputs.slice(100);
        const mean = late.reduce((total, each) => total + each, 0) / late.length;
        t.ok(mean > best * 0.93, `${mean.toFixed(0)} of ${best.toFixed(0)} MB/s`);
        const moves = levels.filter((level, at) => at > 100 && level !== levels[at - 1]).length;
        t.ok(moves <= 12, `it comes to rest: ${moves} moves in 300 s`);
        t.end();
      });
    }
  }
}

t.test("where both ends need the same cores, it stays where it began", (t) => {
  const policy = new CompressionLevel("zstd", 1);
  let above = 0;
  for (let at = 0; at < 300; at += 1) {
    const { speed, ratio } = levelOf("zstd", policy.level);
    const throughput = 1 / (1 / speed + 1 / 300); // the store's work takes as long at any level
    policy.observe({
      elapsedMs: 1000,
      networkWaitMs: 600,
      compressionWaitMs: 20,
      sentBytes: (throughput / ratio) * 1e6,
    });
    if (policy.level !== 1) above += 1;
  }
  t.ok(above < 30, `${above} of 300 s above level 1`);
  t.end();
});

t.test("short observations are added up, and too few bytes decide nothing", (t) => {
  const slow = { elapsedMs: 100, networkWaitMs: 90, compressionWaitMs: 0 };
  const policy = new CompressionLevel("gzip", 2);
  for (let at = 0; at < 4; at += 1) t.equal(policy.observe({ ...slow, sentBytes: 1 << 20 }), 2);
  t.equal(policy.observe({ ...slow, sentBytes: 1 << 20 }), 4, "after half a second");
  const idle = new CompressionLevel("gzip", 2);
  for (let at = 0; at < 100; at += 1) t.equal(idle.observe({ ...slow, sentBytes: 1000 }), 2);
  t.end();
});

t.test("it never leaves the levels that there are", (t) => {
  const policy = new CompressionLevel("zstd", 1);
  const full = { elapsedMs: 1000, networkWaitMs: 1000, compressionWaitMs: 0, sentBytes: 2 << 20 };
  for (let at = 0; at < 50; at += 1) policy.observe(full);
  t.equal(policy.level, 9);
  const starved = { elapsedMs: 1000, networkWaitMs: 0, compressionWaitMs: 1000, sentBytes: 2 << 20 };
  for (let at = 0; at < 50; at += 1) policy.observe(starved);
  t.equal(policy.level, 1, "nor goes below where it began");
  t.end();
});
