/** Owns sending a test: one of a campaign's texts with a lead's data, to numbers that somebody names or to the lead's own. */

import { unreachable } from "../app-error.ts";
import type { Channel } from "../channel/channel.ts";
import type { Instant } from "../instant.ts";
import type { Lead } from "../lead/lead.ts";
import type { Content } from "../message/content.ts";
import type { DirectMessage } from "../message/direct-message.ts";
import { messageId } from "../message/message.ts";
import { reasonOf } from "../message/reasons.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventBus } from "../ports/event-bus.ts";
import type { Store } from "../ports/store.ts";
import type { Rule } from "../segment/rule.ts";
import { allowedTo } from "./allowed.ts";
import type { Campaign, FrozenContent, FrozenVariant } from "./campaign.ts";
import { contentOf } from "./content.ts";
import { variantOf, variantsOf } from "./variant.ts";
import { type Worded, wordsFor } from "./words.ts";

export interface TestDeps {
  store: Pick<Store, "campaigns" | "leads" | "segments" | "channels" | "templates" | "contacts">;
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
  const optedOut = await optedOutAmong(deps, phones);
  if (optedOut.length > 0) return { kind: "opted_out", phones: optedOut };
  const now = clock.now();
  const checked = await checkedContent(deps, campaign);
  if (!checked.ok) return { kind: "not_rendered", lead_id: lead._id, reason: checked.reason };
  const written = await write(deps, { channel: checked.channel, text, content: checked.content }, lead, phones, now);
  if (!written.ok) return { kind: "not_rendered", lead_id: lead._id, reason: written.reason };

  const common = { ...UNSENT, campaign_id: campaignId, channel_id: campaign.channel_id, lead_id: lead._id, variant: text.name };
  const tests = written.to.map(({ phone, content }): DirectMessage => {
    return { ...common, _id: newId(), phone, content, created_at: now };
  });
  await bus.commit([{ step: "write", input: { messages: tests } }]);
  return { kind: "queued", tests };
}

/** What goes out besides the text: what the start has frozen, else what a start would freeze now. */
async function checkedContent({ store }: TestDeps, campaign: Campaign): ReturnType<typeof contentOf> {
  const checked = await contentOf(store, campaign);
  return checked.ok && campaign.frozen !== null ? { ...checked, content: campaign.frozen.content } : checked;
}

/** What goes to each number: as with the campaign's messages, the template where nothing else may be sent. */
async function write(
  { store }: TestDeps,
  { channel, text, content }: { channel: Channel; text: FrozenVariant; content: FrozenContent },
  lead: Lead,
  phones: readonly string[],
  now: Instant,
): Promise<{ ok: true; to: { phone: string; content: Content }[] } | { ok: false; reason: string }> {
  const allowed = await allowedTo(store.contacts, channel, phones, now);
  const to: { phone: string; content: Content }[] = [];
  for (const phone of phones) {
    const { worded } = wordsFor({ variants: [text], content }, "", lead, now, allowed(phone));
    if (worded.kind !== "content") return { ok: false, reason: whyNot(worded, phone) };
    to.push({ phone, content: worded.content });
  }
  return { ok: true, to };
}

function whyNot(worded: Exclude<Worded, { kind: "content" }>, phone: string): string {
  switch (worded.kind) {
    case "blank":
      return `Nothing is known for {{ ${worded.variable} }}: give it a default, or another \`lead_id\``;
    case "failed":
      return worded.reason;
    case "outside_window":
      return `${phone}: ${reasonOf("outside_window")}`;
    default:
      return unreachable(worded);
  }
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
