/** Owns what is asked of a running system over its API: import leads, run campaigns, read the ledger and WhatsApp's outbox. */
import type { CampaignBody, CampaignJson } from "@mini-crm/wire/campaign";
import type { StatusBreakdown } from "@mini-crm/wire/delivery";
import type { MessageJson } from "@mini-crm/wire/message";
import { call, type System } from "./system.ts";

const EVERYBODY = { type: "comparison", operator: "EXISTS", left: { type: "field", value: "name" } };
const LEADS_PER_CALL = 10_000;

type Backend = Pick<System, "backendUrl">;

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

/** Creates a campaign to everybody, with what `besides` its text it needs, and runs it; answers its identifier. */
export async function runCampaign({ backendUrl }: Backend, besides: Partial<CampaignBody> = {}): Promise<string> {
  const api = `${backendUrl}/api/v1`;
  const segment = await ask<{ _id: string }>("POST", `${api}/segments`, { name: "Everybody", rule_ast: EVERYBODY });
  const campaign = await ask<{ _id: string }>("POST", `${api}/campaigns`, {
    name: "To everybody",
    segment_id: segment._id,
    message_template: "Hi {{name}}!",
    ...besides,
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
