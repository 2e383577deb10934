/** Owns the step `hear`: what people write is kept, ends or renews their consent, and counts for the campaign that it answers. */
import type { NewActivity } from "@mini-crm/core/activity/activity";
import type { VariantReactions } from "@mini-crm/core/campaign/compare-variants";
import { variantOf } from "@mini-crm/core/campaign/variant";
import type { Input, Stepped } from "@mini-crm/core/event/raised";
import type { InboundEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import { afterWish } from "@mini-crm/core/lead/heed-wishes";
import type { Lead } from "@mini-crm/core/lead/lead";
import { isE164 } from "@mini-crm/core/lead/phone";
import type { Wish } from "@mini-crm/core/lead/stop-words";
import { leadOfStranger } from "@mini-crm/core/lead/stranger";
import {
  ANSWER_WINDOW_MS,
  afterAnswer,
  answeredMessage,
  type InboundMessage,
  type Reaction,
  wishOf,
} from "@mini-crm/core/message/inbound";
import { messageId } from "@mini-crm/core/message/message";
import type { StepResult } from "@mini-crm/core/ports/steps";
import { noteActivities } from "./activity.ts";
import { type HeardFrom, noteTexts } from "./contacts.ts";
import { variantsOf } from "./counters.ts";
import type { CampaignReactionDocument, InboundMessageDocument, MessageDocument } from "./documents.ts";
import { leadOf, writeLeads } from "./lead-documents.ts";
import { addLead } from "./leads.ts";
import { LEADS, lock } from "./locks.ts";
import type { Tables } from "./tables.ts";

/** What a batch of texts meets, read before and changed in memory; written once at the end. */
interface Hearing {
  now: Instant;
  /** The identifiers of the texts that are known, those of this batch as well. */
  known: Set<string>;
  /** Of each number, oldest first. */
  leads: Map<string, string[]>;
  leadById: Map<string, Lead>;
  /** The channels where whoever writes becomes a lead. */
  welcoming: Set<string>;
  /** Of each channel, the messages that may be answered, by their lead. */
  messages: Map<string, Map<string, MessageDocument[]>>;
  changedLeads: Set<string>;
  answered: Set<MessageDocument>;
  reactions: { message: MessageDocument; reaction: Reaction }[];
  /** Those of this batch that have not been written yet. */
  texts: InboundMessageDocument[];
  contacts: HeardFrom[];
  activities: NewActivity[];
}

export async function hear(
  tables: Tables,
  newId: () => string,
  { texts, now }: Input<"hear">,
): Promise<Stepped<StepResult<"hear">>> {
  // Whoever brings a new lead with the number at the same moment must see the wish, or be seen here.
  if (texts.some((text) => wishOf(text) !== null)) await lock(tables, LEADS);
  const hearing = await look(tables, texts, now);
  const result = { heard: 0, opted_out: 0 };
  for (const text of texts) {
    if (hearing.known.has(text.provider_id)) continue;
    hearing.known.add(text.provider_id);
    result.heard += 1;
    await welcome(tables, newId, hearing, text);
    result.opted_out += hearOne(hearing, text);
  }
  await writeTexts(tables, hearing);
  await noteTexts(tables, hearing.contacts);
  await writeLeads(
    tables,
    [...hearing.changedLeads].flatMap((id) => hearing.leadById.get(id) ?? []),
  );
  await writeReactions(tables, hearing);
  await noteActivities(tables, hearing.activities);
  return { result, raised: [] };
}

async function look(tables: Tables, texts: readonly InboundEvent[], now: Instant): Promise<Hearing> {
  const [ids, phones] = [texts.map(({ provider_id }) => provider_id), new Set(texts.map(({ from }) => from))];
  const known = await tables.inbound_message.find({ _id: { $in: ids } }, { projection: { _id: 1 } });
  // Sorted here: a planner that is asked for an order may go through all leads in it.
  const found = (await tables.lead.find({ phones: { $in: [...phones] } })).sort((a, b) => (a._id < b._id ? -1 : 1));
  const leads = new Map<string, string[]>();
  for (const { _id, phones: own } of found) {
    for (const phone of own) if (phones.has(phone)) leads.set(phone, [...(leads.get(phone) ?? []), _id]);
  }
  const since = texts.reduce((earliest, { at }) => Math.min(earliest, at), now) - ANSWER_WINDOW_MS;
  const leadIds = found.map(({ _id }) => _id);
  return {
    now,
    known: new Set(known.map(({ _id }) => _id)),
    leads,
    leadById: new Map(found.map((document) => [document._id, leadOf(document)])),
    welcoming: leads.size === phones.size ? new Set() : await welcomingChannels(tables),
    messages: await messagesSince(tables, since, leadIds),
    changedLeads: new Set(),
    answered: new Set(),
    reactions: [],
    texts: [],
    contacts: [],
    activities: [],
  };
}

async function welcomingChannels(tables: Tables): Promise<Set<string>> {
  const channels = await tables.channel.find({ creates_leads: true }, { projection: { _id: 1 } });
  return new Set(channels.map(({ _id }) => _id));
}

/** The messages to the leads of the campaigns that may have sent anything since, by channel and lead. There are few of these. */
async function messagesSince(tables: Tables, since: Instant, leadIds: readonly string[]): Promise<Hearing["messages"]> {
  const channels: Hearing["messages"] = new Map();
  if (leadIds.length === 0) return channels;
  const campaigns = await tables.campaign.find(
    { started_at: { $ne: null }, $or: [{ completed_at: null }, { completed_at: { $gte: since } }] },
    { projection: { channel_id: 1 } },
  );
  for (const { _id: campaignId, channel_id } of campaigns) {
    const messages = await tables.message.find(
      { _id: { $in: leadIds.map((leadId) => messageId(campaignId, leadId)) } },
      { projection: { campaign_id: 1, lead_id: 1, status: 1, sending_at: 1, replied_at: 1, opted_out_at: 1 } },
    );
    const ofChannel = channels.get(channel_id) ?? new Map<string, MessageDocument[]>();
    channels.set(channel_id, ofChannel);
    for (const message of messages) ofChannel.set(message.lead_id, [...(ofChannel.get(message.lead_id) ?? []), message]);
  }
  return channels;
}

/** Adds the sender of a new text as a lead, where nobody has their number and the channel says so. */
async function welcome(tables: Tables, newId: () => string, hearing: Hearing, event: InboundEvent): Promise<void> {
  const { channel_id, from } = event;
  if (hearing.leads.has(from) || !hearing.welcoming.has(channel_id)) return;
  const input = leadOfStranger(event, wishOf(event));
  if (input === null) return;
  // What they have asked for in this batch counts for the new lead.
  await writeTexts(tables, hearing);
  const { lead } = await addLead(tables, newId, input, hearing.now);
  hearing.leads.set(from, [lead._id]);
  hearing.leadById.set(lead._id, lead);
}

async function writeTexts(tables: Tables, hearing: Hearing): Promise<void> {
  await tables.inbound_message.insert(hearing.texts);
  hearing.texts = [];
}

/** Takes in one new text; answers how many leads it has opted out. */
function hearOne(hearing: Hearing, event: InboundEvent): number {
  const { now } = hearing;
  const { provider_id: _id, channel_id, from, user_id = null, name, text, at } = event;
  const wish = wishOf(event);
  if (isE164(from))
    hearing.contacts.push({ channel_id, phone: from, user_id, last_text_at: (event.wish ?? null) === null ? at : null });
  const leadIds = hearing.leads.get(from) ?? [];
  const ofChannel = hearing.messages.get(channel_id);
  const answered = answeredMessage(
    leadIds.flatMap((id) => ofChannel?.get(id) ?? []),
    at,
  );
  const [lead_id = null, campaign_id] = [leadIds[0], answered?.campaign_id ?? null];
  hearing.texts.push({ _id, channel_id, phone: from, name, lead_id, text, wish, campaign_id, at, received_at: now });
  const heard = { channel_id, from, name, text };
  hearing.activities.push({ at: now, kind: "message.received", subject: lead_id, data: heard });
  if (answered !== null) react(hearing, answered, wish, Math.min(at, now));
  return wish === null ? 0 : applyWish(hearing, leadIds, wish, at);
}

/** Notes on a message that it was answered, and that the answer was a stop; each counts once for its campaign. */
function react(hearing: Hearing, message: MessageDocument, wish: Wish | null, at: Instant): void {
  const { first, ...times } = afterAnswer(message, wish, at);
  Object.assign(message, times);
  hearing.answered.add(message);
  for (const reaction of first) hearing.reactions.push({ message, reaction });
}

/** Changes the consent of everybody with the number; answers how many are opted out now and were not before. */
function applyWish(hearing: Hearing, leadIds: readonly string[], wish: Wish, at: Instant): number {
  const { now, leadById } = hearing;
  let optedOut = 0;
  for (const id of leadIds) {
    const known = leadById.get(id);
    const changed = known === undefined ? null : afterWish(known, wish, { at, now });
    if (changed === null) continue;
    leadById.set(id, changed.lead);
    hearing.changedLeads.add(id);
    if (!changed.optedOut) continue;
    const { source } = changed.lead.consent;
    hearing.activities.push({ at: now, kind: "lead.opted_out", subject: id, data: { source } });
    optedOut += 1;
  }
  return optedOut;
}

async function writeReactions(tables: Tables, { answered, reactions }: Hearing): Promise<void> {
  await tables.message.write(
    [...answered].map(({ _id, replied_at = null, opted_out_at = null }) => ({
      updateOne: { filter: { _id }, update: { $set: { replied_at, opted_out_at } } },
    })),
  );
  const counts = new Map<string, CampaignReactionDocument>();
  for (const [campaign_id, ofCampaign] of Map.groupBy(reactions, ({ message }) => message.campaign_id)) {
    const variants = await variantsOf(tables, campaign_id);
    for (const { message, reaction } of ofCampaign) {
      const variant = variantOf(variants, message._id);
      const _id = `${campaign_id} ${variant} ${reaction}`;
      const messages = (counts.get(_id)?.messages ?? 0) + 1;
      counts.set(_id, { _id, campaign_id, variant, reaction, messages });
    }
  }
  await tables.campaign_reaction.write(
    [...counts.values()].map(({ _id, messages, ...place }) => ({
      updateOne: { filter: { _id }, update: { $inc: { messages }, $setOnInsert: place }, upsert: true },
    })),
  );
}

export async function inboundOfLead(tables: Tables, leadId: string, limit: number): Promise<InboundMessage[]> {
  const lead = await tables.lead.one({ _id: leadId }, { projection: { phones: 1 } });
  const newest = { sort: { at: -1, _id: -1 }, limit } as const;
  // Asked apart, because each has an index that is in this order.
  const texts = [
    ...(await tables.inbound_message.find({ lead_id: leadId }, newest)),
    ...(await tables.inbound_message.find({ phone: { $in: lead?.phones ?? [] } }, newest)),
  ];
  const once = new Map(texts.map((text) => [text._id, text]));
  return [...once.values()].sort((a, b) => b.at - a.at || (a._id < b._id ? 1 : -1)).slice(0, limit);
}

/** The reactions to a campaign by variant, in their order; variants without any are left out. */
export async function reactionsOf(tables: Tables, campaignId: string): Promise<VariantReactions[]> {
  const found = await tables.campaign_reaction.find({ campaign_id: campaignId }, { sort: { variant: 1 } });
  const reactions = new Map<number, VariantReactions>();
  for (const { variant, reaction, messages } of found) {
    const counted = reactions.get(variant) ?? { variant, replied: 0, opted_out: 0 };
    reactions.set(variant, { ...counted, [reaction]: messages });
  }
  return [...reactions.values()];
}
