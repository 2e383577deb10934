/** Owns what several end-to-end tests do with a running system: import leads, run a campaign on all of them, read its ledger. */
import { call, type System } from "./system.ts";

const EVERYBODY = { type: "comparison", operator: "EXISTS", left: { type: "field", value: "name" } };

export interface Stats {
  audience: number;
  sent: number;
  delivered: number;
  failed: number;
  skipped: number;
  uncertain: number;
  cancelled: number;
  pending: number;
}

export interface CampaignView {
  status: string;
  stats: Stats;
}

export async function importLeads({ backendUrl }: System, count: number): Promise<void> {
  for (let first = 0; first < count; first += 10_000) {
    const leads = Array.from({ length: Math.min(10_000, count - first) }, (_, index) => ({
      name: `Lead ${first + index}`,
      phones: [`+1415${String(2_000_000 + first + index)}`],
      total_spend: index,
    }));
    const answer = await call("POST", `${backendUrl}/api/v1/leads/bulk`, { leads });
    if (answer.status !== 200) throw new Error(`The import was refused: ${JSON.stringify(answer.body)}`);
  }
}

/** Creates a campaign to everybody and runs it; answers its identifier. */
export async function runCampaign({ backendUrl }: System): Promise<string> {
  const api = `${backendUrl}/api/v1`;
  const segment = await call<{ data: { _id: string } }>("POST", `${api}/segments`, { name: "Everybody", rule_ast: EVERYBODY });
  const campaign = await call<{ data: { _id: string } }>("POST", `${api}/campaigns`, {
    name: "To everybody",
    segment_id: segment.body.data._id,
    message_template: "Hi {{name}}!",
  });
  const id = campaign.body.data._id;
  const run = await call("POST", `${api}/campaigns/${id}/run`);
  if (run.status !== 200) throw new Error(`The campaign was not run: ${JSON.stringify(run.body)}`);
  return id;
}

export async function readCampaign({ backendUrl }: Pick<System, "backendUrl">, id: string): Promise<CampaignView> {
  return (await call<{ data: CampaignView }>("GET", `${backendUrl}/api/v1/campaigns/${id}`)).body.data;
}

/** The status of every message of a campaign by the message's identifier, read page by page. */
export async function readMessages({ backendUrl }: System, campaignId: string): Promise<Map<string, string>> {
  const statuses = new Map<string, string>();
  for (let page = 1; ; page += 1) {
    const { body } = await call<{ data: { deliveryLogs: { _id: string; status: string }[] } }>(
      "GET",
      `${backendUrl}/api/v1/delivery/campaign/${campaignId}?page=${page}&limit=200`,
    );
    for (const { _id, status } of body.data.deliveryLogs) statuses.set(_id, status);
    if (body.data.deliveryLogs.length < 200) return statuses;
  }
}

/** What the simulated WhatsApp has really sent: message identifiers, and how many of them more than once. */
export async function readOutbox({ workersUrl }: System): Promise<{ ids: string[]; sentMoreThanOnce: number }> {
  const ids: string[] = [];
  for (let page = 1; ; page += 1) {
    const { body } = await call<{ data: { messages: { message_id: string }[]; sent_more_than_once: number } }>(
      "GET",
      `${workersUrl}/simulator/outbox?page=${page}&limit=1000`,
    );
    ids.push(...body.data.messages.map(({ message_id }) => message_id));
    if (body.data.messages.length < 1000) return { ids, sentMoreThanOnce: body.data.sent_more_than_once };
  }
}
