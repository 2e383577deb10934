/** Owns the benchmark of the ledger: pages and counts of a campaign with a million messages, against the same rows by their keys. */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { type Connection, openConnection } from "@mini-crm/adapters/sqlite/connection";
import { openDatabase } from "@mini-crm/adapters/sqlite/database";
import { sqliteStore } from "@mini-crm/adapters/sqlite/store";
import { differencesOf } from "@mini-crm/core/campaign/audit";
import { draft, NOW, startOf } from "@mini-crm/core/contracts/samples";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { Step } from "@mini-crm/core/ports/steps";
import type { MessageFilter, PageRequest, Store } from "@mini-crm/core/ports/store";
import { databaseOf } from "./leads.ts";
import { type Benchmark, demand, type Finding, leadsFor, percentile, type Setup, timed } from "./measure.ts";

const LEADS_PER_WINDOW = 20_000;
const MESSAGES_PER_PAGE = 50;
const REPETITIONS = { full: 200, smoke: 5 };
const MOST_MS = 50;

export const ledgerBenchmark: Benchmark = {
  name: "ledger",
  async run(setup) {
    const messages = leadsFor(setup, { full: 1_000_000, smoke: 20_000 });
    const file = join(setup.folder, "ledger.db");
    await copyFile(await databaseOf(messages, setup), file);
    const store = sqliteStore(await openDatabase(file));
    const raw = openConnection(file, "read-write");
    const campaignId = await expandAll(store, messages);
    settleAll(raw, campaignId);
    setup.print(`counted every row in ${Math.round(await timed(() => demandEquality(store, campaignId)))} ms`);

    const findings: Finding[] = [];
    for (const [what, request] of Object.entries(await pagesOf(store, campaignId, messages))) {
      findings.push(await measurePage(setup, store, raw, campaignId, what, request));
    }
    findings.push(await measureCounts(setup, store, raw, campaignId));
    raw.close();
    await store.close();
    return findings;
  },
};

/** A campaign to everybody, its audience written down as the product does it. */
async function expandAll(store: Store, messages: number): Promise<string> {
  const campaign = draft();
  await store.campaigns.create(campaign);
  await store.carryOut([startOf(campaign, { expected: messages })]);
  for (let after: string | null = null; ; ) {
    const step: Step<"expand"> = {
      step: "expand",
      input: { campaign_id: campaign._id, after, leadsPerWindow: LEADS_PER_WINDOW, now: NOW },
    };
    const { raised }: { raised: TopicEvent[] } = await store.carryOut([step]);
    const job = raised.find(({ topic }) => topic === "campaign.jobs");
    if (job?.topic !== "campaign.jobs") return campaign._id;
    after = job.value.after;
  }
}

/** Of a thousand messages, how many stand where. The rare one is rarer still: see `settleAll`. */
const SHARES = [
  { status: "READ", code: null, perMille: 400 },
  { status: "DELIVERED", code: null, perMille: 350 },
  { status: "SENT", code: null, perMille: 100 },
  { status: "FAILED", code: "131026", perMille: 60 },
  { status: "FAILED", code: "131049", perMille: 20 },
  { status: "SKIPPED", code: "blank_variable", perMille: 30 },
] as const;

/** Every so many messages one is UNCERTAIN. */
const RARE_EVERY = 10_000;

/** Scatters the messages over the ledger as if they had been sent; the rest is PENDING. */
function settleAll(raw: Connection, campaignId: string): void {
  let upTo = 0;
  const places = SHARES.map(({ status, code, perMille }) => {
    upTo += perMille;
    return `WHEN draw < ${upTo} THEN '${status} ${code ?? ""}'`;
  });
  raw.transaction(() => {
    raw.db.exec(`
      CREATE TEMP TABLE drawn AS
        SELECT lead_id, CASE WHEN n % ${RARE_EVERY} = 1 THEN 'UNCERTAIN no_answer' ${places.join(" ")} ELSE 'PENDING ' END AS place
        FROM (SELECT lead_id, row_number() OVER (ORDER BY lead_id) AS n, (row_number() OVER (ORDER BY lead_id) * 7919) % 1000 AS draw
              FROM message WHERE campaign_id = '${campaignId}');
      UPDATE message SET status = substr(place, 1, instr(place, ' ') - 1), code = nullif(substr(place, instr(place, ' ') + 1), ''),
          attempt = 1, sending_at = ${NOW}, settled_at = ${NOW}
        FROM drawn WHERE campaign_id = '${campaignId}' AND drawn.lead_id = message.lead_id AND place <> 'PENDING ';
      INSERT INTO message_text SELECT campaign_id, lead_id, 'Hi, thank you for your visit number ' || substr(lead_id, 20)
        FROM message WHERE campaign_id = '${campaignId}' AND status <> 'PENDING';
      DELETE FROM campaign_count WHERE campaign_id = '${campaignId}';
      INSERT INTO campaign_count
        SELECT m.campaign_id, m.status, coalesce(m.code, ''), 0, w.after, count(*) FROM (
            SELECT campaign_id, after, lead(after, 1, 'g') OVER (ORDER BY after) AS up_to FROM message_window
            WHERE campaign_id = '${campaignId}') AS w
          CROSS JOIN message AS m ON m.campaign_id = w.campaign_id AND m.lead_id > w.after AND m.lead_id <= w.up_to
        GROUP BY m.status, m.code, w.after;
      DROP TABLE drawn;`);
  });
}

async function demandEquality(store: Store, campaignId: string): Promise<void> {
  demand("Counters that differ from the rows", differencesOf(await store.messages.audit(campaignId)).length, 0);
}

type Request = PageRequest & MessageFilter;

async function pagesOf(store: Store, campaignId: string, messages: number): Promise<Record<string, Request>> {
  const limit = MESSAGES_PER_PAGE;
  const everything = { limit, status: null, code: null };
  const totalOf = async (filter: MessageFilter): Promise<number> =>
    (await store.messages.ofCampaign(campaignId, { ...filter, page: 1, limit: 1 })).total;
  const rare = { status: "UNCERTAIN", code: null } as const;
  const reason = { status: null, code: "131049" } as const;
  return {
    "the first page": { ...everything, page: 1 },
    "the page in the middle": { ...everything, page: Math.ceil(messages / limit / 2) },
    "the last page": { ...everything, page: Math.ceil(messages / limit) },
    "the last page of a rare status": { ...rare, limit, page: Math.ceil((await totalOf(rare)) / limit) },
    "a late page of one reason": { ...reason, limit, page: Math.ceil(((await totalOf(reason)) / limit) * 0.9) },
  };
}

async function measurePage(
  { scale }: Setup,
  store: Store,
  raw: Connection,
  campaignId: string,
  what: string,
  request: Request,
): Promise<Finding> {
  const { items } = await store.messages.ofCampaign(campaignId, request);
  if (items.length === 0) throw new Error(`${what} is empty`);
  const keys = JSON.stringify(items.map(({ lead_id }) => lead_id));
  const byKey = () =>
    raw.all(
      `SELECT m.*, t.text FROM json_each(?) AS asked CROSS JOIN message AS m ON m.campaign_id = ? AND m.lead_id = asked.value
       LEFT JOIN message_text AS t ON t.campaign_id = m.campaign_id AND t.lead_id = m.lead_id`,
      keys,
      campaignId,
    );
  demand("Rows by their keys", byKey().length, items.length);
  const figure = await p95(REPETITIONS[scale], () => store.messages.ofCampaign(campaignId, request));
  const limit = { what: "p95 of the same rows by their primary keys", value: await p95(REPETITIONS[scale], byKey) };
  return { what: `Ledger, ${what}, p95`, unit: "ms", figure, limit, budget: { of: "figure", atMost: MOST_MS } };
}

async function measureCounts({ scale }: Setup, store: Store, raw: Connection, campaignId: string): Promise<Finding> {
  const bare = () => raw.all("SELECT * FROM campaign_count WHERE campaign_id = ?", campaignId);
  const figure = await p95(REPETITIONS[scale], async () => {
    await store.campaigns.read(campaignId);
    await store.messages.counts(campaignId);
  });
  const limit = { what: "p95 of reading the counters", value: await p95(REPETITIONS[scale], bare) };
  return { what: "Ledger, its counts, p95", unit: "ms", figure, limit, budget: { of: "figure", atMost: MOST_MS } };
}

async function p95(times: number, work: () => unknown): Promise<number> {
  const took: number[] = [];
  for (let time = 0; time < times; time += 1) took.push(await timed(work));
  return percentile(took, 0.95);
}
