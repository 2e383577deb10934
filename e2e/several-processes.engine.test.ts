/** Proves that backends and workers share the load, come and go in mid-campaign, and lose nothing and double nothing. */
import { ask, importLeads, newestCampaigns, readCampaign, runCampaign } from "@mini-crm/cli/drill/campaigns";
import { PARTS, type Started } from "@mini-crm/cli/drill/system";
import { SIMULATED } from "@mini-crm/cli/drill/whatsapp";
import { ownEngines } from "@mini-crm/runtime/own-engines";
import { Admin } from "@platformatic/kafka";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { KAFKA, MONGODB } from "./engines/given.ts";
import { consumeAll } from "./kcat.ts";
import { endOrphanedTransactions } from "./orphans.ts";
import { expectPromisesKept } from "./proof.ts";
import { isWorkers, LISTENS, printed, SEVERAL, type System, startEntry, startSystem, temporaryFolder } from "./system.ts";
import { statsAt, statsAtEach } from "./worker-stats.ts";

const LEADS = 1_500;
/** Enough that a claim of 1,000 takes seconds, so that a campaign has a middle. */
const LATENCY_MS = "100-2500";
/** Joining a group of consumers takes seconds. */
const SOON = { timeout: 30_000, interval: 100 };
/** The messages that a killed worker had claimed are free when their lease ends. */
const COMPLETED = { timeout: 120_000, interval: 500 };

const engines = ownEngines({ ...MONGODB, ...KAFKA });
const topicOf = (topic: string) => `${engines.settings["KAFKA_PREFIX"]}${topic}`;
const toEnd: (() => Promise<unknown>)[] = [];
let settings: Record<string, string>;
let system: System;

beforeAll(async () => {
  toEnd.push(() => engines.remove());
  const { folder, remove } = await temporaryFolder();
  toEnd.push(remove);
  settings = {
    ...engines.settings,
    DATA_DIR: folder,
    MESSAGES_PER_MINUTE: "0",
    SIMULATOR_LATENCY_MS: LATENCY_MS,
    SIMULATOR_DELIVERED_AFTER_MS: "50-500",
    SIMULATOR_READ_AFTER_MS: "300-1500",
  };
  system = await startSystem(SEVERAL, settings);
  toEnd.push(() => system.stop());
  await importLeads(system, LEADS);
});
afterAll(async () => {
  for (const end of toEnd.reverse()) await end();
}, 90_000);

/** How many processes a group of consumers shares its topic among, when that is settled. */
async function membersOf(group: string): Promise<number | null> {
  const admin = new Admin({ clientId: "mini-crm-test", bootstrapBrokers: KAFKA.KAFKA_BROKERS.split(",") });
  try {
    const name = topicOf(`mini-crm.${group}`);
    const found = (await admin.describeGroups({ groups: [name] })).get(name);
    return found?.state === "Stable" ? found.members.size : null;
  } finally {
    await admin.close();
  }
}

async function areCompleted(): Promise<boolean> {
  return (await newestCampaigns(system)).every(({ status }) => status === "COMPLETED" || status === "DRAFT");
}

/** What an event stream says of one campaign until that is completed. */
async function watchToEnd(backendUrl: string, campaignId: string): Promise<() => Promise<string[]>> {
  const url = `${backendUrl}/api/v1/events?campaign_id=${campaignId}`;
  const stream = await fetch(url, { signal: AbortSignal.timeout(COMPLETED.timeout) });
  const heard = (async () => {
    let text = "";
    for await (const chunk of stream.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      if (/^event: campaign.completed\n.*\n\n/m.test(text)) break;
    }
    const events = [...text.matchAll(/^id: (\d+)\nevent: (.+)$/gm)].map(([, id, kind]) => `${id} ${kind}`);
    return events.slice(0, events.findIndex((event) => event.endsWith("campaign.completed")) + 1);
  })();
  return () => heard;
}

test("three workers share the work, and one of them sends for the number", async () => {
  for (const group of ["job-expander", "send-worker", "status-aggregator"]) {
    await expect.poll(() => membersOf(group), SOON).toBe(3);
  }
  // Which worker expands a campaign follows from its identifier: one after the other, until it was not always the same.
  const expanded = async () => (await statsAtEach(system.workersUrls)).map(({ JobExpander }) => JobExpander.processedJobs);
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
  let ran = 0;
  do {
    await runCampaign(system);
    ran += 1;
    await expect.poll(async () => sum(await expanded()), SOON).toBe(ran);
  } while ((await expanded()).filter((count) => count > 0).length < 2 && ran < 20);
  await vi.waitUntil(areCompleted, COMPLETED);

  const sent = async () => (await statsAtEach(system.workersUrls)).map(({ SendWorker }) => SendWorker.sent);
  await expect.poll(async () => (await sent()).toSorted((a, b) => a - b), SOON).toEqual([0, 0, ran * LEADS]);
  const stats = await statsAtEach(system.workersUrls);
  expect(stats.filter(({ JobExpander }) => JobExpander.processedJobs > 0).length).toBeGreaterThanOrEqual(2);
  for (const { StatusAggregator } of stats) expect(StatusAggregator.receipts).toBeGreaterThan(0);
});

test("a schedule fires once, and everybody who watches at either backend sees the campaign's way to its end", async () => {
  const [anyBackend, otherBackend] = [system.backendUrl, system.backendUrl];
  expect(anyBackend).not.toBe(otherBackend);
  const [model] = await newestCampaigns(system);
  const made = { name: "On time", segment_id: model?.segment_id, message_template: "Hi {{name}}, it is time." };
  const { _id } = await ask<{ _id: string }>("POST", `${anyBackend}/api/v1/campaigns`, made);
  const watchers = await Promise.all(
    [anyBackend, otherBackend, anyBackend, otherBackend].map((backend) => watchToEnd(backend, _id)),
  );
  const at = new Date(Date.now() + 3_000).toISOString();
  await ask("POST", `${otherBackend}/api/v1/campaigns/${_id}/schedule`, { at });

  const seen = await Promise.all(watchers.map((heard) => heard()));
  const [first = []] = seen;
  expect(first.filter((event) => event.endsWith("campaign.started"))).toHaveLength(1);
  expect(first.at(-1)).toMatch(/campaign\.completed$/);
  for (const events of seen) expect(events).toEqual(first);
  const started = (await statsAtEach(system.workersUrls)).reduce((sum, { Scheduler }) => sum + Scheduler.started, 0);
  expect(started).toBe(1);
  await vi.waitFor(() => expectPromisesKept(system, LEADS), SOON);
});

test("workers that come, stop and are killed in mid-campaign lose nobody and double nobody", async () => {
  const running = new Map<string, Started>();
  for (const part of PARTS[SEVERAL].filter(isWorkers)) {
    const started = system.processes[part];
    if (started !== undefined) running.set(await printed(started, LISTENS), started);
  }
  const startMore = async () => {
    const started = startEntry("workers/src/main.ts", [], settings);
    toEnd.push(() => {
      started.process.kill("SIGTERM");
      return started.exited;
    });
    running.set(await printed(started, LISTENS), started);
  };
  /** The worker that sends from now on. */
  const sender = async () => {
    const before = new Map<string, number>();
    for (const url of running.keys()) before.set(url, (await statsAt(url)).SendWorker.sent);
    return vi.waitUntil(async () => {
      for (const [url, sent] of before) if ((await statsAt(url)).SendWorker.sent > sent) return url;
      return null;
    }, COMPLETED);
  };
  const end = async (url: string, signal: NodeJS.Signals) => {
    const ended = running.get(url);
    running.delete(url);
    ended?.process.kill(signal);
    return ended?.exited;
  };

  const before = await SIMULATED.countDeparted(system);
  const campaigns: string[] = [];
  while (campaigns.length < 6) campaigns.push(await runCampaign(system));
  const left = async () => (await SIMULATED.countDeparted({ ...system, workersUrl: [...running.keys()][0] ?? "" })) - before;
  const first = await sender();
  await startMore();
  expect(await end(first, "SIGTERM")).toBe(0);
  const second = await sender();
  expect(await left()).toBeLessThan(campaigns.length * LEADS);
  await end(second, "SIGKILL");
  await endOrphanedTransactions(MONGODB.MONGODB_URL);
  // One more than there were; it also sees at once that the killed one is dead.
  await startMore();
  await startMore();
  await vi.waitUntil(areCompleted, COMPLETED);
  for (const id of campaigns) expect((await readCampaign(system, id)).stats.pending).toBe(0);
  await vi.waitFor(() => expectPromisesKept({ ...system, workersUrl: [...running.keys()][0] ?? "" }, LEADS), SOON);
}, 180_000);

test("anybody's consumer reads the jobs: kcat prints each with its campaign as the key, and JSON with a version", async () => {
  const ran = await newestCampaigns(system);
  const records = await consumeAll(KAFKA.KAFKA_BROKERS, topicOf("campaign.jobs"));
  expect(new Set(records.map(({ key }) => key))).toEqual(new Set(ran.map(({ _id }) => _id)));
  for (const { key, value } of records) expect(JSON.parse(value)).toMatchObject({ version: 1, campaign_id: key });
});
