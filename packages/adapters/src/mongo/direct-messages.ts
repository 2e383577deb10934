/** Owns messages to one person each on MongoDB: written down, claimed, recorded, and what receipts say of them. */
import { waitOfOne } from "@mini-crm/core/channel/room";
import type { Input, Stepped } from "@mini-crm/core/event/raised";
import type { StatusEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import {
  type DirectMessage,
  directAfterOutcome,
  directAfterReceipt,
  heedsOptOut,
  optedOutDirect,
} from "@mini-crm/core/message/direct-message";
import { LEASE_EXPIRED } from "@mini-crm/core/message/outcome";
import type { StepResult } from "@mini-crm/core/ports/steps";
import type { DirectClaim, DirectMessageStore, Page, PageRequest } from "@mini-crm/core/ports/store";
import { lastSends } from "./contacts.ts";
import type { DirectMessageDocument } from "./documents.ts";
import { noteRecipients } from "./limits.ts";
import { channelLock, lock } from "./locks.ts";
import { countSends, rateUse } from "./rate.ts";
import type { Tables } from "./tables.ts";

type ClaimRequest = Parameters<DirectMessageStore["claim"]>[0];
type RecordRequest = Parameters<DirectMessageStore["record"]>[0];

/** The step `write`. */
export async function write(tables: Tables, { messages }: Input<"write">): Promise<Stepped<StepResult<"write">>> {
  await tables.direct_message.insert(messages.map((queued) => ({ ...queued, worker: null, lease_until: null })));
  const raised = messages.map(({ _id, channel_id }) => {
    return { topic: "message.direct", key: channel_id, value: { version: 1, direct_id: _id, channel_id } } as const;
  });
  return { result: { queued: messages.length }, raised };
}

export async function claimDirect(tables: Tables, request: ClaimRequest): Promise<DirectClaim> {
  const { _id, worker, limits, leaseMs, now } = request;
  const known = await tables.direct_message.one({ _id });
  if (known?.status !== "PENDING") return { kind: "nothing" };
  const { phone, channel_id } = known;
  if (heedsOptOut(known) && (await hasOptedOut(tables, phone))) {
    await change(tables, optedOutDirect(known));
    return { kind: "nothing" };
  }
  // Whoever sends on this channel at the same moment counts this one, or is counted here.
  await lock(tables, channelLock(channel_id));
  const { rate, pairMs } = limits;
  const use = rate === null ? null : await rateUse(tables, channel_id, rate, now);
  const lastSentAt = pairMs === null ? null : ((await lastSends(tables, channel_id, [phone])).get(phone) ?? null);
  const until = waitOfOne(limits, { use, lastSentAt }, now);
  if (until !== null) return { kind: "limited", until };
  const claimed: DirectMessageDocument = { ...known, status: "SENDING", sending_at: now, worker, lease_until: now + leaseMs };
  await tables.direct_message.put(claimed);
  // In no campaign's name: it takes of the channel's rate, and is no part of how fast the campaign goes.
  await countSends(tables, { channelId: channel_id, campaignId: "", messages: 1 }, now);
  await noteRecipients(tables, { channel_id, limits, now }, [phone]);
  return { kind: "claimed", message: directOf(claimed) };
}

async function hasOptedOut(tables: Tables, phone: string): Promise<boolean> {
  const holders = await tables.lead.find({ phones: phone }, { projection: { "consent.state": 1 } });
  return holders.some(({ consent }) => consent.state === "opted_out");
}

export async function recordDirect(tables: Tables, { _id, worker, outcome, now }: RecordRequest): Promise<void> {
  const known = await tables.direct_message.one({ _id });
  if (known === null) return;
  const next = directAfterOutcome(known, { stillTheWorkers: known.worker === worker, outcome, now });
  if (next !== null) await change(tables, next);
}

export async function directOfCampaign(
  tables: Tables,
  campaignId: string,
  { page, limit }: PageRequest,
): Promise<Page<DirectMessage>> {
  const filter = { campaign_id: campaignId };
  const items = await tables.direct_message.find(filter, { sort: { _id: -1 }, skip: (page - 1) * limit, limit });
  return { items: items.map(directOf), total: await tables.direct_message.count(filter) };
}

/** The replies to a lead, newest first. */
export async function repliesTo(tables: Tables, leadId: string, limit: number): Promise<DirectMessage[]> {
  const replies = await tables.direct_message.find({ lead_id: leadId, campaign_id: null }, { sort: { _id: -1 }, limit });
  return replies.map(directOf);
}

/** SENDING ones whose lease has ended are UNCERTAIN. */
export async function endDirect(tables: Tables, now: Instant): Promise<void> {
  const { code, reason } = LEASE_EXPIRED;
  await tables.direct_message.update(
    { lease_until: { $gt: 0, $lte: now } },
    { $set: { status: "UNCERTAIN", lease_until: null, code, reason } },
  );
}

/** Moves the direct message that a receipt is of, if it is of one. */
export async function applyDirectReceipt(tables: Tables, receipt: StatusEvent): Promise<void> {
  const known = await tables.direct_message.one({ _id: receipt.message_id });
  if (known !== null) await change(tables, directAfterReceipt(known, receipt));
}

/** Writes where a message stands now. The lease ends. */
async function change(tables: Tables, { _id, ...fields }: DirectMessage): Promise<void> {
  await tables.direct_message.update({ _id }, { $set: { ...fields, lease_until: null } });
}

function directOf({ worker, lease_until, ...shown }: DirectMessageDocument): DirectMessage {
  return shown;
}
