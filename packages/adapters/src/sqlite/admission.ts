/** Owns the verb `admit`: the last look before the wire. */
import { type Campaign, endingOf } from "@mini-crm/core/campaign/campaign";
import type { FrequencyCap } from "@mini-crm/core/campaign/options";
import { type Gate, notesRecipients, openGate } from "@mini-crm/core/channel/room";
import type { Instant } from "@mini-crm/core/instant";
import { type Asking, admitThose, askingOf, capSince, noAdmission } from "@mini-crm/core/message/admission";
import { OUT_STATUSES } from "@mini-crm/core/message/message";
import type { Admission, MessageStore } from "@mini-crm/core/ports/store";
import { readCampaign } from "./campaigns.ts";
import { type Connection, text } from "./connection.ts";
import { lastSent, noteRecipients } from "./contacts.ts";
import { type CountChanges, countChanges } from "./counters.ts";
import { channelUse, countSends } from "./rate.ts";
import { hasHeardWishes, lastStops } from "./stops.ts";

type AdmitRequest = Parameters<MessageStore["admit"]>[0];

export function admit(connection: Connection, request: AdmitRequest): Admission {
  const admission = noAdmission();
  const changes = countChanges(connection);
  const gate = gateOf(connection, request);
  for (const [campaignId, asking] of askingOf(request.messages)) {
    const campaign = readCampaign(connection, campaignId);
    if (campaign === null || campaign.status !== "RUNNING" || endingOf(campaign, request.now) !== null) continue;
    admitOf(connection, campaign, asking, request, gate, changes, admission);
  }
  changes.write();
  if (notesRecipients(request.limits)) noteRecipients(connection, request.channel_id, gate.passed(), request.now);
  return admission;
}

/** What the channel's limits leave, for all of its campaigns together. */
function gateOf(connection: Connection, { channel_id, limits, messages, now }: AdmitRequest): Gate {
  const phones = notesRecipients(limits) ? messages.map(({ phone }) => phone) : [];
  const lastSentAt = phones.length === 0 ? new Map() : lastSent(connection, channel_id, phones);
  return openGate(limits, { ...channelUse(connection, channel_id, limits, now), lastSentAt }, now);
}

function admitOf(
  connection: Connection,
  campaign: Campaign,
  asking: readonly Asking[],
  request: AdmitRequest,
  gate: Gate,
  changes: CountChanges,
  admission: Admission,
): void {
  const leadIds = asking.map(({ leadId }) => leadId);
  const hasOptedOut = optedOutAmong(connection, leadIds);
  for (const leadId of stoppedStrangersAmong(connection, campaign._id, leadIds)) hasOptedOut.add(leadId);
  const hasHadEnough = cappedAmong(connection, campaign._id, campaign.options.frequency_cap, leadIds, request.now);
  const take = (message: Asking): boolean => {
    const isTaken = markSending(connection, campaign._id, message, request);
    if (isTaken) changes.moved(campaign._id, message.leadId, { status: "CLAIMED" }, { status: "SENDING" });
    return isTaken;
  };
  const admitted = admitThose(asking, { hasOptedOut, hasHadEnough }, gate, take, admission);
  const sends = { channelId: request.channel_id, campaignId: campaign._id, messages: admitted };
  countSends(connection, sends, request.now);
}

/** CLAIMED -> SENDING with its text, where it is still the worker's. */
function markSending(connection: Connection, campaignId: string, message: Asking, request: AdmitRequest): boolean {
  const marked = connection.run(
    `UPDATE message SET status = 'SENDING', sending_at = ?
     WHERE campaign_id = ? AND lead_id = ? AND status = 'CLAIMED' AND worker = ? AND attempt = ?`,
    request.now,
    campaignId,
    message.leadId,
    request.worker,
    message.attempt,
  );
  if (marked === 0) return false;
  connection.run(
    "INSERT OR REPLACE INTO message_text (campaign_id, lead_id, text) VALUES (?, ?, ?)",
    campaignId,
    message.leadId,
    message.text,
  );
  return true;
}

/** One look at the few who have opted out among leads that lie close together, instead of one at each lead. */
function optedOutAmong(connection: Connection, leadIds: readonly string[]): Set<string> {
  const first = leadIds.reduce((least, id) => (id < least ? id : least), "g");
  const last = leadIds.reduce((most, id) => (id > most ? id : most), "");
  const rows = connection.all(
    `SELECT _id FROM lead WHERE (consent = 'opted_out' OR phones = '[]') AND consent = 'opted_out' AND _id >= ? AND _id <= ?`,
    first,
    last,
  );
  return new Set(rows.map((row) => text(row, "_id")));
}

/** Those whose message still goes to a number that is no longer theirs, and whose owner has said stop. */
function stoppedStrangersAmong(connection: Connection, campaignId: string, leadIds: readonly string[]): Set<string> {
  if (!hasHeardWishes(connection)) return new Set();
  const rows = connection.all(
    `SELECT m.lead_id, m.phone FROM json_each(?) AS asked CROSS JOIN message AS m ON m.campaign_id = ? AND m.lead_id = asked.value
     WHERE EXISTS (SELECT 1 FROM inbound_message AS i WHERE i.phone = m.phone AND i.wish IS NOT NULL)
       AND NOT EXISTS (SELECT 1 FROM lead_contact AS c WHERE c.kind = 'phone' AND c.value = m.phone AND c.lead_id = m.lead_id)`,
    JSON.stringify(leadIds),
    campaignId,
  );
  const stops = lastStops(
    connection,
    rows.map((row) => text(row, "phone")),
  );
  return new Set(rows.filter((row) => stops.has(text(row, "phone"))).map((row) => text(row, "lead_id")));
}

/** Those who have had as many messages of other campaigns in the last days as this one's cap allows. */
export function cappedAmong(
  connection: Connection,
  campaignId: string,
  cap: FrequencyCap | null,
  leadIds: readonly string[],
  now: Instant,
): Set<string> {
  if (cap === null || leadIds.length === 0) return new Set();
  const rows = connection.all(
    `SELECT m.lead_id ${messagesOfLate("json_each(?) AS asked", "asked.value")} AND c._id <> ?
     GROUP BY m.lead_id HAVING count(*) >= ?`,
    JSON.stringify(leadIds),
    capSince(cap, now),
    capSince(cap, now),
    campaignId,
    cap.messages,
  );
  return new Set(rows.map((row) => text(row, "lead_id")));
}

/** The messages of every campaign to the leads of `source` since a moment, which is two parameters. Those that failed count not. */
function messagesOfLate(source: string, leadId: string): string {
  return `FROM ${source} CROSS JOIN campaign AS c CROSS JOIN message AS m ON m.campaign_id = c._id AND m.lead_id = ${leadId}
    WHERE c.started_at IS NOT NULL AND (c.completed_at IS NULL OR c.completed_at > ?) AND m.sending_at > ?
      AND m.status IN (${OUT_STATUSES.map((status) => `'${status}'`).join(", ")})`;
}
