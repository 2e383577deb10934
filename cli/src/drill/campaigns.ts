/** Owns what is asked of a running system over its API: import leads, run campaigns, read the ledger and WhatsApp's outbox. */
import type { CampaignJson } from "@mini-crm/wire/campaign";
import type { StatusBreakdown } from "@mini-crm/wire/delivery";
import type { MessageJson } from "@mini-crm/wire/message";
import { call, type System } from "./system.ts";

const EVERYBODY = { type: "comparison", operator: "EXISTS", left: { type: "field", value: "name" } };
const LEADS_PER_CALL = 10_000;

type Backend = Pick<System, "backendUrl">;
type Workers = Pick<System, "workersUrl">;

/** Calls an endpoint and answers the `data` of its body; rejects with what it said where it refused. */
export async function ask<T>(method: string, url: string, body?: unknown): Promise<T> {
  const answer = await call<{ data: T }>(method, url, body);
  if (answer.status >= 300) throw new Error(`${method} ${url} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body.data;
}

export async function importLeads({ backendUrl }: Backend, count: number): Promise<void> {
  for (let first = 0; first < count; first += LEADS_PER_CALL) {
    const leads = Array.from({ length: Math.min(LEADS_PER_CALL, count - first) }, (_, index) => ({
      name: `Lead ${first + index}`,
      phones: [`+1415${String(2_000_000 + first + index)}`],
      total_spend: index,
    }));
    await ask("POST", `${backendUrl}/api/v1/leads/bulk`, { leads });
  }
}

/** Creates a campaign to everybody and runs it; answers its identifier. */
export async function runCampaign({ backendUrl }: Backend): Promise<string> {
  const api = `${backendUrl}/api/v1`;
  const segment = await ask<{ _id: string }>("POST", `${api}/segments`, { name: "Everybody", rule_ast: EVERYBODY });
  const campaign = await ask<{ _id: string }>("POST", `${api}/campaigns`, {
    name: "To everybody",
    segment_id: segment._id,
    message_template: "Hi {{name}}!",
  });
  await ask("POST", `${api}/campaigns/${campaign._id}/run`);
  return campaign._id;
}

export function readCampaign({ backendUrl }: Backend, id: string): Promise<CampaignJson> {
  return ask("GET", `${backendUrl}/api/v1/campaigns/${id}`);
}

/** The newest campaigns, newest first: more of them than ever run at once. */
export function newestCampaigns({ backendUrl }: Backend): Promise<CampaignJson[]> {
  return ask("GET", `${backendUrl}/api/v1/campaigns?limit=50`);
}

/** Every campaign that was run, oldest first. */
export async function campaignsThatRan({ backendUrl }: Backend): Promise<CampaignJson[]> {
  const campaigns: CampaignJson[] = [];
  for (let page = 1; ; page += 1) {
    const some = await ask<CampaignJson[]>("GET", `${backendUrl}/api/v1/campaigns?limit=200&page=${page}`);
    campaigns.unshift(...some.filter(({ status }) => status !== "DRAFT").reverse());
    if (some.length < 200) return campaigns;
  }
}

interface DeliveryPage {
  statusBreakdown: StatusBreakdown;
  deliveryLogs: MessageJson[];
}

/** A campaign's counters and its rows, read page by page. */
export async function readLedger(
  { backendUrl }: Backend,
  id: string,
): Promise<{ counters: StatusBreakdown; rows: MessageJson[] }> {
  const rows: MessageJson[] = [];
  for (let page = 1; ; page += 1) {
    const url = `${backendUrl}/api/v1/delivery/campaign/${id}?page=${page}&limit=200`;
    const { statusBreakdown, deliveryLogs } = await ask<DeliveryPage>("GET", url);
    rows.push(...deliveryLogs);
    if (deliveryLogs.length < 200) return { counters: statusBreakdown, rows };
  }
}

/** A message that really left, as the simulated WhatsApp tells it. */
export interface Departed {
  message_id: string;
  to: string;
  text: string;
  /** When its sender gave it to WhatsApp, ISO 8601: what becomes of it from there on is in nobody's hands. */
  handed_over_at: string;
  /** When it left. */
  at: string;
  /** What has happened to it so far. */
  receipts: { status: "FAILED" | "DELIVERED" | "READ" }[];
}

interface OutboxPage {
  messages: Departed[];
  pagination: { total: number };
  sent_more_than_once: number;
}

/** Everything that has really left, in its order, and how many messages of it more than once, as the simulator counts it. */
export async function readOutbox({ workersUrl }: Workers): Promise<{ departed: Departed[]; sentMoreThanOnce: number }> {
  const departed: Departed[] = [];
  for (let page = 1; ; page += 1) {
    const url = `${workersUrl}/simulator/outbox?page=${page}&limit=1000`;
    const { messages, sent_more_than_once } = await ask<OutboxPage>("GET", url);
    departed.push(...messages);
    if (messages.length < 1000) return { departed, sentMoreThanOnce: sent_more_than_once };
  }
}

/** How many messages have left so far. */
export async function countDeparted({ workersUrl }: Workers): Promise<number> {
  return (await ask<OutboxPage>("GET", `${workersUrl}/simulator/outbox?limit=1`)).pagination.total;
}
