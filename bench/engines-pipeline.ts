/** Owns the benchmark of the whole pipeline on Kafka and MongoDB: real processes, one backend and one, two or three workers. */
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { ask, readCampaign } from "@mini-crm/cli/drill/campaigns";
import { type Part, type System, startSystem } from "@mini-crm/cli/drill/system";
import type { Rule } from "@mini-crm/core/segment/rule";
import { type OwnEngines, ownEngines } from "@mini-crm/runtime/own-engines";
import type { CampaignJson } from "@mini-crm/wire/campaign";
import { runBareOnMongo } from "./engines-bare.ts";
import type { Comparison, Round, Size } from "./engines-page.ts";
import { memoryOf, readStored, sizesOf } from "./engines-sizes.ts";
import { bodyOf, LEADS_PER_BODY } from "./leads.ts";
import { demand, type EngineSetup, perSecond } from "./measure.ts";

const ROUNDS = 3;
const WORKERS: readonly Part[] = ["workers", "second workers", "third workers"];
const PROCESSES = ["one workers process", "two", "three"];
const TEMPLATE = `Hi {{name}}! 🎉 As a valued customer who has spent \${{total_spend}} with us, enjoy this exclusive 25% discount: PREMIUM25. Thank you for {{visits}} visits!`;
const EVERYBODY: Rule = { type: "comparison", operator: "EXISTS", left: { type: "field", value: "name" } };
/** One of a hundred: enough for every process to take its part before time counts. */
const FEW: Rule = {
  type: "comparison",
  operator: ">",
  left: { type: "field", value: "total_spend" },
  right: { type: "literal", value: 1_842 },
};
/** Accepts everything at once, and its answer is all it says of SENT: so each message changes as often as in the bare version. */
const AT_ONCE = { MESSAGES_PER_MINUTE: "0", SIMULATOR_LATENCY_MS: "0", SIMULATOR_DELIVERED_AFTER_MS: "0" };
const SAYS_LITTLE = { sentAfter: null, readShare: 0 };

export async function comparePipeline(setup: EngineSetup): Promise<{ comparisons: Comparison[]; sizes: Size[] }> {
  const rounds = WORKERS.map((): Round[] => []);
  let sizes: Size[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const [index, measured] of rounds.entries()) {
      const run = await runProduct(setup, WORKERS.slice(0, index + 1));
      const bareMs = await runBareOnMongo(setup.mongodbUrl, setup.messages);
      const [product, bare] = [perSecond(setup.messages, run.tookMs), perSecond(setup.messages, bareMs)];
      measured.push({ product, bare });
      setup.print(`round ${round}, workers processes ${index + 1}: ${product.toFixed(0)} messages/s, bare ${bare.toFixed(0)}`);
      sizes = run.sizes;
    }
  }
  const comparisons = rounds.map((measured, index) => ({
    what: `Whole pipeline, run to COMPLETED, one number, ${PROCESSES[index]}`,
    unit: "messages/s" as const,
    bare: "the same documents in bare bulk writes, one after the other",
    rounds: measured,
  }));
  return { comparisons, sizes };
}

/** Answers how many milliseconds the campaign took, and what it left behind. */
async function runProduct(setup: EngineSetup, workers: readonly Part[]): Promise<{ tookMs: number; sizes: Size[] }> {
  const { brokers, mongodbUrl, messages, folder } = setup;
  const engines = ownEngines({ KAFKA_BROKERS: brokers, MONGODB_URL: mongodbUrl });
  const env = { ...AT_ONCE, ...engines.settings, DATA_DIR: await mkdtemp(join(folder, "data-")) };
  try {
    const system = await startSystem("two processes", env);
    try {
      await system.start(workers.filter((part) => part !== "workers"));
      for (const url of system.workersUrls) await ask("PATCH", `${url}/simulator`, SAYS_LITTLE);
      return await measure(system, engines, messages);
    } finally {
      await system.kill();
    }
  } finally {
    await engines.remove();
  }
}

async function measure(system: System, engines: OwnEngines, messages: number): Promise<{ tookMs: number; sizes: Size[] }> {
  await importSamples(system, messages);
  await untilCompleted(system, await createCampaign(system, FEW, "run"));
  const before = await readStored(engines);
  const id = await createCampaign(system, EVERYBODY, "draft");
  const calledAt = Date.now();
  await ask("POST", `${system.backendUrl}/api/v1/campaigns/${id}/run`);
  const campaign = await untilCompleted(system, id);
  const tookMs = Date.parse(campaign.completed_at ?? "") - calledAt;
  demand("Messages delivered", campaign.stats.delivered, messages);
  return { tookMs, sizes: [...sizesOf(before, await readStored(engines), messages), ...memoryOf(system)] };
}

async function importSamples({ backendUrl }: System, leads: number): Promise<void> {
  for (let start = 0; start < leads; start += LEADS_PER_BODY) {
    const body = Buffer.from(bodyOf(start, Math.min(LEADS_PER_BODY, leads - start)));
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${backendUrl}/api/v1/leads/bulk`, { method: "POST", headers, body });
    if (!answer.ok) throw new Error(`The import was answered ${answer.status}: ${await answer.text()}`);
  }
}

async function createCampaign({ backendUrl }: System, rule_ast: Rule, state: "draft" | "run"): Promise<string> {
  const api = `${backendUrl}/api/v1`;
  const segment = await ask<{ _id: string }>("POST", `${api}/segments`, { name: "Bench", rule_ast });
  const text = { name: "Bench", segment_id: segment._id, message_template: TEMPLATE };
  const { _id } = await ask<{ _id: string }>("POST", `${api}/campaigns`, text);
  if (state === "run") await ask("POST", `${api}/campaigns/${_id}/run`);
  return _id;
}

const LOOK_EVERY_MS = 100;
const MOST_WAIT_MS = 300_000;

async function untilCompleted(system: System, id: string): Promise<CampaignJson> {
  const deadline = performance.now() + MOST_WAIT_MS;
  for (;;) {
    const campaign = await readCampaign(system, id);
    if (campaign.status === "COMPLETED") return campaign;
    if (performance.now() > deadline) throw new Error(`The campaign does not complete: ${JSON.stringify(campaign.stats)}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
