/** Owns the benchmarks of leads on MongoDB: import, counts and audiences through the store, beside the driver on the same indexes. */
import { type MongoDatabase, openMongo } from "@mini-crm/adapters/mongo/database";
import type { LeadDocument, MessageDocument } from "@mini-crm/adapters/mongo/documents";
import { leadDocument } from "@mini-crm/adapters/mongo/lead-documents";
import { mongoStore } from "@mini-crm/adapters/mongo/store";
import { systemClock } from "@mini-crm/adapters/system-clock/system-clock";
import { draft, NOW, startOf } from "@mini-crm/core/contracts/samples";
import type { CampaignJob } from "@mini-crm/core/event/topics";
import type { Store } from "@mini-crm/core/ports/store";
import { type Intake, openIntake } from "@mini-crm/runtime/intake";
import { ownEngines } from "@mini-crm/runtime/own-engines";
import type { Filter } from "mongodb";
import { COUNTS } from "./counts.ts";
import { pendingMessages } from "./engines-bare.ts";
import type { Comparison, Round } from "./engines-page.ts";
import { bodyOf, LEADS_PER_BODY, leadsOf } from "./leads.ts";
import { demand, type EngineSetup, perSecond, timed } from "./measure.ts";

const LEADS_PER_MESSAGE = 10;
const EXPANSIONS = 3;
const REPETITIONS = 5;

/** Both databases grow side by side, a body at a time; then the counts are taken. */
export async function compareLeads({ mongodbUrl, messages, print }: EngineSetup): Promise<Comparison[]> {
  const leads = messages * LEADS_PER_MESSAGE;
  const [own, ownRaw] = [ownEngines({ MONGODB_URL: mongodbUrl }), ownEngines({ MONGODB_URL: mongodbUrl })];
  const database = await openMongo(own.settings["MONGODB_URL"] ?? "");
  const raw = await openMongo(ownRaw.settings["MONGODB_URL"] ?? "");
  const intake = openIntake();
  try {
    const store = mongoStore(database, systemClock());
    const rounds: Round[] = [];
    for (let start = 0; start < leads; start += LEADS_PER_BODY) {
      const count = Math.min(LEADS_PER_BODY, leads - start);
      rounds.push({ product: await importBody(store, intake, start, count), bare: await insertRaw(raw, start, count) });
    }
    const what = `Import of bodies of 10,000 leads, up to ${leads.toLocaleString("en-US")}`;
    const bare = "the same documents and indexes with `insertMany`";
    print(`imported ${leads} leads`);
    const imported = { what, unit: "leads/s", bare, rounds } as const;
    return [imported, await compareExpansion(store, raw, leads), ...(await compareCounts(store, raw, leads, print))];
  } finally {
    await intake.close();
    await database.close();
    await raw.close();
    await own.remove();
    await ownRaw.remove();
  }
}

/** Answers leads a second, from the body's bytes to what is durable. */
async function importBody(store: Store, intake: Intake, start: number, count: number): Promise<number> {
  const body = bodyOf(start, count);
  const tookMs = await timed(async () => {
    const read = await intake.readLeads(body);
    if (read.kind === "refused") throw new Error(read.problem.message);
    demand("Leads inserted", (await store.leads.import(read.encoded, NOW)).inserted, count);
  });
  return perSecond(count, tookMs);
}

async function insertRaw({ db }: MongoDatabase, start: number, count: number): Promise<number> {
  const documents = leadsOf(start, count).map(leadDocument);
  return perSecond(count, await timed(() => db.collection<LeadDocument>("lead").insertMany(documents, { ordered: false })));
}

const LEADS_PER_WINDOW = 20_000;

/** Audiences of everybody, one after the other; what earlier ones have left grows on both sides. */
async function compareExpansion(store: Store, { db }: MongoDatabase, leads: number): Promise<Comparison> {
  const rounds: Round[] = [];
  for (let round = 0; round < EXPANSIONS; round += 1) {
    const campaign = draft();
    await store.campaigns.create(campaign);
    await store.carryOut([startOf(campaign, { expected: leads })]);
    const product = perSecond(leads, await timed(() => expandAll(store, campaign._id, leads)));
    const messages = pendingMessages(leads);
    const tookMs = await timed(async () => {
      for (let start = 0; start < leads; start += LEADS_PER_WINDOW) {
        const window = messages.slice(start, start + LEADS_PER_WINDOW);
        await db.collection<MessageDocument>("message").insertMany(window, { ordered: false });
      }
    });
    rounds.push({ product, bare: perSecond(leads, tookMs) });
  }
  const what = `Audience of ${leads.toLocaleString("en-US")} written down, in windows of 20,000`;
  return { what, unit: "rows/s", bare: "the same messages with `insertMany`, no lead read", rounds };
}

/** Carries out the steps that the campaign's jobs ask for. */
async function expandAll(store: Store, campaignId: string, leads: number): Promise<void> {
  let written = 0;
  let job: CampaignJob | undefined = { version: 1, campaign_id: campaignId, after: null };
  while (job !== undefined) {
    const expanded = await expandOne(store, job);
    written += expanded.written;
    job = expanded.next;
  }
  demand("Messages written", written, leads);
}

async function expandOne(store: Store, job: CampaignJob): Promise<{ written: number; next: CampaignJob | undefined }> {
  const input = { campaign_id: job.campaign_id, after: job.after, leadsPerWindow: LEADS_PER_WINDOW, now: NOW };
  const { results, raised } = await store.carryOut([{ step: "expand", input }]);
  const next = raised.find((event) => event.topic === "campaign.jobs");
  return { written: results[0].kind === "expanded" ? results[0].written : 0, next: next?.value };
}

/** The least that MongoDB must do for a count that an index answers, and for one that must look into every lead. */
const INDEX_ALONE: Filter<LeadDocument> = { total_spend: { $gt: 1_000 } };
const EVERY_DOCUMENT: Filter<LeadDocument> = { updated_at: { $gt: new Date(0) } };

async function compareCounts(
  store: Store,
  { db }: MongoDatabase,
  leads: number,
  print: EngineSetup["print"],
): Promise<Comparison[]> {
  const collection = db.collection<LeadDocument>("lead");
  const comparisons: Comparison[] = [];
  for (const { what, rule, reads } of COUNTS) {
    print(`${what}: ${await store.segments.count(rule, NOW)} of ${leads} leads`);
    const rounds: Round[] = [];
    for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
      rounds.push({
        product: await timed(() => store.segments.count(rule, NOW)),
        bare: await timed(() => collection.countDocuments(reads === "index" ? INDEX_ALONE : EVERY_DOCUMENT)),
      });
    }
    const bare = reads === "index" ? "`countDocuments` of one index's range" : "`countDocuments` over one field of every lead";
    comparisons.push({ what: `Segment count over ${leads.toLocaleString("en-US")} leads, ${what}`, unit: "ms", bare, rounds });
  }
  return comparisons;
}
