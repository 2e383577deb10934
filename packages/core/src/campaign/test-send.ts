/** Owns sending a test: one of a campaign's texts with a lead's data, to numbers that somebody names or to the lead's own. */
import type { Lead } from "../lead/lead.ts";
import type { Content } from "../message/content.ts";
import type { DirectMessage } from "../message/direct-message.ts";
import { messageId } from "../message/message.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventBus } from "../ports/event-bus.ts";
import type { Store } from "../ports/store.ts";
import type { Rule } from "../segment/rule.ts";
import { render, templateOf } from "../template/template.ts";
import type { Campaign } from "./campaign.ts";
import { variantOf, variantsOf } from "./variant.ts";

export interface TestDeps {
  store: Pick<Store, "campaigns" | "leads" | "segments">;
  bus: Pick<EventBus, "commit">;
  clock: Pick<Clock, "now">;
  newId: () => string;
}

export interface TestRequest {
  /** Numbers in E.164; null: the lead's own, so there must be one. */
  to: readonly string[] | null;
  /** Whose data the text shows; null: the first lead of the segment. */
  lead_id: string | null;
  /** The name of the text; null: the one that the lead would be sent. */
  variant: string | null;
}

export type TestSend =
  | { kind: "queued"; tests: DirectMessage[] }
  | { kind: "not_found" }
  | { kind: "lead_not_found"; lead_id: string }
  /** There is nobody in the segment whose data could be shown. */
  | { kind: "nobody" }
  | { kind: "no_phone"; lead_id: string }
  /** These numbers belong to people who don't want messages. */
  | { kind: "opted_out"; phones: string[] }
  | { kind: "unknown_variant"; names: string[] }
  /** The text has a hole for this lead, or cannot be sent: `reason` says why. */
  | { kind: "not_rendered"; lead_id: string; reason: string };

/** Writes the tests down and has them sent, one to each number, whatever the campaign's status. */
export async function sendTest(deps: TestDeps, campaignId: string, { to, lead_id, variant }: TestRequest): Promise<TestSend> {
  const { store, bus, clock, newId } = deps;
  const campaign = await store.campaigns.read(campaignId);
  if (campaign === null) return { kind: "not_found" };
  const lead = lead_id === null ? await firstLead(deps, campaign) : await store.leads.read(lead_id);
  if (lead === null) return lead_id === null ? { kind: "nobody" } : { kind: "lead_not_found", lead_id };
  const [own] = lead.phones;
  if (to === null && own === undefined) return { kind: "no_phone", lead_id: lead._id };
  const phones = [...new Set(to ?? lead.phones.slice(0, 1))];

  const texts = campaign.frozen?.variants ?? variantsOf(campaign);
  const theirs = texts[variantOf(texts, messageId(campaignId, lead._id))];
  const text = variant === null ? theirs : texts.find(({ name }) => name === variant);
  if (text === undefined) return { kind: "unknown_variant", names: texts.map(({ name }) => name) };
  const now = clock.now();
  const rendered = render(templateOf(text.template), lead, now);
  if (rendered.kind !== "text") {
    const reason = rendered.kind === "blank" ? nothingKnownFor(rendered.variable) : rendered.reason;
    return { kind: "not_rendered", lead_id: lead._id, reason };
  }
  const optedOut = await optedOutAmong(deps, phones);
  if (optedOut.length > 0) return { kind: "opted_out", phones: optedOut };

  const { channel_id } = campaign;
  const { media, buttons } = campaign.frozen?.content ?? campaign.options;
  const content: Content = { text: rendered.text, media, buttons, template: null };
  const common = { ...UNSENT, campaign_id: campaignId, channel_id, lead_id: lead._id, variant: text.name, content };
  const tests = phones.map((phone): DirectMessage => ({ ...common, _id: newId(), phone, created_at: now }));
  await bus.commit([{ step: "write", input: { messages: tests } }]);
  return { kind: "queued", tests };
}

function nothingKnownFor(variable: string): string {
  return `Nothing is known for {{ ${variable} }}: give it a default, or another \`lead_id\``;
}

const UNSENT = {
  status: "PENDING",
  code: null,
  reason: null,
  provider_id: null,
  sending_at: null,
  sent_at: null,
  delivered_at: null,
  read_at: null,
} as const;

async function firstLead({ store, clock }: TestDeps, { frozen, segment_id }: Campaign): Promise<Lead | null> {
  const rule = frozen?.rule ?? (await store.segments.read(segment_id))?.rule_ast;
  if (rule === undefined) return null;
  const [first] = await store.segments.sample(rule, 1, clock.now());
  return first ?? null;
}

/** Which of `phones` belong to somebody who has opted out. */
async function optedOutAmong({ store, clock }: TestDeps, phones: readonly string[]): Promise<string[]> {
  const rule: Rule = {
    op: "AND",
    children: [
      {
        type: "comparison",
        operator: "IN",
        left: { type: "field", value: "phones" },
        right: { type: "literal", value: [...phones] },
      },
      {
        type: "comparison",
        operator: "==",
        left: { type: "field", value: "consent" },
        right: { type: "literal", value: "opted_out" },
      },
    ],
  };
  const leads = await store.segments.sample(rule, 100, clock.now());
  return phones.filter((phone) => leads.some((lead) => lead.phones.includes(phone)));
}
