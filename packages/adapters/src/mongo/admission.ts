/** Owns the verb `admit`: the last look before the wire. */
import { endingOf } from "@mini-crm/core/campaign/campaign";
import type { FrequencyCap } from "@mini-crm/core/campaign/options";
import type { Gate } from "@mini-crm/core/channel/room";
import type { Instant } from "@mini-crm/core/instant";
import { type Asking, admitThose, askingOf, capSince, noAdmission, type Objections } from "@mini-crm/core/message/admission";
import { messageId, OUT_STATUSES } from "@mini-crm/core/message/message";
import type { Admission, MessageStore } from "@mini-crm/core/ports/store";
import { type CountChanges, countChanges } from "./counters.ts";
import type { CampaignDocument } from "./documents.ts";
import { lockedGate, noteRecipients } from "./limits.ts";
import { CAPS, campaignLock, lock } from "./locks.ts";
import { type MessageChanges, readMessages } from "./message-changes.ts";
import { countSends } from "./rate.ts";
import { lastStops } from "./stops.ts";
import type { Tables } from "./tables.ts";

type AdmitRequest = Parameters<MessageStore["admit"]>[0];

export async function admit(tables: Tables, request: AdmitRequest): Promise<Admission> {
  const admission = noAdmission();
  const changes = countChanges(tables);
  const phones = request.messages.map(({ phone }) => phone);
  const gate = await lockedGate(tables, request, phones);
  for (const [campaignId, asking] of askingOf(request.messages)) {
    // A campaign that is stopped in the meantime sends no more.
    await lock(tables, campaignLock(campaignId));
    const campaign = await tables.campaign.one({ _id: campaignId }, { projection: { status: 1, options: 1 } });
    if (campaign === null || campaign.status !== "RUNNING" || endingOf(campaign, request.now) !== null) continue;
    await admitOf(tables, campaign, asking, request, gate, changes, admission);
  }
  await changes.write();
  await noteRecipients(tables, request, gate.passed());
  return admission;
}

async function admitOf(
  tables: Tables,
  campaign: CampaignDocument,
  asking: readonly Asking[],
  request: AdmitRequest,
  gate: Gate,
  changes: CountChanges,
  admission: Admission,
): Promise<void> {
  const messages = await readMessages(
    tables,
    asking.map(({ _id }) => _id),
  );
  const objections = await objectionsTo(tables, campaign, asking, request, messages);
  const take = (message: Asking): boolean => {
    const known = messages.get(message._id);
    if (known?.status !== "CLAIMED" || known.worker !== request.worker || known.attempt !== message.attempt) return false;
    messages.change(known, { status: "SENDING", sending_at: request.now, text: message.text });
    changes.moved(campaign._id, message.leadId, { status: "CLAIMED" }, { status: "SENDING" });
    return true;
  };
  const admitted = admitThose(asking, objections, gate, take, admission);
  await messages.write();
  const sends = { channelId: request.channel_id, campaignId: campaign._id, messages: admitted };
  await countSends(tables, sends, request.now);
}

async function objectionsTo(
  tables: Tables,
  { _id, options }: CampaignDocument,
  asking: readonly Asking[],
  { now }: AdmitRequest,
  messages: MessageChanges,
): Promise<Objections> {
  // Of two campaigns that ask for the same person at once, one sees what the other sends.
  if (options.frequency_cap !== null) await lock(tables, CAPS);
  const leadIds = asking.map(({ leadId }) => leadId);
  const phoneOf = new Map(asking.map((message) => [message.leadId, messages.get(message._id)?.phone ?? null]));
  return {
    hasOptedOut: await optedOutAmong(tables, phoneOf),
    hasHadEnough: await cappedAmong(tables, _id, options.frequency_cap, leadIds, now),
  };
}

/**
 * Leads that have opted out, and those whose message still goes to a number that is no longer theirs, and whose owner has said
 * stop. `phoneOf` says where the message to each lead goes.
 */
async function optedOutAmong(tables: Tables, phoneOf: ReadonlyMap<string, string | null>): Promise<Set<string>> {
  const leads = await tables.lead.find({ _id: { $in: [...phoneOf.keys()] } }, { projection: { "consent.state": 1, phones: 1 } });
  const known = new Map(leads.map((lead) => [lead._id, lead]));
  const strangers = new Map<string, string>();
  for (const [leadId, phone] of phoneOf) {
    if (phone !== null && known.get(leadId)?.phones.includes(phone) !== true) strangers.set(leadId, phone);
  }
  const stops = strangers.size === 0 ? new Map() : await lastStops(tables, [...new Set(strangers.values())]);
  const stopped = [...strangers].filter(([, phone]) => stops.has(phone)).map(([leadId]) => leadId);
  const optedOut = leads.filter(({ consent }) => consent.state === "opted_out").map(({ _id }) => _id);
  return new Set([...optedOut, ...stopped]);
}

/** How many messages are looked up in one query. */
const LOOKED_UP_AT_ONCE = 10_000;

/** Those who have had as many messages of other campaigns in the last days as this one's cap allows. */
export async function cappedAmong(
  tables: Tables,
  campaignId: string,
  cap: FrequencyCap | null,
  leadIds: readonly string[],
  now: Instant,
): Promise<Set<string>> {
  if (cap === null || leadIds.length === 0) return new Set();
  const since = capSince(cap, now);
  const campaigns = await tables.campaign.find(
    { started_at: { $ne: null }, $or: [{ completed_at: null }, { completed_at: { $gt: since } }] },
    { projection: { _id: 1 } },
  );
  const ids = campaigns.filter(({ _id }) => _id !== campaignId).flatMap(({ _id }) => leadIds.map((id) => messageId(_id, id)));
  const had = new Map<string, number>();
  for (let from = 0; from < ids.length; from += LOOKED_UP_AT_ONCE) {
    const messages = await tables.message.find(
      { _id: { $in: ids.slice(from, from + LOOKED_UP_AT_ONCE) } },
      { projection: { lead_id: 1, status: 1, sending_at: 1 } },
    );
    for (const { lead_id, status, sending_at = null } of messages) {
      const counts = sending_at !== null && sending_at > since && OUT.has(status);
      if (counts) had.set(lead_id, (had.get(lead_id) ?? 0) + 1);
    }
  }
  return new Set([...had].filter(([, messages]) => messages >= cap.messages).map(([leadId]) => leadId));
}

const OUT: ReadonlySet<string> = new Set(OUT_STATUSES);
