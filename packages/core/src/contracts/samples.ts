/** Owns the small world that contract suites start from: leads, a rule that takes them all, a campaign on it. */
import { type Campaign, type FrozenContent, noMessages } from "../campaign/campaign.ts";
import { NO_CONTENT } from "../campaign/earlier-versions.ts";
import { NO_OPTIONS } from "../campaign/options.ts";
import { freeze } from "../campaign/start-campaign.ts";
import { type Channel, defaultChannel } from "../channel/channel.ts";
import { idSource } from "../id.ts";
import { encodeLeads } from "../lead/encoded-leads.ts";
import type { LeadInput } from "../lead/lead.ts";
import type { Store } from "../ports/store.ts";
import type { Rule } from "../segment/rule.ts";

export const NOW = Date.UTC(2025, 8, 15, 16, 15);
export const EVERYBODY: Rule = {
  type: "comparison",
  operator: "EXISTS",
  left: { type: "field", value: "name" },
};
export const newId = idSource({ now: () => NOW, random: Math.random });

/** `count` leads called `Lead 0`, `Lead 1`, ..., each with a phone of its own. */
export function leadInputs(count: number): LeadInput[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `Lead ${index}`,
    phones: [`+1415555${String(index).padStart(4, "0")}`],
    emails: [`lead${index}@example.com`],
    total_spend: index * 100,
  }));
}

export async function importLeads(store: Store, inputs: readonly LeadInput[], now = NOW) {
  return store.leads.import(encodeLeads(inputs), now);
}

export function draft(fields: Partial<Campaign> = {}): Campaign {
  return {
    _id: newId(),
    name: "Rewards",
    segment_id: newId(),
    channel_id: "default",
    message_template: "Hi {{name}}!",
    options: NO_OPTIONS,
    created_by: "admin",
    status: "DRAFT",
    scheduled_at: null,
    schedule_grace_ms: 0,
    hold: null,
    canary_phase: null,
    frozen: null,
    expected: 0,
    expanded: false,
    counts: noMessages(),
    created_at: NOW,
    updated_at: NOW,
    started_at: null,
    last_sent_at: null,
    completed_at: null,
    ...fields,
  };
}

export function channel(fields: Partial<Channel> = {}): Channel {
  return { ...defaultChannel(NOW), _id: "shop", name: "Shop", ...fields };
}

/** The step that runs a campaign over everybody. */
export function startOf(campaign: Campaign, fields: { rule?: Rule; expected?: number; content?: FrozenContent } = {}) {
  const frozen = freeze(campaign, fields.content ?? NO_CONTENT, fields.rule ?? EVERYBODY, NOW);
  return {
    step: "start",
    input: { campaign_id: campaign._id, seenAt: campaign.updated_at, frozen, expected: fields.expected ?? 0, now: NOW },
  } as const;
}
