/** Owns what tests ask of a product over its API: people in groups, campaigns to a group, and what became of them. */
import { ask } from "@mini-crm/cli/drill/campaigns";
import type { CampaignBody, CampaignJson } from "@mini-crm/wire/campaign";
import type { LeadJson } from "@mini-crm/wire/lead";
import type { MessageJson } from "@mini-crm/wire/message";
import { expect } from "vitest";
import { eventually, type System } from "./system.ts";

/** A lead with its one number. */
export interface Person {
  _id: string;
  name: string;
  phone: string;
}

/** Calls a path under /api/v1; answers the `data`, rejects where it was refused. */
export type Get = <T>(path: string, method?: string, body?: unknown) => Promise<T>;

export type Product = ReturnType<typeof productOver>;

export function productOf(system: Pick<System, "backendUrl">): Product {
  return productOver((path, method = "GET", body) => ask(method, `${system.backendUrl}/api/v1${path}`, body));
}

export function productOver(get: Get) {
  const campaign = (id: string) => get<CampaignJson>(`/campaigns/${id}`);

  let numbers = 2_000_000;
  /** Makes `count` leads, who are the group of this name. */
  async function people(group: string, count: number): Promise<Person[]> {
    const leads = Array.from({ length: count }, (_, index) => ({
      name: `${group} ${index}`,
      phones: [`+1415${numbers + index}`],
      tags: [group],
    }));
    numbers += count;
    await get("/leads/bulk", "POST", { leads });
    const { leads: made } = await get<{ leads: LeadJson[] }>(`/leads?tag=${group}&limit=200&sort=created_at`);
    return made.map(({ _id, name, phones: [phone = ""] }) => ({ _id, name: name ?? "", phone }));
  }

  /** Creates a campaign to a group and runs it; answers its identifier. */
  async function send(group: string, besides: Partial<CampaignBody> = {}): Promise<string> {
    const rule_ast = {
      type: "comparison",
      operator: "==",
      left: { type: "field", value: "tags" },
      right: { type: "literal", value: group },
    };
    const { _id: segment_id } = await get<{ _id: string }>("/segments", "POST", { name: group, rule_ast });
    const body = { name: group, segment_id, message_template: "Hi {{name}}!", ...besides };
    const { _id } = await get<{ _id: string }>("/campaigns", "POST", body);
    await get(`/campaigns/${_id}/run`, "POST");
    return _id;
  }

  return {
    ...{ get, campaign, people, send },
    lead: (id: string) => get<LeadJson>(`/leads/${id}`),
    messages: async (id: string) =>
      (await get<{ deliveryLogs: MessageJson[] }>(`/delivery/campaign/${id}?limit=200`)).deliveryLogs,
    /** Resolves when the campaign is over, with what is expected of its figures. */
    untilDone: (id: string, stats: object, timeoutMs?: number) =>
      eventually(async () => expect(await campaign(id)).toMatchObject({ status: "COMPLETED", stats }), timeoutMs),
  };
}

export function only(people: readonly Person[], at: number): Person {
  const person = people[at];
  if (person === undefined) throw new Error(`There is nobody at ${at}`);
  return person;
}
