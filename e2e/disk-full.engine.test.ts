/**
 * Proves what becomes of a campaign whose files cannot grow any more. The limit is the process's own (`prlimit`), which needs no
 * rights and no file system to fill; SQLite meets it where it would meet a full disk.
 */
import { importLeads, readCampaign, runCampaign } from "@mini-crm/cli/drill/campaigns";
import { SIMULATED } from "@mini-crm/cli/drill/whatsapp";
import { expect, onTestFinished, test, vi } from "vitest";
import { run } from "./engines/children.ts";
import { needProgram } from "./engines/install.ts";
import { expectPromisesKept } from "./proof.ts";
import { call, startSystem, temporaryFolder } from "./system.ts";

const LEADS = 3_000;
const SOON = { timeout: 15_000, interval: 100 };
/** Sending is tried again after ever longer waits. */
const COMPLETED = { timeout: 60_000, interval: 200 };

test("with a full disk nothing is written and nothing is lost, it says so, and it goes on when there is room", async () => {
  await needProgram("prlimit", ["util-linux"]);
  const { folder, remove } = await temporaryFolder();
  onTestFinished(remove);
  const system = await startSystem("one process", {
    DATA_DIR: folder,
    MESSAGES_PER_MINUTE: "0",
    SIMULATOR_LATENCY_MS: "100-2000",
    SIMULATOR_DELIVERED_AFTER_MS: "50-500",
    SIMULATOR_READ_AFTER_MS: "300-1500",
  });
  onTestFinished(() => system.kill());
  const { pid } = system.processes.backend?.process ?? {};
  const limitFiles = (bytes: number | "unlimited") => run("prlimit", ["--pid", String(pid), `--fsize=${bytes}:unlimited`], 5_000);
  const api = `${system.backendUrl}/api/v1`;
  const addLead = () => call("POST", `${api}/leads`, { name: "One more", emails: ["more@example.com"] });

  await importLeads(system, LEADS);
  const campaign = await runCampaign(system);
  await vi.waitUntil(async () => (await SIMULATED.countDeparted(system)) > 0, SOON);
  await limitFiles(4_096);
  const leads = await call("GET", `${api}/leads?limit=1`);
  expect(await addLead()).toMatchObject({ status: 503, body: { error: { code: "STORE_UNAVAILABLE" } } });
  expect(await call("GET", `${api}/leads?limit=1`)).toEqual(leads);
  // The workers cannot even say that they live.
  await expect.poll(() => call("GET", `${system.backendUrl}/health`), SOON).toMatchObject({ body: { status: "degraded" } });
  const { stats } = await readCampaign(system, campaign);
  expect(stats.pending).toBeGreaterThan(0);

  await limitFiles("unlimited");
  await expect.poll(async () => (await readCampaign(system, campaign)).status, COMPLETED).toBe("COMPLETED");
  await vi.waitFor(() => expectPromisesKept(system, LEADS), SOON);
  expect((await addLead()).status).toBe(201);
}, 120_000);
