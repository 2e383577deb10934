/** Owns how messages of the ledger are read, besides its pages. */
import type { Instant } from "@mini-crm/core/instant";
import { type Message, messageId, parseMessageId } from "@mini-crm/core/message/message";
import { variantsOf } from "./counters.ts";
import { messageOf } from "./message-documents.ts";
import { DUE_INDEX } from "./schema.ts";
import type { Tables } from "./tables.ts";

export async function readMessage(tables: Tables, id: string): Promise<Message | null> {
  const key = parseMessageId(id);
  const message = key === null ? null : await tables.message.one({ _id: id });
  return message === null ? null : messageOf(message, await variantsOf(tables, message.campaign_id));
}

export async function nextDue(
  tables: Tables,
  campaignId: string,
): Promise<{ due_at: Instant; code: string; last_due_at: Instant } | null> {
  const waiting = { campaign_id: campaignId, due_at: { $gt: 0 } };
  const projection = { due_at: 1, code: 1 };
  const next = await tables.message.one(waiting, { sort: { due_at: 1 }, projection, hint: DUE_INDEX });
  const last = await tables.message.one(waiting, { sort: { due_at: -1 }, projection, hint: DUE_INDEX });
  if (next === null || last === null) return null;
  return { due_at: next.due_at ?? 0, code: next.code ?? "", last_due_at: last.due_at ?? 0 };
}

/** Looked up campaign by campaign: an index by lead would cost every expansion what this rare question saves. */
export async function messagesOfLead(tables: Tables, leadId: string, limit: number): Promise<Message[]> {
  const campaigns = await tables.campaign.find({}, { projection: { _id: 1 } });
  const ids = campaigns.map(({ _id }) => messageId(_id, leadId));
  const messages = await tables.message.find({ _id: { $in: ids } }, { sort: { _id: -1 }, limit });
  const found = await tables.campaign.find(
    { _id: { $in: messages.map(({ campaign_id }) => campaign_id) } },
    { projection: { "frozen.variants": 1 } },
  );
  const variants = new Map(found.map(({ _id, frozen }) => [_id, frozen?.variants ?? []]));
  return messages.map((message) => messageOf(message, variants.get(message.campaign_id) ?? []));
}

export async function countWaiting(tables: Tables, channelId: string): Promise<number> {
  const campaigns = await tables.campaign.find({ status: "RUNNING", channel_id: channelId }, { projection: { _id: 1 } });
  const [sum] = await tables.campaign_count.aggregate<{ messages: number }>([
    { $match: { campaign_id: { $in: campaigns.map(({ _id }) => _id) }, status: { $in: ["PENDING", "CLAIMED"] } } },
    { $group: { _id: null, messages: { $sum: "$messages" } } },
  ]);
  return sum?.messages ?? 0;
}
