/** Proves how the product starts, refuses to start, tells the truth about itself, and stops. */
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { importLeads, readCampaign, runCampaign, SIMULATED } from "./campaign.ts";
import { call, LAYOUTS, LISTENS, printed, type System, startEntry, startSystem, temporaryFolder } from "./system.ts";

let folder = "";
let remove: () => Promise<void>;
let system: System | null = null;
beforeEach(async () => {
  ({ folder, remove } = await temporaryFolder());
});
afterEach(async () => {
  await system?.kill();
  system = null;
  await remove();
});

async function refusedStart(env: Record<string, string>, args: readonly string[] = []): Promise<string> {
  const started = startEntry("cli/src/main.ts", ["start", ...args], { DATA_DIR: folder, ...env });
  expect(await started.exited).toBe(1);
  return started.output();
}

describe("a start that cannot be", () => {
  test("names the port that is taken and the setting that changes it", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" && address !== null ? String(address.port) : "";
    expect((await refusedStart({ PORT: port })).split("\n").at(-2)).toBe(
      `Port ${port} on 127.0.0.1 is taken by another program, perhaps by a Mini CRM that already runs: choose another with PORT.`,
    );
    expect(await refusedStart({ WORKERS_PORT: port })).toContain("choose another with WORKERS_PORT");
    expect((await refusedStart({ TWIN_PORT: port }, ["--whatsapp", "twin"])).split("\n").at(-2)).toBe(
      `Port ${port} on 127.0.0.1 is taken by another program, perhaps by a Mini CRM that already runs: choose another with TWIN_PORT.`,
    );
    other.close();
  });

  test("names an address that is not this machine's", async () => {
    const output = await refusedStart({ HOST: "192.0.2.1", API_KEY: "correct-horse-battery-staple" });
    expect(output.trim()).toBe("192.0.2.1 is not an address of this machine: correct HOST.");
  });

  test("names the data folder that cannot be written to", async () => {
    await writeFile(join(folder, "file"), "");
    const dataDir = join(folder, "file", "data");
    expect(await refusedStart({ DATA_DIR: dataDir })).toBe(
      `The data folder ${dataDir} cannot be written to: choose another with DATA_DIR.\n`,
    );
  });

  test("names every setting that is wrong at once", async () => {
    const output = await refusedStart({ PORT: "http", MESSAGES_PER_MINUTE: "-1", LOG_LEVEL: "loud" });
    expect(output.trim().split("\n")).toEqual([
      'PORT must be a whole number from 0 to 65535, but is "http".',
      'LOG_LEVEL must be one of debug, info, warn, error, silent, but is "loud".',
      'MESSAGES_PER_MINUTE must be a whole number from 0 to 1000000, but is "-1".',
    ]);
  });

  test("refuses an address that others can reach without an API key", async () => {
    expect(await refusedStart({ HOST: "0.0.0.0" })).toBe(
      "HOST is 0.0.0.0, which others can reach: set API_KEY, so that only those who know it can call.\n",
    );
  });
});

test("with an API key every call but /health needs it, on both servers, and no log shows it", async () => {
  const key = "correct-horse-battery-staple";
  system = await startSystem("two processes", { DATA_DIR: folder, API_KEY: key, LOG_LEVEL: "debug" });
  for (const url of [`${system.backendUrl}/api/v1/leads`, `${system.workersUrl}/stats`]) {
    expect((await fetch(url)).status).toBe(401);
    expect((await fetch(url, { headers: { authorization: "Bearer wrong-key-wrong-key" } })).status).toBe(401);
    expect((await fetch(url, { headers: { "x-api-key": key } })).status).toBe(200);
    expect((await fetch(url, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
  }
  expect((await fetch(`${system.backendUrl}/health`)).status).toBe(200);
  expect((await fetch(`${system.workersUrl}/health`)).status).toBe(200);
  await system.stop();
  for (const { output } of Object.values(system.processes)) expect(output()).not.toContain(key);
});

test.each(LAYOUTS)(
  "SIGTERM in the middle of a campaign ends %s with 0, and the next start goes on where it was",
  async (layout) => {
    const env = {
      DATA_DIR: folder,
      MESSAGES_PER_MINUTE: "0",
      SIMULATOR_LATENCY_MS: "100-300",
      SIMULATOR_DELIVERED_AFTER_MS: "10",
    };
    system = await startSystem(layout, env);
    await importLeads(system, 5_000);
    const id = await runCampaign(system);
    const first = system;
    await expect
      .poll(async () => (await readCampaign(first, id)).stats.sent, { timeout: 20_000, interval: 10 })
      .toBeGreaterThan(0);
    expect((await first.stop()).every((code) => code === 0)).toBe(true);

    const second = await startSystem(layout, env);
    system = second;
    await expect.poll(() => readCampaign(second, id), { timeout: 30_000 }).toMatchObject({ status: "COMPLETED" });
    expect((await readCampaign(second, id)).stats).toMatchObject({ audience: 5_000, sent: 5_000, uncertain: 0, pending: 0 });
    expect(await SIMULATED.outbox(second)).toMatchObject({ sentMoreThanOnce: 0 });
  },
);

test("the backend says when the workers have stopped, and when they are back", async () => {
  const env = { DATA_DIR: folder };
  const backend = startEntry("backend/src/main.ts", [], env);
  const backendUrl = await printed(backend, LISTENS);
  const health = async () => (await call("GET", `${backendUrl}/health`)).body;
  expect(await health()).toMatchObject({ status: "degraded", services: { database: "connected", jobExpander: "stopped" } });
  for (let round = 0; round < 2; round += 1) {
    const workers = startEntry("workers/src/main.ts", [], env);
    await expect.poll(health, { timeout: 10_000 }).toMatchObject({ status: "ok", services: { jobExpander: "running" } });
    workers.process.kill("SIGTERM");
    expect(await workers.exited).toBe(0);
    expect(await health()).toMatchObject({ status: "degraded", services: { jobExpander: "stopped" } });
  }
  backend.process.kill("SIGTERM");
  expect(await backend.exited).toBe(0);
});

test("while WhatsApp is out of reach the campaign waits and everybody is told; when it is back, it goes on", async () => {
  const running = await startSystem("one process", {
    DATA_DIR: folder,
    MESSAGES_PER_MINUTE: "0",
    SIMULATOR_DELIVERED_AFTER_MS: "10",
  });
  system = running;
  await importLeads(running, 50);
  expect((await call("PATCH", `${running.workersUrl}/simulator`, { unreachable: true })).status).toBe(200);
  const id = await runCampaign(running);
  const whatsapp = async () => (await call("GET", `${running.workersUrl}/whatsapp`)).body;
  await expect
    .poll(whatsapp, { timeout: 10_000 })
    .toMatchObject({ connected: false, queueSize: 50, circuitBreaker: { state: "open" } });
  expect(await call("GET", `${running.workersUrl}/health`)).toMatchObject({
    status: 200,
    body: { overall: "degraded", workers: { SendWorker: { status: "degraded", connected: false } } },
  });
  expect(await readCampaign(running, id)).toMatchObject({
    status: "RUNNING",
    stats: { sent: 0, failed: 0, uncertain: 0, pending: 50 },
  });

  await call("PATCH", `${running.workersUrl}/simulator`, { unreachable: false });
  await expect
    .poll(() => readCampaign(running, id), { timeout: 30_000 })
    .toMatchObject({ status: "COMPLETED", stats: { sent: 50 } });
  expect(await whatsapp()).toMatchObject({ connected: true });
  expect(await SIMULATED.outbox(running)).toMatchObject({ sentMoreThanOnce: 0 });
});
