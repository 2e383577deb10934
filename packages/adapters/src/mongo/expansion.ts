/** Owns how an audience becomes messages on MongoDB: a window of leads at a time, read once and written once. */
import { unreachable } from "@mini-crm/core/app-error";
import type { Campaign, FrozenRun } from "@mini-crm/core/campaign/campaign";
import { expansionOf, windowRaised } from "@mini-crm/core/campaign/expansion";
import type { Input, Stepped } from "@mini-crm/core/event/raised";
import type { Instant } from "@mini-crm/core/instant";
import { AFTER_ALL_LEADS } from "@mini-crm/core/lead/lead";
import { messageId, type SkipReason } from "@mini-crm/core/message/message";
import { reasonOf } from "@mini-crm/core/message/reasons";
import type { StepResult } from "@mini-crm/core/ports/steps";
import type { Document } from "mongodb";
import { inAudience, lastLeadOf, unreachableBecause } from "./audience.ts";
import { readCampaign, writeCampaign } from "./campaigns.ts";
import { countChanges } from "./counters.ts";
import type { LeadDocument, MessageDocument } from "./documents.ts";
import { endNext } from "./ending.ts";
import { audienceLock, lock } from "./locks.ts";
import { completeThoseDone } from "./receipts.ts";
import type { Tables } from "./tables.ts";

export async function expand(tables: Tables, input: Input<"expand">): Promise<Stepped<StepResult<"expand">>> {
  const campaign = await readCampaign(tables, input.campaign_id);
  const expansion = expansionOf(campaign, await expandedToOf(tables, input.campaign_id), input);
  switch (expansion.kind) {
    case "not_running":
      return { result: expansion, raised: [] };
    case "ends":
      return endNext(tables, expansion.campaign, expansion.ending, input);
    case "known":
      return { result: { kind: "expanded", written: 0, last: false }, raised: expansion.raised };
    case "goes_on":
      return expandOn(tables, expansion.campaign, expansion.frozen, input);
    default:
      return unreachable(expansion);
  }
}

async function expandedToOf(tables: Tables, campaignId: string): Promise<string | null> {
  const last = await tables.message_window.one({ campaign_id: campaignId }, { sort: { after: -1 } });
  return last?.up_to ?? null;
}

/**
 * Writes the window behind `input.after` down. That takes long, and the campaign's document changes every second while it is
 * being sent: so it is left alone, save by the last window, which changes it before the long part, and others wait.
 */
async function expandOn(
  tables: Tables,
  campaign: Campaign,
  frozen: FrozenRun,
  input: Input<"expand">,
): Promise<Stepped<StepResult<"expand">>> {
  const { _id } = campaign;
  await lock(tables, audienceLock(_id));
  const after = input.after ?? "";
  const end = await lastLeadOf(tables, after, frozen.cutoff, input.leadsPerWindow);
  const up_to = end ?? AFTER_ALL_LEADS;
  await tables.message_window.insert([{ _id: _id + after, campaign_id: _id, after, up_to }]);
  if (end === null) await writeCampaign(tables, _id, { expanded: true, updated_at: input.now });
  const { written, pending } = await writeMessages(tables, _id, frozen, { after, upTo: up_to }, input.now);
  // One of which nobody can be written to is complete at once.
  if (end === null) await completeThoseDone(tables, [_id], { now: input.now, receiptWindowMs: Number.POSITIVE_INFINITY });
  const raised = windowRaised(campaign, { after: input.after, end, pending });
  return { result: { kind: "expanded", written, last: end === null }, raised };
}

/** What of a lead decides what becomes of it. */
type Recipient = Pick<LeadDocument, "_id" | "phones" | "consent" | "shares_phone">;

/**
 * Writes the messages of a window; who cannot be written to gets one that says why. Answers how many it wrote, and how many of
 * them are pending.
 */
async function writeMessages(
  tables: Tables,
  campaignId: string,
  frozen: FrozenRun,
  { after, upTo }: { after: string; upTo: string },
  now: Instant,
): Promise<{ written: number; pending: number }> {
  const recipients: Recipient[] = await tables.lead.find(
    { ...inAudience(frozen), _id: { $gt: after, $lte: upTo } },
    // Whatever index the rule has: no more leads are looked at than the window has.
    { sort: { _id: 1 }, hint: { _id: 1 }, projection: { phones: { $slice: 1 }, "consent.state": 1, shares_phone: 1 } },
  );
  const codes = await codesOf(tables, campaignId, recipients);
  const messages = recipients.map((recipient, index) => messageTo(campaignId, recipient, codes[index] ?? null, now));
  await tables.message.insert(messages);
  const changes = countChanges(tables);
  for (const { status, code } of messages) changes.movedMany(campaignId, after, null, { status, code }, 1);
  await changes.write();
  return { written: messages.length, pending: codes.filter((code) => code === null).length };
}

function messageTo(campaignId: string, { _id, phones }: Recipient, code: SkipReason | null, now: Instant): MessageDocument {
  const message = {
    _id: messageId(campaignId, _id),
    campaign_id: campaignId,
    lead_id: _id,
    phone: phones[0] ?? null,
    attempt: 0,
    created_at: now,
  };
  if (code === null) return { ...message, status: "PENDING" };
  return { ...message, status: "SKIPPED", code, reason: reasonOf(code), settled_at: now };
}

/** Why each of a window's recipients, who are in order, is not written to; null for those who are. */
async function codesOf(tables: Tables, campaignId: string, recipients: readonly Recipient[]): Promise<(SkipReason | null)[]> {
  const shared = recipients.filter(({ shares_phone }) => shares_phone).flatMap(({ phones }) => phones.slice(0, 1));
  const taken = await takenAmong(tables, campaignId, [...new Set(shared)]);
  return recipients.map((recipient) => {
    const because = unreachableBecause(recipient);
    if (because !== null || !recipient.shares_phone) return because;
    const phone = recipient.phones[0] ?? "";
    if (taken.has(phone)) return "duplicate_number";
    taken.add(phone);
    return null;
  });
}

/**
 * Those of `phones` that a message of an earlier window goes to: of several recipients with one number, only the oldest in the
 * audience is written to. Only marked leads can be among them, whether they have the number still or had it once.
 */
async function takenAmong(tables: Tables, campaignId: string, phones: readonly string[]): Promise<Set<string>> {
  if (phones.length === 0) return new Set();
  const messagesTo = (leadId: string): Document[] => [
    { $project: { _id: 0, message: { $concat: [campaignId, leadId] } } },
    { $lookup: { from: "message", localField: "message", foreignField: "_id", as: "message" } },
    { $unwind: "$message" },
    { $match: { "message.phone": { $in: phones }, "message.code": { $ne: "opted_out" } } },
    { $group: { _id: "$message.phone" } },
  ];
  const holders = await tables.lead.aggregate<{ _id: string }>([{ $match: { phones: { $in: phones } } }, ...messagesTo("$_id")]);
  const formerHolders = await tables.former_phone.aggregate<{ _id: string }>([
    { $match: { phone: { $in: phones } } },
    ...messagesTo("$lead_id"),
  ]);
  return new Set([...holders, ...formerHolders].map(({ _id }) => _id));
}
