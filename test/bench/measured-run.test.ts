import t from "tap";
import { measuringMethod, runMeasured } from "../../bench/measured-run.js";
import { accepts, freePort, startServer } from "../../bench/server-process.js";
import { Workplace } from "../../bench/workplace.js";

const busy = `
  const held = Buffer.alloc(80 << 20, 1);
  for (const end = process.cpuUsage().user + 300000; process.cpuUsage().user < end;) for (let step = 0; step < 1e7; step += 1);
  setTimeout(() => console.log("held", held.length), 50);
`;

for (const method of ["time", "proc"] as const) {
  const skip = method === "time" && measuringMethod() !== "time" ? "GNU time is not installed" : false;

  t.test(`what a process takes is measured by ${method}`, { skip }, async (t) => {
    const place = new Workplace(t.testdir());
    t.teardown(() => place.closeNow());
    const command = [process.execPath, "-e", busy] as const;
    const { wallS, cpuS, peakBytes, output } = await runMeasured(place, command, { name: "busy", env: {}, method });
    t.match(output, "held 83886080");
    t.ok(cpuS !== undefined && cpuS >= 0.3 && cpuS < 2, `${cpuS} s of CPU`);
    t.ok(wallS >= 0.35, `${wallS} s`);
    t.ok(peakBytes !== undefined && peakBytes > 100e6 && peakBytes < 250e6, `${peakBytes} bytes`);
  });

  t.test(`a command that fails is named, by ${method}`, { skip }, async (t) => {
    const place = new Workplace(t.testdir());
    t.teardown(() => place.closeNow());
    const options = { name: "sh", env: {}, method };
    await t.rejects(runMeasured(place, ["/bin/sh", "-c", "echo why >&2; exit 7"], options), {
      message: "'sh' failed with exit code 7",
      hint: /why/,
    });
    await t.rejects(runMeasured(place, ["/no/such/command"], options), { message: /^'sh' failed with exit code 127$/ });
  });
}

const listen = (port: number): string => `require("node:net").createServer().listen(${port}, "127.0.0.1")`;

t.test("a server is measured while it runs, and stopped", async (t) => {
  const place = new Workplace(t.testdir());
  t.teardown(() => place.closeNow());
  const port = await freePort();
  const command = [process.execPath, "-e", listen(port)] as const;
  const { server } = await startServer(place, command, { name: "listener", env: {}, isReady: () => accepts(port) });
  t.ok(server.cpuS !== undefined && server.cpuS > 0);
  t.ok(server.peakBytes !== undefined && server.peakBytes > 20e6);
  t.ok(server.residentBytes !== undefined && server.residentBytes <= server.peakBytes!);
  await server.stop();
  t.equal(await accepts(port), undefined);
});

t.test("a server that ends at once is a failure, not something to wait for", async (t) => {
  const place = new Workplace(t.testdir());
  t.teardown(() => place.closeNow());
  await t.rejects(
    startServer(place, ["/bin/sh", "-c", "echo port taken >&2; exit 1"], {
      name: "listener",
      env: {},
      isReady: () => undefined,
    }),
    { message: "'listener' failed with exit code 1", hint: "port taken" },
  );
});
