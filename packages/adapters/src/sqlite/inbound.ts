/** Owns the step `hear`: what people write is kept, ends or renews their consent, and counts for the campaign that it answers. */
import type { VariantReactions } from "@mini-crm/core/campaign/compare-variants";
import { variantOf } from "@mini-crm/core/campaign/variant";
import type { Input, Stepped } from "@mini-crm/core/event/raised";
import type { InboundEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import { afterWish } from "@mini-crm/core/lead/heed-wishes";
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
import { type Message, messageId } from "@mini-crm/core/message/message";
import type { StepResult } from "@mini-crm/core/ports/steps";
import { noteActivity } from "./activity.ts";
import { readChannel } from "./channels.ts";
import { type Connection, number, type Row, text, textOrNull } from "./connection.ts";
import { noteSenders } from "./contacts.ts";
import { variantsOf } from "./counters.ts";
import { leadColumns, leadOf, writeLead } from "./lead-rows.ts";
import { importAll } from "./leads.ts";
import { messageOf } from "./message-rows.ts";

export function inboundVerbs(connection: Connection) {
  return {
    inboundOfLead: (leadId: string, limit: number): InboundMessage[] =>
      connection
        .all(
          `SELECT * FROM inbound_message
           WHERE lead_id = ?1 OR phone IN (SELECT value FROM lead, json_each(lead.phones) WHERE lead._id = ?1)
           ORDER BY at DESC, _id DESC LIMIT ?2`,
          leadId,
          limit,
        )
        .map(inboundOf),
    reactionsOf: (campaignId: string): VariantReactions[] => reactionsOf(connection, campaignId),
  };
}

export function hear(connection: Connection, { texts, now }: Input<"hear">, newId: () => string): Stepped<StepResult<"hear">> {
  const result = { heard: 0, opted_out: 0 };
  const written: InboundEvent[] = [];
  const since = texts.reduce((earliest, { at }) => Math.min(earliest, at), now) - ANSWER_WINDOW_MS;
  const campaigns = campaignsSendingSince(connection, since);

  for (const event of texts) {
    const wish = wishOf(event);
    const known = leadsWithPhone(connection, event.from);
    const leadIds = known.length > 0 ? known : addStranger(connection, event, wish, newId, now);
    const answered = messageAnswered(connection, event, leadIds, campaigns);
    if (!keep(connection, event, { wish, leadId: leadIds[0] ?? null, campaignId: answered?.campaign_id ?? null, now })) continue;
    result.heard += 1;
    written.push(event);
    const { channel_id, from, name } = event;
    const heard = { channel_id, from, name, text: event.text };
    noteActivity(connection, { at: now, kind: "message.received", subject: leadIds[0] ?? null, data: heard });
    if (wish !== null) result.opted_out += applyWish(connection, leadIds, wish, event.at, now);
    if (answered !== null) noteReactions(connection, answered, wish, Math.min(event.at, now));
  }
  noteSenders(connection, written);
  return { result, raised: [] };
}

/** Oldest first: identifiers rise with time. */
function leadsWithPhone(connection: Connection, phone: string): string[] {
  const rows = connection.all("SELECT lead_id FROM lead_contact WHERE kind = 'phone' AND value = ? ORDER BY lead_id", phone);
  return rows.map((row) => text(row, "lead_id"));
}

/** Makes a lead of somebody unknown, where their channel does; nobody by a text that had been written down before. */
function addStranger(
  connection: Connection,
  event: InboundEvent,
  wish: Wish | null,
  newId: () => string,
  now: Instant,
): string[] {
  const lead = leadOfStranger(event, wish);
  if (lead === null || readChannel(connection, event.channel_id)?.creates_leads !== true) return [];
  const isKnown = connection.get("SELECT 1 AS one FROM inbound_message WHERE _id = ?", event.provider_id) !== undefined;
  return isKnown ? [] : [importAll(connection, [lead], newId, now).lastId];
}

/** Writes a text down; false where that had been done, by an earlier batch or in this one. */
function keep(
  connection: Connection,
  event: InboundEvent,
  found: { wish: Wish | null; leadId: string | null; campaignId: string | null; now: Instant },
): boolean {
  const written = connection.run(
    `INSERT INTO inbound_message (_id, channel_id, phone, name, lead_id, text, wish, campaign_id, at, received_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (_id) DO NOTHING`,
    event.provider_id,
    event.channel_id,
    event.from,
    event.name,
    found.leadId,
    event.text,
    found.wish,
    found.campaignId,
    event.at,
    found.now,
  );
  return written === 1;
}

/** Changes the consent of everybody with the number; answers how many are opted out now and were not before. */
function applyWish(connection: Connection, leadIds: readonly string[], wish: Wish, at: Instant, now: Instant): number {
  let optedOut = 0;
  for (const id of leadIds) {
    const row = connection.get(`SELECT ${leadColumns("lead")} FROM lead WHERE _id = ?`, id);
    if (row === undefined) continue;
    const changed = afterWish(leadOf(row), wish, { at, now });
    if (changed === null) continue;
    writeLead(connection, changed.lead);
    if (!changed.optedOut) continue;
    noteActivity(connection, { at: now, kind: "lead.opted_out", subject: id, data: { source: changed.lead.consent.source } });
    optedOut += 1;
  }
  return optedOut;
}

interface SendingCampaign {
  _id: string;
  channelId: string;
}

/** The campaigns that may have sent anything since; there are few, so that each text only looks at these. */
function campaignsSendingSince(connection: Connection, since: Instant): SendingCampaign[] {
  const rows = connection.all(
    "SELECT _id, channel_id FROM campaign WHERE started_at IS NOT NULL AND (completed_at IS NULL OR completed_at >= ?)",
    since,
  );
  return rows.map((row) => ({ _id: text(row, "_id"), channelId: text(row, "channel_id") }));
}

/** The message that a text answers, of those from its channel to any of the leads. */
function messageAnswered(
  connection: Connection,
  { channel_id, at }: InboundEvent,
  leadIds: readonly string[],
  campaigns: readonly SendingCampaign[],
): Message | null {
  const ofChannel = campaigns.filter(({ channelId }) => channelId === channel_id).map(({ _id }) => _id);
  if (ofChannel.length === 0 || leadIds.length === 0) return null;
  const rows = connection.all(
    `SELECT m.*, NULL AS text FROM json_each(?) AS c CROSS JOIN json_each(?) AS l
       CROSS JOIN message AS m ON m.campaign_id = c.value AND m.lead_id = l.value`,
    JSON.stringify(ofChannel),
    JSON.stringify(leadIds),
  );
  return answeredMessage(
    rows.map((row) => messageOf(row, [])),
    at,
  );
}

/** Notes on a message that it was answered, and that the answer was a stop; each counts once for its campaign. */
function noteReactions(connection: Connection, message: Message, wish: Wish | null, at: Instant): void {
  const { replied_at, opted_out_at, first } = afterAnswer(message, wish, at);
  connection.run(
    "UPDATE message SET replied_at = ?, opted_out_at = ? WHERE campaign_id = ? AND lead_id = ?",
    replied_at,
    opted_out_at,
    message.campaign_id,
    message.lead_id,
  );
  for (const reaction of first) countReaction(connection, message, reaction);
}

function countReaction(connection: Connection, { campaign_id, lead_id }: Message, reaction: Reaction): void {
  connection.run(
    `INSERT INTO campaign_reaction (campaign_id, variant, reaction, messages) VALUES (?, ?, ?, 1)
     ON CONFLICT DO UPDATE SET messages = messages + 1`,
    campaign_id,
    variantOf(variantsOf(connection, campaign_id), messageId(campaign_id, lead_id)),
    reaction,
  );
}

/** The reactions to a campaign by variant, in their order; variants without any are left out. */
function reactionsOf(connection: Connection, campaignId: string): VariantReactions[] {
  return connection
    .all(
      `SELECT variant, coalesce(sum(messages) FILTER (WHERE reaction = 'replied'), 0) AS replied,
         coalesce(sum(messages) FILTER (WHERE reaction = 'opted_out'), 0) AS opted_out
       FROM campaign_reaction WHERE campaign_id = ? GROUP BY variant ORDER BY variant`,
      campaignId,
    )
    .map((row) => ({
      variant: number(row, "variant"),
      replied: number(row, "replied"),
      opted_out: number(row, "opted_out"),
    }));
}

export function inboundOf(row: Row): InboundMessage {
  return {
    _id: text(row, "_id"),
    channel_id: text(row, "channel_id"),
    phone: text(row, "phone"),
    name: textOrNull(row, "name"),
    lead_id: textOrNull(row, "lead_id"),
    text: text(row, "text"),
    wish: textOrNull(row, "wish") as Wish | null,
    campaign_id: textOrNull(row, "campaign_id"),
    at: number(row, "at"),
    received_at: number(row, "received_at"),
  };
}
