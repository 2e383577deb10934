/** Owns what the doctor looks at, and what it calls wrong. */
import { differencesOf, type LedgerDifference, ledgerCloses } from "@mini-crm/core/campaign/audit";
import { type Campaign, isComplete } from "@mini-crm/core/campaign/campaign";
import { TOPICS } from "@mini-crm/core/event/topics";
import type { Store } from "@mini-crm/core/ports/store";
import type { EnginesToRead } from "@mini-crm/runtime/engines";

/** One look: what was looked at, what there is, and what is wrong with it. */
export interface Finding {
  look: string;
  found: string;
  problems: string[];
}

interface Examined extends EnginesToRead {
  /** How long sent messages are waited for. */
  receiptWindowMs: number;
}

const MOST_TOLD = 20;
const LEADS_SAMPLED = 20_000;
const CAMPAIGNS_PER_PAGE = 100;
/** What workers put right by themselves, they have put right within this time. */
const PATIENCE_MS = 60_000;
/** A process that has given no sign of life for so long does not run. */
const SIGN_OF_LIFE_MS = 10_000;
/** What seems to be stuck is looked at again after this time, in which workers look at everything a few times. */
const SECOND_LOOK_AFTER_MS = 3_000;

/** Looks at everything; at nothing else where the data itself is not whole, because then nothing else can be told. */
export async function examine(engines: Examined): Promise<Finding[]> {
  const data = await dataFinding(engines);
  if (data.problems.length > 0) return [data];
  const workersRun = await doWorkersRun(engines);
  return [
    data,
    await leadsFinding(engines),
    await ledgersFinding(engines),
    await processesFinding(engines),
    await claimsFinding(engines, workersRun),
    await campaignsFinding(engines, workersRun),
    await deadLettersFinding(engines),
    await lagFinding(engines),
  ];
}

async function dataFinding({ store }: Examined): Promise<Finding> {
  const problems = await store.checks.integrity(MOST_TOLD);
  return { look: "data", found: problems.length === 0 ? "whole, and of this version" : "not whole", problems };
}

async function leadsFinding({ store }: Examined): Promise<Finding> {
  const { total, counted, looked, problems } = await store.checks.leads(LEADS_SAMPLED);
  const miscounted = total === counted ? [] : [`${total} leads are shown as the total, and there are ${counted}`];
  return {
    look: "leads",
    found: `${amount(counted)}, of which ${amount(looked)} were looked up by all that they have`,
    problems: [...miscounted, ...problems],
  };
}

/** Every campaign's ledger closes, and its counters equal its rows. */
async function ledgersFinding({ store }: Examined): Promise<Finding> {
  const problems: string[] = [];
  let campaigns = 0;
  let messages = 0;
  for await (const campaign of allCampaigns(store)) {
    campaigns += 1;
    const audit = await store.messages.audit(campaign._id);
    for (const { messages: counted } of audit.rows) messages += counted;
    if (!ledgerCloses(campaign)) problems.push(`The ledger of ${nameOf(campaign)} does not close`);
    problems.push(...differencesOf(audit).map((difference) => differenceInWords(campaign, difference)));
  }
  return { look: "ledgers", found: `${amount(campaigns)} campaigns with ${amount(messages)} messages, each counted`, problems };
}

function differenceInWords(campaign: Campaign, { window, status, code, variant, counter, rows }: LedgerDifference): string {
  const why = code === null ? "" : ` for ${code}`;
  const text = variant === 0 ? "" : ` with text ${variant + 1}`;
  const part = window === "" ? "" : `, behind the lead ${window}`;
  return `Of ${nameOf(campaign)}, ${counter} messages are counted as ${status}${why}${text}${part}, and ${rows} rows are`;
}

async function processesFinding({ store, clock }: Examined): Promise<Finding> {
  const now = clock.now();
  const signs = await store.processes.seenSince(now - 86_400_000);
  const seen = signs.map(({ role, _id, seen_at }) => `${role} ${_id} ${seconds(now - seen_at)} ago`);
  return { look: "processes", found: seen.length === 0 ? "none has been seen today" : seen.join(", "), problems: [] };
}

async function doWorkersRun({ store, clock }: Examined): Promise<boolean> {
  return (await store.processes.seenSince(clock.now() - SIGN_OF_LIFE_MS)).some(({ role }) => role === "workers");
}

/** Claims that are over: with workers running somebody should have freed them; the next start does. */
async function claimsFinding({ store, clock }: Examined, workersRun: boolean): Promise<Finding> {
  const now = clock.now();
  const overdue = await store.checks.overdueClaims(now - PATIENCE_MS, MOST_TOLD);
  const stuck = overdue.map(({ worker, campaign_id, messages, until }) => {
    return `${amount(messages)} messages of the campaign ${campaign_id} are held by ${worker}, whose time was over ${seconds(now - until)} ago`;
  });
  return {
    look: "claims",
    found: overdue.length === 0 ? "none is overdue" : `${overdue.length} are overdue${workersRun ? "" : UNTIL_WORKERS_START}`,
    problems: workersRun ? stuck : [],
  };
}

const UNTIL_WORKERS_START = ", until workers are started";

/** Campaigns with nothing left to do that nobody completes. Those that only wait for the next look are not meant. */
async function campaignsFinding(engines: Examined, workersRun: boolean): Promise<Finding> {
  let stuck = await doneButRunning(engines);
  if (stuck.length > 0 && workersRun) {
    await engines.clock.sleep(SECOND_LOOK_AFTER_MS);
    const still = new Set((await doneButRunning(engines)).map(({ _id }) => _id));
    stuck = stuck.filter(({ _id }) => still.has(_id));
  }
  const problems = stuck.map((campaign) => `${nameOf(campaign)} has nothing left to do, and is RUNNING`);
  const found =
    stuck.length === 0 ? "none is stuck" : `${stuck.length} have nothing left to do${workersRun ? "" : UNTIL_WORKERS_START}`;
  return { look: "campaigns", found, problems: workersRun ? problems : [] };
}

async function doneButRunning({ store, clock, receiptWindowMs }: Examined): Promise<Campaign[]> {
  const done: Campaign[] = [];
  for await (const campaign of allCampaigns(store)) {
    if (isComplete(campaign, clock.now() - PATIENCE_MS, receiptWindowMs)) done.push(campaign);
  }
  return done;
}

async function deadLettersFinding({ bus }: Examined): Promise<Finding> {
  const problems: string[] = [];
  for (const topic of TOPICS) {
    for (const { key, reason } of await bus.deadLetters(topic, MOST_TOLD)) {
      problems.push(`An event of ${topic} with the key ${key} was laid aside: ${reason}`);
    }
  }
  return { look: "dead letters", found: problems.length === 0 ? "none" : amount(problems.length), problems };
}

/** What is still to be done is nothing wrong: it is told, so that one can see whether it shrinks. */
async function lagFinding({ bus }: Examined): Promise<Finding> {
  const waiting: string[] = [];
  for (const topic of TOPICS) {
    for (const { group, events } of await bus.lags(topic)) if (events > 0) waiting.push(`${group} ${amount(events)}`);
  }
  return { look: "events that wait", found: waiting.length === 0 ? "none" : waiting.join(", "), problems: [] };
}

async function* allCampaigns(store: Store): AsyncGenerator<Campaign> {
  for (let page = 1; ; page += 1) {
    const { items } = await store.campaigns.list({ page, limit: CAMPAIGNS_PER_PAGE, status: null });
    yield* items;
    if (items.length < CAMPAIGNS_PER_PAGE) return;
  }
}

function nameOf({ _id, name }: Campaign): string {
  return `"${name}" (${_id})`;
}

function amount(value: number): string {
  return value.toLocaleString("en");
}

function seconds(ms: number): string {
  return `${amount(Math.round(ms / 1_000))} s`;
}
