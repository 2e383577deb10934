/**
 * Proves what becomes of a campaign while its broker or its database is killed, away or frozen, and while events come again: it
 * is told, nothing hangs, and afterwards the campaign goes on by itself, with nobody lost and nobody told twice.
 */
import { setTimeout as wait } from "node:timers/promises";
import { importLeads, readCampaign, runCampaign } from "@mini-crm/cli/drill/campaigns";
import type { Answer } from "@mini-crm/cli/drill/system";
import { SIMULATED } from "@mini-crm/cli/drill/whatsapp";
import { ownEngines } from "@mini-crm/runtime/own-engines";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { freePort } from "./engines/free-port.ts";
import { type Kafka, startKafka } from "./engines/kafka.ts";
import { type MongoDb, startMongo } from "./engines/mongodb.ts";
import { consumeAll, publishAll } from "./kcat.ts";
import { expectPromisesKept } from "./proof.ts";
import { call, type System, startEntry, startSystem, temporaryFolder } from "./system.ts";
import { statsAt } from "./worker-stats.ts";

const LEADS = 1_500;
const SOON = { timeout: 20_000, interval: 100 };
/** What a claim held is free when its lease has ended. */
const COMPLETED = { timeout: 90_000, interval: 500 };
/** Whoever asks is answered within this time, whatever is away. */
const ANSWERED_WITHIN_MS = 15_000;
/** Health says so within this time. */
const TOLD_WITHIN = { timeout: 8_000, interval: 100 };

const toEnd: (() => Promise<unknown>)[] = [];
let kafka: Kafka;
let mongo: MongoDb;
let settings: Record<string, string>;
let system: System;

beforeAll(async () => {
  const folders = { kafka: await ownFolder(), mongo: await ownFolder(), data: await ownFolder() };
  [kafka, mongo] = await Promise.all([startKafka(folders.kafka), startMongo(folders.mongo)]);
  toEnd.push(
    () => kafka.stop(),
    () => mongo.stop(),
  );
  settings = {
    ...ownEngines({ KAFKA_BROKERS: kafka.brokers, MONGODB_URL: mongo.url }).settings,
    DATA_DIR: folders.data,
    MESSAGES_PER_MINUTE: "0",
    SIMULATOR_LATENCY_MS: "100-2500",
    SIMULATOR_DELIVERED_AFTER_MS: "50-500",
    SIMULATOR_READ_AFTER_MS: "300-1500",
  };
  system = await startSystem("two processes", settings);
  toEnd.push(() => system.kill());
  await importLeads(system, LEADS);
}, 120_000);
afterAll(async () => {
  for (const end of toEnd.reverse()) await end();
});

async function ownFolder(): Promise<string> {
  const { folder, remove } = await temporaryFolder();
  toEnd.push(remove);
  return folder;
}

/** Runs a campaign; resolves when some of it has left, and some has not. */
async function campaignInTheMiddle(): Promise<string> {
  const before = await SIMULATED.countDeparted(system);
  const id = await runCampaign(system);
  await vi.waitUntil(async () => (await SIMULATED.countDeparted(system)) > before, SOON);
  expect((await SIMULATED.countDeparted(system)) - before).toBeLessThan(LEADS);
  return id;
}

/** The campaigns complete by themselves, and every promise was kept, to everybody of every campaign so far. */
async function expectToComplete(campaigns: readonly string[]): Promise<void> {
  for (const id of campaigns) {
    await expect.poll(async () => (await readCampaign(system, id)).status, COMPLETED).toBe("COMPLETED");
  }
  await vi.waitFor(() => expectPromisesKept(system, LEADS), SOON);
}

const REPEATED = ["campaign.jobs", "campaign.messages", "message.statuses"] as const;

/** Publishes all that was ever published once more, as brokers and operators may do; answers how many events that are. */
async function repeatEverything(): Promise<number> {
  let events = 0;
  for (const topic of REPEATED) {
    const name = `${settings["KAFKA_PREFIX"]}${topic}`;
    const records = await consumeAll(kafka.brokers, name);
    await publishAll(kafka.brokers, name, records);
    events += records.length;
  }
  return events;
}

test("events that come twice and events of long ago send nothing and change nothing", async () => {
  const earlier = await campaignInTheMiddle();
  await expectToComplete([earlier]);
  const later = await campaignInTheMiddle();
  expect(await repeatEverything()).toBeGreaterThan(LEADS);
  await expectToComplete([later]);
  const before = await expectPromisesKept(system, LEADS);

  expect(await repeatEverything()).toBeGreaterThan(before.departed.length);
  const lag = async () => {
    const { JobExpander, SendWorker, StatusAggregator } = await statsAt(system.workersUrl);
    return [JobExpander.lag, SendWorker.lag, StatusAggregator.lag];
  };
  await expect.poll(lag, SOON).toEqual([0, 0, 0]);
  expect(await expectPromisesKept(system, LEADS)).toEqual(before);
}, 120_000);

async function expectHealth(expected: { backend: object; workers: object; status: number }): Promise<void> {
  const { backend, workers, status } = expected;
  const health = async () => ({
    backend: await call("GET", `${system.backendUrl}/health`),
    workers: await call("GET", `${system.workersUrl}/health`),
  });
  const told = { backend: { status, body: { services: backend } }, workers: { status, body: workers } };
  await expect.poll(health, TOLD_WITHIN).toMatchObject(told);
}

/** An answer in time; rejects where there is none. */
async function answerTo(request: string, body?: unknown): Promise<Answer<{ error?: { code: string; message: string } }>> {
  const [method = "", path = ""] = request.split(" ");
  const url = /^\/(stats|whatsapp)/.test(path) ? system.workersUrl : system.backendUrl;
  return Promise.race([
    call<{ error?: { code: string; message: string } }>(method, `${url}${path}`, body),
    wait(ANSWERED_WITHIN_MS).then(() => Promise.reject(new Error(`${request} was not answered in ${ANSWERED_WITHIN_MS} ms`))),
  ]);
}

/** While the database is away, health says so, and everything that needs it is refused in time. */
async function expectDatabaseToBeMissed(campaign: string): Promise<void> {
  await expectHealth({ status: 503, backend: { database: "disconnected" }, workers: { database: { status: "unhealthy" } } });
  const lead = { name: "Late", phones: ["+14155550100"] };
  const requests: [string, unknown?][] = [
    ["GET /api/v1/leads"],
    ["GET /api/v1/segments"],
    ["GET /api/v1/campaigns"],
    [`GET /api/v1/campaigns/${campaign}`],
    [`GET /api/v1/campaigns/${campaign}/ledger?check=rows`],
    [`GET /api/v1/delivery/campaign/${campaign}`],
    ["GET /api/v1/events"],
    ["GET /api/v1/webhooks"],
    ["POST /api/v1/leads", lead],
    ["POST /api/v1/leads/bulk", { leads: [lead] }],
    [
      "POST /api/v1/segments",
      { name: "Late", rule_ast: { type: "comparison", operator: "EXISTS", left: { type: "field", value: "name" } } },
    ],
    [`POST /api/v1/campaigns/${campaign}/pause`],
    [`POST /api/v1/campaigns/${campaign}/run`],
    ["GET /stats"],
    ["GET /whatsapp"],
  ];
  const answers = await Promise.all(requests.map(async ([request, body]) => ({ request, ...(await answerTo(request, body)) })));
  const refused = { code: "STORE_UNAVAILABLE", message: "The database cannot be reached at the moment." };
  expect(answers).toEqual(requests.map(([request]) => expect.objectContaining({ request, status: 503 })));
  for (const { body } of answers) expect(body.error).toMatchObject(refused);
}

/** While the broker is away, health says so; what needs no events goes on. Answers a campaign that was run meanwhile. */
async function expectBrokerToBeMissed(campaign: string): Promise<string> {
  await expectHealth({
    status: 503,
    backend: { database: "connected", kafka: "disconnected" },
    workers: { database: { status: "healthy" }, eventBus: { status: "unhealthy" } },
  });
  const [read, stats] = await Promise.all([answerTo(`GET /api/v1/campaigns/${campaign}`), answerTo("GET /stats")]);
  expect(read.status).toBe(200);
  expect(stats).toMatchObject({ status: 503, body: { error: { code: "BUS_UNAVAILABLE" } } });
  const ranAt = performance.now();
  const other = await runCampaign(system);
  expect(performance.now() - ranAt).toBeLessThan(ANSWERED_WITHIN_MS);
  return other;
}

const WELL = { status: 200, backend: { database: "connected", kafka: "connected" }, workers: { overall: "healthy" } };

const ACCIDENTS = [
  {
    name: "killed, and started again 12 s later",
    away: (server: Kafka | MongoDb) => server.kill(),
    back: (server: Kafka | MongoDb) => server.restart(),
    forMs: 12_000,
  },
  {
    name: "frozen for 12 s",
    away: (server: Kafka | MongoDb) => server.suspend(),
    back: (server: Kafka | MongoDb) => server.resume(),
    forMs: 12_000,
  },
];

describe.each([
  { engine: "broker", server: () => kafka, expectToBeMissed: expectBrokerToBeMissed },
  { engine: "database", server: () => mongo, expectToBeMissed: expectDatabaseToBeMissed },
])("the $engine", ({ server, expectToBeMissed }) => {
  test("killed in mid-campaign and started again at once, it costs nobody a message", async () => {
    const campaign = await campaignInTheMiddle();
    await server().kill();
    await server().restart();
    await expectToComplete([campaign]);
  }, 150_000);

  test.each(ACCIDENTS)(
    "$name, it is missed aloud, nothing hangs, and the campaign goes on by itself",
    async ({ away, back, forMs }) => {
      const campaign = await campaignInTheMiddle();
      await away(server());
      const campaigns = [campaign];
      try {
        const [meanwhile] = await Promise.all([expectToBeMissed(campaign), wait(forMs)]);
        if (meanwhile !== undefined) campaigns.push(meanwhile);
      } finally {
        await back(server());
      }
      await expectHealth(WELL);
      await expectToComplete(campaigns);
    },
    180_000,
  );
});

test("a process that cannot reach its broker or its database does not start, and says in one sentence what is missing", async () => {
  const away = `127.0.0.1:${await freePort()}`;
  const missing = [{ KAFKA_BROKERS: away }, { MONGODB_URL: `mongodb://me:secret@${away}/crm?directConnection=true` }];
  const said = await Promise.all(
    missing.flatMap((engine) =>
      ["backend", "workers"].map(async (name) => {
        const started = startEntry(`${name}/src/main.ts`, [], { ...settings, ...engine, DATA_DIR: await ownFolder() });
        return { code: await started.exited, output: started.output() };
      }),
    ),
  );
  for (const { code, output } of said) {
    expect([code, output]).toEqual([1, expect.stringMatching(/^[^\n]+\.\n$/)]);
    expect(output).toContain(away);
    expect(output).not.toContain("secret");
  }
}, 60_000);
