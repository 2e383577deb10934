/** Owns the benchmark of sending over the Cloud API's twin with everything on: rates of one number and of several, and memory. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "@mini-crm/adapters/system-clock/system-clock";
import { createTwin, type Twin } from "@mini-crm/adapters/whatsapp-twin/twin";
import { ask, readCampaign } from "@mini-crm/cli/drill/campaigns";
import { type System, startSystem } from "@mini-crm/cli/drill/system";
import { type Benchmark, demand, type Finding, leadsFor } from "./measure.ts";

const NUMBERS = 13;
/** What Meta lets a number send in a second without an upgrade. */
const PER_SECOND = 80;
/** How many channels the memory is told of. */
const CHANNELS = 10;
const SPAN = {
  latency: { fromMs: 50, toMs: 250 },
  deliveredAfter: { fromMs: 300, toMs: 2_000 },
  readAfter: { fromMs: 500, toMs: 3_000 },
};
const TEMPLATE = { name: "hello", language: "en_US", parameters: [{ value: "{{name}}" }] };
const SECRETS = { access_token: "token", app_secret: "secret", verify_token: "verify" };
const MOST_MS = 600_000;

export const cloudBenchmark: Benchmark = {
  name: "cloud",
  async run(setup) {
    const { folder, print } = setup;
    const leadsEach = leadsFor(setup, { full: 1_600, smoke: 160 });
    const one = await sendOver(1, leadsEach, join(folder, "one"), print);
    const memory = await sendOver(CHANNELS, leadsEach, join(folder, "ten"), print);
    const several = await sendOver(NUMBERS, leadsEach, join(folder, "several"), print);
    const of = { what: "what Meta lets that many numbers send", unit: "messages/s" } as const;
    return [
      finding("One number, over the Cloud API's twin", one.perSecond, { what: of.what, value: PER_SECOND }, { atLeast: 0.98 }),
      {
        what: `${NUMBERS} numbers side by side, over the Cloud API's twin`,
        unit: of.unit,
        figure: several.perSecond,
        limit: { what: of.what, value: NUMBERS * PER_SECOND },
        budget: { of: "figure", atLeast: 1_000 },
      },
      {
        what: `Memory of the workers with ${CHANNELS} channels that send, at most`,
        unit: "MB",
        figure: memory.workersMb,
        limit: { what: "the same before they send", value: memory.workersMbIdle },
        budget: { of: "figure", atMost: 300 },
      },
    ];
  },
};

function finding(what: string, figure: number, limit: Finding["limit"], { atLeast }: { atLeast: number }): Finding {
  return { what, unit: "messages/s", figure, limit, budget: { of: "ratio", atLeast } };
}

interface Sent {
  perSecond: number;
  workersMbIdle: number;
  workersMb: number;
}

/** Has each of `numbers` numbers send to `leadsEach` people, in a backend and workers of their own. */
async function sendOver(numbers: number, leadsEach: number, folder: string, print: (line: string) => void): Promise<Sent> {
  const ids = Array.from({ length: numbers }, (_, index) => String(500_000_000_000_001 + index));
  const twin = await createTwin({
    file: `${folder}-twin.db`,
    clock: systemClock(),
    seed: 1,
    behaviour: { ...SPAN, readShare: 1 },
    numbers: ids.map((phoneNumberId) => numberOf(phoneNumberId)),
    templates: [
      { ...TEMPLATE, category: "UTILITY", components: [{ type: "BODY", text: "Hello {{1}}, thank you for being with us." }] },
    ],
  });
  // The Node options that `npm start` has.
  const system = await startSystem("two processes", {
    DATA_DIR: folder,
    NODE_OPTIONS: "--max-semi-space-size=32 --max-old-space-size=768",
  });
  try {
    await connect(system, twin, ids);
    const campaigns = await prepare(system, ids, leadsEach);
    const workersMbIdle = memoryOf(system);
    let workersMb = workersMbIdle;
    for (const id of campaigns) await ask("POST", `${system.backendUrl}/api/v1/campaigns/${id}/run`);
    const end = Date.now() + MOST_MS;
    while ((await Promise.all(campaigns.map((id) => readCampaign(system, id)))).some(({ status }) => status !== "COMPLETED")) {
      if (Date.now() > end) throw new Error(`${numbers} numbers did not come to their end`);
      workersMb = Math.max(workersMb, memoryOf(system));
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    demand("Messages sent more than once", twin.controls.sentMoreThanOnce(), 0);
    demand("Messages that left", twin.controls.outbox({ page: 1, limit: 1 }).total, numbers * leadsEach);
    const perSecond = rateOf(twin, numbers * leadsEach);
    print(`${numbers} numbers: ${perSecond.toFixed(1)} messages/s, workers ${workersMb.toFixed(0)} MB`);
    return { perSecond, workersMbIdle, workersMb };
  } finally {
    await system.stop();
    await twin.close();
  }
}

function numberOf(phoneNumberId: string) {
  return {
    phoneNumberId,
    businessAccountId: "600000000000001",
    displayPhoneNumber: "+1 555-010-0000",
    verifiedName: "Bench",
    accessToken: SECRETS.access_token,
    appSecret: SECRETS.app_secret,
    verifyToken: SECRETS.verify_token,
    webhookUrl: null,
    messagesPerSecond: PER_SECOND,
  };
}

async function connect({ backendUrl }: System, twin: Twin, ids: readonly string[]): Promise<void> {
  for (const [index, phone_number_id] of ids.entries()) {
    const cloud = { phone_number_id, business_account_id: "600000000000001", base_url: twin.url, ...SECRETS };
    const channel = { _id: `n${index}`, name: `Number ${index}`, kind: "cloud", messages_per_minute: PER_SECOND * 60, cloud };
    await ask("POST", `${backendUrl}/api/v1/channels`, channel);
    await ask("POST", `${backendUrl}/api/v1/channels/n${index}/templates/sync`, {});
    twin.changeNumber(phone_number_id, { webhookUrl: `${backendUrl}/webhooks/whatsapp/n${index}` });
  }
}

/** Imports the leads of each number, and makes its campaign. */
async function prepare({ backendUrl }: System, ids: readonly string[], leadsEach: number): Promise<string[]> {
  const campaigns: string[] = [];
  for (const index of ids.keys()) {
    const leads = Array.from({ length: leadsEach }, (_, each) => ({
      name: `Lead ${each}`,
      phones: [`+1415${2_000_000 + index * leadsEach + each}`],
      visits: index,
    }));
    await ask("POST", `${backendUrl}/api/v1/leads/bulk`, { leads });
    const rule_ast = {
      type: "comparison",
      operator: "==",
      left: { type: "field", value: "visits" },
      right: { type: "literal", value: index },
    };
    const segment = await ask<{ _id: string }>("POST", `${backendUrl}/api/v1/segments`, { name: `Those of ${index}`, rule_ast });
    const campaign = await ask<{ _id: string }>("POST", `${backendUrl}/api/v1/campaigns`, {
      name: `Over ${index}`,
      segment_id: segment._id,
      channel_id: `n${index}`,
      message_template: "Hello {{name}}",
      template: TEMPLATE,
    });
    campaigns.push(campaign._id);
  }
  return campaigns;
}

/** Resident memory of the workers' process, in MB. */
function memoryOf({ processes: { workers } }: System): number {
  const status = readFileSync(`/proc/${workers?.process.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024;
}

/** How fast it went while all numbers sent, without their first second, in which every limit has all its room. */
function rateOf(twin: Twin, messages: number): number {
  const times = new Map<string | null, number[]>();
  const all: number[] = [];
  for (let page = 1; all.length < messages; page += 1) {
    for (const { line, at } of twin.controls.outbox({ page, limit: 1_000 }).items) {
      all.push(at);
      times.set(line, [...(times.get(line) ?? []), at]);
    }
  }
  const from = Math.max(...Array.from(times.values(), ([first = 0]) => first)) + SECOND_MS;
  const to = Math.min(...Array.from(times.values(), (own) => own.at(-1) ?? 0));
  // Whole seconds, because limits by the second let go in bursts.
  const seconds = Math.floor((to - from) / SECOND_MS);
  return all.filter((at) => at >= from && at < from + seconds * SECOND_MS).length / seconds;
}

const SECOND_MS = 1_000;
